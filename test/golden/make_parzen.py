"""Makes parzen.json: Parzen window log-likelihoods by NumPy in float64, which parzen.ts has to match.

Run from the repository root, in an environment with numpy (2.4.6 made the file in the repository):

    python test/golden/make_parzen.py

Values are those of a linear congruential generator, x -> (1103515245 x + 12345) mod 2^31, started at a seed: its bits
8 to 30 over 2^23, which float32 holds exactly. Distances are sums of squared differences, one sample at a time.
"""

import json
from pathlib import Path

import numpy as np

OUT = Path(__file__).with_name("parzen.json")


def values(seed, count, size, spread=1.0, offset=0.0):
    """[count, size] values in [offset, offset + spread)."""
    out = np.empty(count * size)
    x = seed
    for i in range(out.size):
        x = (1103515245 * x + 12345) % 2**31
        out[i] = (x >> 8) / 2**23
    return (out * spread + offset).reshape(count, size)


def log_likelihoods(points, samples, sigma):
    """By point, with the largest exponent taken out of the sum."""
    size = samples.shape[1]
    result = np.empty(len(points))
    for i, point in enumerate(points):
        exponents = -((samples - point) ** 2).sum(axis=1) / (2 * sigma**2)
        top = exponents.max()
        result[i] = top + np.log(np.exp(exponents - top).mean()) - size * np.log(sigma * np.sqrt(2 * np.pi))
    return result


def case(size, samples, validation, test, spread):
    """One protocol: ten widths, the best on validation, then the test points."""
    sets = [values(seed, n, size, spread) for seed, n in [(1, samples), (2, validation), (3, test)]]
    sigmas = np.logspace(-1, 0, 10)
    course = [float(log_likelihoods(sets[1], sets[0], sigma).mean()) for sigma in sigmas]
    sigma = sigmas[int(np.argmax(course))]
    found = log_likelihoods(sets[2], sets[0], sigma)
    return {
        "size": size,
        "samples": samples,
        "validation": validation,
        "test": test,
        "spread": spread,
        "sigmas": sigmas.tolist(),
        "course": course,
        "sigma": float(sigma),
        "mean": float(found.mean()),
        "standardError": float(found.std() / np.sqrt(test)),
        "narrow": log_likelihoods(sets[2], sets[0], 0.1).tolist(),
    }


# The second has more samples than parzen.ts takes at once; the third is as wide as MNIST.
cases = [case(6, 50, 20, 30, 1.0), case(3, 5000, 300, 40, 0.5), case(784, 60, 10, 15, 0.5), case(2, 1, 1, 1, 0.25)]
OUT.write_text("[\n" + ",\n".join(json.dumps(one) for one in cases) + "\n]\n")
