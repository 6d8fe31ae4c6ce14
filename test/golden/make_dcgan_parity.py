"""Makes dcgan-parity.json: joint steps of PyTorch-GAN's dcgan.py at 16 pixels, in float32 and in float64.

Run from the repository root, in an environment with numpy and torch:

    python test/golden/make_dcgan_parity.py

Parameters, batches, latents and dropout masks come from `hash32` of make_gan_parity.py, which JavaScript repeats exactly, so the
JSON holds only results: losses of every step, and norms and slices of the state after the first and the last. D is called three times a step, as in
dcgan.py (for G's loss, on real images, on generated ones again), each time with masks of its own, and each call moves its running statistics.
"""

import json
from pathlib import Path

import numpy as np
import torch
from make_gan_parity import hash32, measure, number, relative, to_json, unit
from torch import nn

OUT = Path(__file__).with_name("dcgan-parity.json")
BATCH, LATENT, CHANNELS, SIZE = 6, 8, 1, 16
STEPS, SNAPSHOTS, KEEP = 4, (1, 4), 0.75
LEARNING_RATE, BETAS = 2e-4, (0.5, 0.999)
PASSES = ("judged", "real", "fake")


class FedDropout2d(nn.Module):
    """Dropout2d whose mask is set from outside: [N, C] of ones and zeros."""

    mask = None

    def forward(self, x):
        return x * (self.mask.to(x.dtype) / KEEP)[:, :, None, None]


class Reshape(nn.Module):
    def __init__(self, *shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(len(x), *self.shape)


def generator():
    start = SIZE // 4
    return nn.Sequential(
        nn.Linear(LATENT, 128 * start**2),
        Reshape(128, start, start),
        nn.BatchNorm2d(128),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 128, 3, stride=1, padding=1),
        nn.BatchNorm2d(128, 0.8),
        nn.LeakyReLU(0.2),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(128, 64, 3, stride=1, padding=1),
        nn.BatchNorm2d(64, 0.8),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, CHANNELS, 3, stride=1, padding=1),
        nn.Tanh(),
    )


