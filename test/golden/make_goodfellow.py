"""Makes goodfellow.json: 20 steps of the 2014 paper's training, written down straight from the paper and its authors' settings.

Run from the repository root, in an environment with numpy and torch:

    python test/golden/make_goodfellow.py

Algorithm 1 with k = 1 and k = 5, the same with a change of G's objective, and the joint training of the authors' code, each on
a small pair (G: ReLU, sigmoid; D: maxout, maxout, with dropout on every input), and the joint training once more on the
authors' MNIST networks at full size; in float64. Parameters, batches, latents and dropout masks come from `hash32`, 32-bit
integer arithmetic that JavaScript repeats exactly, so the JSON holds only results.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch

OUT = Path(__file__).with_name("goodfellow.json")

BATCH, PIECES = 8, 5
SMALL = {"latent": 5, "hidden": [12], "pixels": 16, "units": 6, "halfWidth": 0.5}
FULL = {"latent": 100, "hidden": [1200, 1200], "pixels": 784, "units": 240, "halfWidth": 0.05}
SLICE = 8
KEEP = (0.8, 0.5, 0.5)
STEPS = 20
# Streams of hash32. Parameter number k has stream k.
LATENT_STREAM, PIXEL_STREAM, MASK_STREAM = 20_000, 30_000, 50_000

CASES = {
    "Algorithm 1, k = 1": {"schedule": "d-first", "k": 1, "loss": "minimax"},
    "Algorithm 1, k = 5": {"schedule": "d-first", "k": 5, "loss": "nonsaturating"},
    "Algorithm 1, log(1 - D) for 8 steps, then -log D": {
        "schedule": "d-first", "k": 1, "loss": "minimax", "lossSwitchStep": 8,
    },
    "the authors' joint training": {"schedule": "joint", "k": 1, "loss": "nonsaturating"},
    "joint training, -log D for 5 steps, then log(1 - D)": {
        "schedule": "joint", "k": 1, "loss": "nonsaturating", "lossSwitchStep": 5,
    },
    "the authors' MNIST networks": {"schedule": "joint", "k": 1, "loss": "nonsaturating", "size": FULL},
}


# ---- inputs ---------------------------------------------------------------------------------------------------------


def hash32(i, s):
    """Unsigned 32-bit hash of index (or indices) `i` in stream `s`."""
    mask = np.uint64(0xFFFFFFFF)
    x = (np.asarray(i, np.uint64) * np.uint64(2654435761)) & mask
    x = (x + np.uint64((s * 2246822519 + 374761393) % 2**32)) & mask
    x = x ^ (x >> np.uint64(15))
    x = (x * np.uint64(2246822519)) & mask
    x = x ^ (x >> np.uint64(13))
    x = (x * np.uint64(3266489917)) & mask
    return x ^ (x >> np.uint64(16))


def unit(count, s):
    """`count` numbers in (0, 1)."""
    return (hash32(np.arange(count), s).astype(np.float64) + 0.5) / 2**32


def tensor(values, shape):
    """Through float32, which is what the graph computes with, to float64."""
    return torch.from_numpy(values.astype(np.float32).astype(np.float64)).reshape(shape)


def parameters(k, shapes, half_width):
    """Parameters k, k + 1, ...: weights uniform in +-half_width, biases in +-0.1."""
    return [
        tensor((2 * unit(int(np.prod(shape)), k + i) - 1) * (half_width if len(shape) > 1 else 0.1), shape).requires_grad_()
        for i, shape in enumerate(shapes)
    ]


def linear_shapes(inputs, outputs):
    return [(outputs, inputs), (outputs,)]


def latents(run, width):
    return tensor((2 * unit(BATCH * width, LATENT_STREAM + run) - 1) * np.sqrt(3), (BATCH, width))


def images(run, pixels):
    """Pixels in [0, 1] of the bytes that the graph is fed."""
    byte = hash32(np.arange(BATCH * pixels), PIXEL_STREAM + run) >> np.uint64(24)
    return torch.from_numpy(byte.astype(np.float64) / 255).reshape(BATCH, pixels)


def masks(run, first, size):
    """Masks of D's three inputs, already divided by the probabilities of keeping; `first` is 0 for G's batch, 3 for the data."""
    return [
        torch.from_numpy((unit(BATCH * width, MASK_STREAM + 10 * run + first + i) < keep) / keep).reshape(BATCH, width)
        for i, (width, keep) in enumerate(zip((size["pixels"], size["units"], size["units"]), KEEP, strict=True))
    ]


# ---- networks -------------------------------------------------------------------------------------------------------


def generator(theta, z):
    *hidden, (weight, bias) = zip(theta[0::2], theta[1::2], strict=True)
    for w, b in hidden:
        z = torch.relu(z @ w.T + b)
    return torch.sigmoid(z @ weight.T + bias)


def discriminator(theta, x, masks):
    """Probability that x is data, [BATCH, 1]; maxout is written as the largest of five linear maps."""
    for i in (0, 1):
        weight, bias = theta[2 * i].reshape(PIECES, len(theta[4][0]), -1), theta[2 * i + 1].reshape(PIECES, -1)
        dropped = x * masks[i]
        x = torch.stack([dropped @ weight[p].T + bias[p] for p in range(PIECES)]).max(dim=0).values
    return torch.sigmoid((x * masks[2]) @ theta[4].T + theta[5])


def value(on_data, on_samples):
    """V(D, G) of the paper's equation 1."""
    return torch.log(on_data).mean() + torch.log(1 - on_samples).mean()


