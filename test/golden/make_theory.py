"""Golden values for toy data: Jensen-Shannon divergences of Gaussians and densities of mixtures, by numpy in float64.

Run: python make_theory.py > theory.json
"""

import json

import numpy as np


def gaussian(x, mean, deviation):
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * np.sqrt(2 * np.pi))


def jensen_shannon(p, q):
    """Trapezoidal rule over densities on a line fine enough for ten digits."""
    x = np.linspace(-12, 12, 1_000_001)
    p, q = p(x), q(x)
    m = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log(p / m), 0) + np.where(q > 0, q * np.log(q / m), 0)
    return float(np.trapezoid(terms, x) / 2)


pairs = [((0, 1), (0.5, 1)), ((0, 1), (3, 0.5)), ((-1, 0.7), (-1, 1.4))]
divergences = [
    {"a": a, "b": b, "jsd": jensen_shannon(lambda x: gaussian(x, *a), lambda x: gaussian(x, *b))} for a, b in pairs
]

line = lambda x: 0.6 * gaussian(x, -1.2, 0.5) + 0.4 * gaussian(x, 1.4, 0.7)
plane = lambda x, y: sum(
    w * gaussian(x, mx, s) * gaussian(y, my, s)
    for w, mx, my, s in [(0.4, -1.2, -0.8, 0.7), (0.35, 1.3, -0.6, 0.6), (0.25, 0.1, 1.4, 0.5)]
)
angles = np.arange(8) / 8 * 2 * np.pi
ring = lambda x, y: np.mean(gaussian(x, 2 * np.cos(angles), 0.3) * gaussian(y, 2 * np.sin(angles), 0.3))
grid = lambda x, y: np.mean(
    [gaussian(x, i, 0.2) * gaussian(y, j, 0.2) for i in range(-2, 3) for j in range(-2, 3)]
)
points = [(-1.2, 0.3), (0.0, 0.0), (1.5, 1.3), (2.1, -0.1)]
densities = {
    "mixture-1d": [{"point": [x], "density": float(line(x))} for x, _ in points],
    "mixture-2d": [{"point": [x, y], "density": float(plane(x, y))} for x, y in points],
    "ring": [{"point": [x, y], "density": float(ring(x, y))} for x, y in points],
    "grid": [{"point": [x, y], "density": float(grid(x, y))} for x, y in points],
}
print(json.dumps({"divergences": divergences, "densities": densities}, indent=1))