def discriminator():
    def block(n_in, n_out, normalize=True):
        norm = [nn.BatchNorm2d(n_out, 0.8)] if normalize else []
        return [nn.Conv2d(n_in, n_out, 3, 2, 1), nn.LeakyReLU(0.2), FedDropout2d(), *norm]

    return nn.Sequential(
        nn.Identity(),  # where this project reshapes flat pixels, so that layers have the same numbers
        *block(CHANNELS, 16, normalize=False),
        *block(16, 32),
        *block(32, 64),
        *block(64, 128),
        nn.Flatten(),
        nn.Linear(128 * (SIZE // 2**4) ** 2, 1),
        nn.Sigmoid(),
    )


def initialise(networks):
    """Hashed values: weights and biases on +-1/sqrt(fan in), BatchNorm's scales near 1 and shifts near 0; the specs of all."""
    specs = []
    for name, net in networks.items():
        for index, layer in enumerate(net):
            for part, tensor in layer.named_parameters():
                norm = isinstance(layer, nn.BatchNorm2d)
                fan_in = 1 if norm else int(np.prod(layer.weight.shape[1:]))
                scale, middle = (0.1, 1.0 if part == "weight" else 0.0) if norm else (1 / np.sqrt(np.float64(fan_in)), 0.0)
                k = len(specs)
                values = middle + (2 * unit(np.arange(tensor.numel()), k) - 1) * scale
                with torch.no_grad():
                    tensor.copy_(torch.from_numpy(values.astype(np.float32).reshape(tensor.shape)))
                follows = index + 1 < len(net) and isinstance(net[index + 1], nn.BatchNorm2d)
                specs.append(
                    {
                        "name": f"{name}.{index}.{part}",
                        "k": k,
                        "shape": list(tensor.shape),
                        "scale": scale,
                        "middle": middle,
                        # BatchNorm takes it away again: its gradient is rounding noise.
                        "zeroGradient": part == "bias" and not norm and follows,
                    }
                )
    return specs


def pixels(t):
    i = np.arange(BATCH * CHANNELS * SIZE**2)
    return (hash32(i, 1000 + t) >> np.uint64(24)).astype(np.uint8).reshape(BATCH, CHANNELS, SIZE, SIZE)


def latents(t):
    i = np.arange(BATCH * LATENT)
    z = (unit(i, 2000 + 2 * t) + unit(i, 2001 + 2 * t) - 1) * np.sqrt(np.float64(6))
    return z.astype(np.float32).reshape(BATCH, LATENT)


def set_masks(d, t, which):
    """Masks of D's pass number `which` of step t: 1 where the hash is below 0.75."""
    for layer, dropout in enumerate(m for m in d if isinstance(m, FedDropout2d)):
        channels = 16 * 2**layer
        stream = 5000 + 100 * t + 10 * which + layer
        mask = unit(np.arange(BATCH * channels), stream) < KEEP
        dropout.mask = torch.from_numpy(mask.astype(np.float32).reshape(BATCH, channels))


def train(dtype):
    networks = {"generator": generator(), "discriminator": discriminator()}
    specs = initialise(networks)
    g, d = (net.to(dtype).train() for net in networks.values())
    tensors = dict(zip([s["name"] for s in specs], [*g.parameters(), *d.parameters()], strict=True))
    initial = {name: p.detach().clone() for name, p in tensors.items()}
    bce = nn.BCELoss()
    g_adam = torch.optim.Adam(g.parameters(), lr=LEARNING_RATE, betas=BETAS)
    d_adam = torch.optim.Adam(d.parameters(), lr=LEARNING_RATE, betas=BETAS)
    valid, fake = torch.ones(BATCH, 1, dtype=dtype), torch.zeros(BATCH, 1, dtype=dtype)

    def judge(images, t, which):
        set_masks(d, t, PASSES.index(which))
        return d(images)

    steps, after = [], {}
    for t in range(STEPS):
        real = (torch.from_numpy(pixels(t)).to(dtype) / 255 - 0.5) / 0.5
        g_adam.zero_grad()
        images = g(torch.from_numpy(latents(t)).to(dtype))
        g_loss = bce(judge(images, t, "judged"), valid)
        g_loss.backward()
        g_adam.step()

        d_adam.zero_grad()
        d_real = judge(real, t, "real")
        d_fake = judge(images.detach(), t, "fake")
        d_loss = (bce(d_real, valid) + bce(d_fake, fake)) / 2
        d_loss.backward()
        d_adam.step()
        values = {"g_loss": g_loss, "d_loss": d_loss, "d_real": d_real.mean(), "d_fake": d_fake.mean()}
        steps.append({key: number(value) for key, value in values.items()})
        if t + 1 in SNAPSHOTS:
            after[str(t + 1)] = {"images": measure(images.detach()), **snapshot({"generator": g, "discriminator": d}, tensors, initial)}
    return specs, {"steps": steps, "after": after}


def snapshot(networks, tensors, initial):
    parameters = {}
    for name, p in tensors.items():
        moved = torch.linalg.vector_norm((p.detach() - initial[name]).double())
        parameters[name] = {**measure(p.detach()), "moved": number(moved)}
    running = {
        f"{name}.{index}.{part}": measure(getattr(layer, part))
        for name, net in networks.items()
        for index, layer in enumerate(net)
        if isinstance(layer, nn.BatchNorm2d)
        for part in ("running_mean", "running_var")
    }
    return {"parameters": parameters, "running": running}


def main():
    torch.set_num_threads(1)
    specs, single = train(torch.float32)
    _, double = train(torch.float64)
    differences = {"metrics": 0.0}

    def note(key, have, want):
        differences[key] = max(differences.get(key, 0.0), relative(have, want))

    for have, want in zip(single["steps"], double["steps"], strict=True):
        for key in want:
            note("metrics", have[key], want[key])
    for step, wanted in double["after"].items():
        found = single["after"][step]
        note(f"images after {step}", found["images"]["slice"], wanted["images"]["slice"])
        for spec in specs:
            if not spec["zeroGradient"]:
                have, want = (run["parameters"][spec["name"]] for run in (found, wanted))
                for key in ("norm", "slice", "moved"):
                    note(f"{key} after {step}", have[key], want[key])
        for name, want in wanted["running"].items():
            for key in ("norm", "slice"):
                note(f"running after {step}", found["running"][name][key], want[key])
    differences = {key: float(f"{value:.2g}") for key, value in differences.items()}
    golden = {
        "howMade": "python test/golden/make_dcgan_parity.py: dcgan.py's networks, BCE, Adam and step in PyTorch on the CPU, on "
        "inputs made by hash32; slices are elements i * floor(n / 16), all if n < 16; `moved` is the L2 norm of parameter - "
        "initial; layouts are torch's; names count this project's layers",
        "torch": torch.__version__,
        "batch": BATCH,
        "latent": LATENT,
        "image": [CHANNELS, SIZE, SIZE],
        "keep": KEEP,
        "passes": PASSES,
        "adam": {"lr": LEARNING_RATE, "beta1": BETAS[0], "beta2": BETAS[1], "epsilon": 1e-8},
        "parameters": specs,
        "float32VsFloat64": differences,
        "float64": double,
    }
    OUT.write_text(to_json(golden) + "\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, torch {torch.__version__}\n{json.dumps(differences, indent=1)}")


if __name__ == "__main__":
    main()