def objective(name, on_samples):
    """What G minimises."""
    return {
        "minimax": torch.log(1 - on_samples).mean(),
        "nonsaturating": -torch.log(on_samples).mean(),
    }[name]


class Sgd:
    """v <- m v - lr g, p <- p + v; lr is divided by 1.01 after every update but stays above 0.085, m grows by epochs of 4."""

    def __init__(self, theta):
        self.theta = theta
        self.velocity = [torch.zeros_like(p) for p in theta]
        self.learning_rate = 0.1
        self.updates = 0

    def descend(self, slopes):
        epoch = self.updates // 4 + 1
        momentum = 0.5 + 0.2 * min(1, (epoch - 1) / 3)
        with torch.no_grad():
            for p, v, g in zip(self.theta, self.velocity, slopes, strict=True):
                v.copy_(momentum * v - self.learning_rate * g)
                p.add_(v)
        self.learning_rate = max(self.learning_rate / 1.01, 0.085)
        self.updates += 1


# ---- training -------------------------------------------------------------------------------------------------------


def train(schedule, k, loss, lossSwitchStep=None, size=SMALL):  # noqa: N803
    pixels, units, half_width = size["pixels"], size["units"], size["halfWidth"]
    widths = [size["latent"], *size["hidden"], pixels]
    g_shapes = [shape for pair in zip(widths, widths[1:]) for shape in linear_shapes(*pair)]
    d_shapes = [
        *linear_shapes(pixels, PIECES * units), *linear_shapes(units, PIECES * units), *linear_shapes(units, 1)
    ]
    g = parameters(0, g_shapes, half_width)
    d = parameters(len(g), d_shapes, half_width)
    initial = [p.detach().clone() for p in g + d]
    g_sgd, d_sgd = Sgd(g), Sgd(d)
    other = {"minimax": "nonsaturating", "nonsaturating": "minimax"}[loss]
    d_losses, g_losses, run = [], [], 0
    for step in range(STEPS):
        name = loss if lossSwitchStep is None or step < lossSwitchStep else other
        if schedule == "joint":
            fake = generator(g, latents(run, size["latent"]))
            on_samples = discriminator(d, fake, masks(run, 0, size))
            on_data = discriminator(d, images(run, pixels), masks(run, 3, size))
            g_loss, d_loss = objective(name, on_samples), -value(on_data, on_samples) / 2
            g_slopes = torch.autograd.grad(g_loss, g, retain_graph=True)
            d_slopes = torch.autograd.grad(d_loss, d)
            g_sgd.descend(g_slopes)
            d_sgd.descend(d_slopes)
            run += 1
        else:
            for _ in range(k):
                fake = generator(g, latents(run, size["latent"])).detach()
                on_samples = discriminator(d, fake, masks(run, 0, size))
                on_data = discriminator(d, images(run, pixels), masks(run, 3, size))
                # The authors halve what D minimises; the paper's Algorithm 1 ascends V itself.
                d_loss = -value(on_data, on_samples) / 2
                d_sgd.descend(torch.autograd.grad(d_loss, d))
                run += 1
            g_loss = objective(name, discriminator(d, generator(g, latents(run, size["latent"])), masks(run, 0, size)))
            g_sgd.descend(torch.autograd.grad(g_loss, g))
            run += 1
        d_losses.append(float(d_loss.detach()))
        g_losses.append(float(g_loss.detach()))
    return {
        "dLosses": d_losses,
        "gLosses": g_losses,
        "moved": [measure((p.detach() - at_first).flatten()) for p, at_first in zip(g + d, initial, strict=True)],
    }


def measure(x):
    """All numbers of a small tensor; of a large one some, evenly spaced; and the Euclidean norm of all."""
    stride = 1 if len(x) < 1000 else len(x) // SLICE
    return {"norm": float(x.norm()), "stride": stride, "slice": [float(f"{value:.9g}") for value in x[::stride].tolist()]}


def to_json(value):
    """Indented JSON with each list of plain numbers on one line."""
    text = json.dumps(value, indent=1)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda m: re.sub(r"\s+", " ", m[0]).replace("[ ", "[").replace(" ]", "]"), text)


def main():
    golden = {
        "howMade": "python test/golden/make_goodfellow.py: how far 20 steps moved each parameter, G's then D's, layouts as torch's Linear",
        "torch": torch.__version__,
        "steps": STEPS,
        "cases": {name: {"size": SMALL, **case, **train(**case)} for name, case in CASES.items()},
    }
    OUT.write_text(to_json(golden) + "\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
