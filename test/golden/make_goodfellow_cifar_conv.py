"""Makes goodfellow-cifar-conv.json: joint steps of the 2014 paper's convolutional CIFAR-10 networks, narrowed, in float64.

Run from the repository root, in an environment with numpy and torch:

    python test/golden/make_goodfellow_cifar_conv.py

Sizes of images are the authors', 32 x 32 -> 33 -> 16 -> 15 -> 7 -> 9 -> 5, with fewer channels and units. Parameters, batches, latents
and dropout masks come from `hash32` of make_goodfellow.py, which JavaScript repeats exactly, so the JSON holds only results.
"""

import json
from pathlib import Path

import numpy as np
import torch
from make_goodfellow import hash32, tensor, to_json, unit
from torch.nn import functional as F  # noqa: N812

OUT = Path(__file__).with_name("goodfellow-cifar-conv.json")
BATCH, LATENT, STEPS, SLICE = 4, 5, 2, 16
WIDTHS = {"hidden": 12, "start": 3, "units": [4, 3, 5, 6]}
IMAGE, CONTRAST_NORM, PIECES = (3, 32, 32), 55, 5
LEARNING_RATE, MOMENTUM = 0.02, 0.5
LATENT_STREAM, PIXEL_STREAM, MASK_STREAM = 20_000, 30_000, 50_000


def shapes():
    """Of the parameters in order, each weight with the half width of its values; layouts are torch's."""
    hidden, start = WIDTHS["hidden"], WIDTHS["start"]
    first, second, third, last = WIDTHS["units"]
    weights = [
        ((hidden, LATENT), (hidden,), 0.5),
        ((start * 100, hidden), (start * 100,), 0.5),
        ((start, 3, 5, 5), IMAGE, 0.5),
        ((2 * first, 3, 8, 8), (2 * first,), 0.1),
        ((2 * second, first, 8, 8), (2 * second,), 0.1),
        ((2 * third, second, 5, 5), (2 * third,), 0.2),
        ((PIECES * last, third * 25), (PIECES * last,), 0.3),
        ((1, last), (1,), 0.3),
    ]
    return [each for weight, bias, half in weights for each in ((weight, half), (bias, 0.1))]


def generator(theta, z):
    z = torch.relu(z @ theta[0].T + theta[1])
    z = torch.sigmoid(z @ theta[2].T + theta[3])
    return F.conv_transpose2d(z.reshape(BATCH, -1, 10, 10), theta[4], stride=3) + theta[5]


def maxout_conv(x, weight, bias, padding):
    """Of each two channels in a row the larger one."""
    y = F.conv2d(x, weight, bias, padding=padding)
    return torch.maximum(y[:, 0::2], y[:, 1::2])


def discriminator(theta, x, run, which):
    """Logits [BATCH, 1]."""

    def drop(x, layer):
        keep = 0.8 if layer == 0 else 0.5
        mask = unit(x.numel(), MASK_STREAM + 100 * run + 10 * which + layer) < keep
        return x * torch.from_numpy(mask.reshape(x.shape).astype(np.float64)) / keep

    sizes = [x.shape[1:]]
    for layer, (padding, pool) in enumerate([(4, 4), (3, 4), (3, 2)]):
        x = maxout_conv(drop(x, layer), theta[2 * layer], theta[2 * layer + 1], padding)
        sizes.append(x.shape[1:])
        x = F.max_pool2d(x, pool, stride=2, ceil_mode=True)
        sizes.append(x.shape[1:])
    assert [size[1] for size in sizes] == [32, 33, 16, 15, 7, 9, 5]
    x = drop(x, 3).flatten(1)
    x = (x @ theta[6].T + theta[7]).reshape(BATCH, PIECES, -1).amax(dim=1)
    return drop(x, 4) @ theta[8].T + theta[9]


def images(run):
    """Bytes that the graph is fed, each image less its mean and at the norm 55."""
    byte = hash32(np.arange(BATCH * 3072), PIXEL_STREAM + run) >> np.uint64(24)
    x = torch.from_numpy(byte.astype(np.float64)).reshape(BATCH, -1)
    x = x - x.mean(dim=1, keepdim=True)
    return (CONTRAST_NORM * x / x.norm(dim=1, keepdim=True)).reshape(BATCH, *IMAGE)


def measure(x):
    stride = max(1, len(x) // SLICE)
    return {"norm": float(x.norm()), "stride": stride, "slice": [float(f"{value:.9g}") for value in x[::stride].tolist()]}


def main():
    theta = [
        tensor((2 * unit(int(np.prod(shape)), k) - 1) * half, shape).requires_grad_()
        for k, (shape, half) in enumerate(shapes())
    ]
    g, d = theta[:6], theta[6:]
    initial = [p.detach().clone() for p in theta]
    velocities = [torch.zeros_like(p) for p in theta]
    d_losses, g_losses = [], []
    for run in range(STEPS):
        z = tensor((2 * unit(BATCH * LATENT, LATENT_STREAM + run) - 1) * np.sqrt(3), (BATCH, LATENT))
        fake = generator(g, z)
        on_samples, on_data = discriminator(d, fake, run, 0), discriminator(d, images(run), run, 1)
        # -log D on samples for G; half of the sum of -log D on data and -log(1 - D) on samples for D
        g_loss = F.softplus(-on_samples).mean()
        d_loss = (F.softplus(-on_data).mean() + F.softplus(on_samples).mean()) / 2
        slopes = [*torch.autograd.grad(g_loss, g, retain_graph=True), *torch.autograd.grad(d_loss, d)]
        with torch.no_grad():
            for p, v, slope in zip(theta, velocities, slopes, strict=True):
                v.copy_(MOMENTUM * v - LEARNING_RATE * slope)
                p.add_(v)
        d_losses.append(float(d_loss.detach()))
        g_losses.append(float(g_loss.detach()))
    golden = {
        "howMade": "python test/golden/make_goodfellow_cifar_conv.py: how far joint steps moved each parameter, G's then D's; layouts are torch's",
        "torch": torch.__version__,
        "batch": BATCH,
        "latent": LATENT,
        "steps": STEPS,
        "widths": WIDTHS,
        "learningRate": LEARNING_RATE,
        "momentum": MOMENTUM,
        "halfWidths": [half for _, half in shapes()],
        "dLosses": d_losses,
        "gLosses": g_losses,
        # What generator.onnx delivers: each image by its largest magnitude.
        "images": measure((fake.detach() / fake.detach().abs().amax(dim=(1, 2, 3), keepdim=True)).flatten()),
        "moved": [measure((p.detach() - at_first).flatten()) for p, at_first in zip(theta, initial, strict=True)],
    }
    OUT.write_text(to_json(golden) + "\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
