"""Makes gan-parity.json: 20 joint steps of PyTorch-GAN's gan.py at full size, in float32 and in float64.

Run from the repository root, in an environment with numpy and torch:

    python test/golden/make_gan_parity.py

Every input (parameters, batches, latents) comes from `hash32`, 32-bit integer arithmetic that JavaScript repeats
exactly with Math.imul, so the JSON holds only results: losses of every step, and norms and slices of the state after
steps 1, 5 and 20. Both precisions start from the same float32 values; their difference is the room that rounding
alone needs, and is summed up under `float32VsFloat64`.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
from torch import nn

OUT = Path(__file__).with_name("gan-parity.json")

BATCH, LATENT, CHANNELS, SIZE = 64, 100, 1, 28
PIXELS = CHANNELS * SIZE * SIZE
LEARNING_RATE, BETAS = 2e-4, (0.5, 0.999)
STEPS, SNAPSHOTS = 20, (1, 5, 20)
SLICE = 16
# Chosen among 160: in the first eight steps no input of a LeakyReLU comes nearer to zero than 3e-7. (From stream 2000 one came
# within 1e-11; which side of the kink it falls on is then a matter of rounding, and moves gradients by 6e-3.)
LATENT_STREAM = 18400


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


def unit(i, s):
    """Float64 in (0, 1)."""
    return (hash32(i, s).astype(np.float64) + 0.5) / 2**32


def linear_values(shape, fan_in, k):
    """Parameter tensor k, if it belongs to a Linear: uniform in +-1/sqrt(fan_in)."""
    i = np.arange(int(np.prod(shape)))
    return ((2 * unit(i, k) - 1) / np.sqrt(np.float64(fan_in))).astype(np.float32).reshape(shape)


def pixels(t):
    """Batch of step t: uint8 [64, 1, 28, 28]."""
    return (hash32(np.arange(BATCH * PIXELS), 1000 + t) >> np.uint64(24)).astype(np.uint8).reshape(
        BATCH, CHANNELS, SIZE, SIZE
    )


def latents(t):
    """Latents of step t: float32 [64, 100], triangular with unit variance."""
    i = np.arange(BATCH * LATENT)
    z = (unit(i, LATENT_STREAM + 2 * t) + unit(i, LATENT_STREAM + 1 + 2 * t) - 1) * np.sqrt(np.float64(6))
    return z.astype(np.float32).reshape(BATCH, LATENT)


# ---- networks -------------------------------------------------------------------------------------------------------


def generator():
    """[N, 100] -> [N, 784], the last layer's tanh included; gan.py passes 0.8 as BatchNorm1d's eps."""

    def block(n_in, n_out, normalize=True):
        norm = [nn.BatchNorm1d(n_out, eps=0.8)] if normalize else []
        return [nn.Linear(n_in, n_out), *norm, nn.LeakyReLU(0.2)]

    return nn.Sequential(
        *block(LATENT, 128, normalize=False),
        *block(128, 256),
        *block(256, 512),
        *block(512, 1024),
        nn.Linear(1024, PIXELS),
        nn.Tanh(),
    )


def discriminator():
    """[N, 784] -> probability [N, 1]."""
    return nn.Sequential(
        nn.Linear(PIXELS, 512),
        nn.LeakyReLU(0.2),
        nn.Linear(512, 256),
        nn.LeakyReLU(0.2),
        nn.Linear(256, 1),
        nn.Sigmoid(),
    )


def parameter_specs(networks):
    """One entry per parameter tensor, G's then D's, in PyTorch's order; its position is the hash's stream k."""
    specs = []
    for net_name, net in networks.items():
        for index, layer in enumerate(net):
            for part, tensor in layer.named_parameters():
                linear = isinstance(layer, nn.Linear)
                before_norm = linear and index + 1 < len(net) and isinstance(net[index + 1], nn.BatchNorm1d)
                specs.append(
                    {
                        "name": f"{net_name}.model.{index}.{part}",
                        "k": len(specs),
                        "layer": "linear" if linear else "batchnorm",
                        "shape": list(tensor.shape),
                        "fanIn": layer.in_features if linear else None,
                        # BatchNorm subtracts the mean, so this bias has no true gradient: what moves it is rounding.
                        "zeroGradient": before_norm and part == "bias",
                    }
                )
    return specs


def initialise(networks, specs):
    """Writes the hashed values into the parameters; BatchNorm keeps weight 1 and bias 0."""
    tensors = [p for net in networks.values() for p in net.parameters()]
    with torch.no_grad():
        for spec, tensor in zip(specs, tensors, strict=True):
            if spec["layer"] == "linear":
                tensor.copy_(torch.from_numpy(linear_values(spec["shape"], spec["fanIn"], spec["k"])))


# ---- training -------------------------------------------------------------------------------------------------------


def train(dtype):
    """Runs gan.py's joint schedule in `dtype`: (parameter specs, initial slices, results)."""
    networks = {"G": generator(), "D": discriminator()}
    specs = parameter_specs(networks)
    initialise(networks, specs)
    g, d = (net.to(dtype).train() for net in networks.values())
    named = {spec["name"]: p for spec, p in zip(specs, [*g.parameters(), *d.parameters()], strict=True)}
    initial = {name: p.detach().clone() for name, p in named.items()}

    bce = nn.BCELoss()
    g_adam = torch.optim.Adam(g.parameters(), lr=LEARNING_RATE, betas=BETAS)
    d_adam = torch.optim.Adam(d.parameters(), lr=LEARNING_RATE, betas=BETAS)
    valid, fake = torch.ones(BATCH, 1, dtype=dtype), torch.zeros(BATCH, 1, dtype=dtype)

    steps, after = [], {}
    for t in range(STEPS):
        real = ((torch.from_numpy(pixels(t)).to(dtype) / 255 - 0.5) / 0.5).reshape(BATCH, PIXELS)
        z = torch.from_numpy(latents(t)).to(dtype)

        g_adam.zero_grad()
        images = g(z)
        d_fake = d(images)
        g_loss = bce(d_fake, valid)
        g_loss.backward()
        g_adam.step()

        d_adam.zero_grad()
        d_real = d(real)
        d_loss = (bce(d_real, valid) + bce(d(images.detach()), fake)) / 2
        d_loss.backward()
        d_adam.step()

        steps.append(
            {
                "gLoss": number(g_loss),
                "dLoss": number(d_loss),
                "dReal": number(d_real.mean()),
                "dFake": number(d_fake.mean()),
            }
        )
        if t + 1 in SNAPSHOTS:
            after[str(t + 1)] = snapshot(g, named, initial)
    return specs, {name: slice16(p) for name, p in initial.items()}, {"steps": steps, "after": after}


def snapshot(g, named, initial):
    """Norms and slices of every parameter and of BatchNorm's running statistics."""
    parameters = {}
    for name, p in named.items():
        value = p.detach()
        parameters[name] = {**measure(value), "moved": number(torch.linalg.vector_norm((value - initial[name]).double()))}
    running = {}
    for index, layer in enumerate(g):
        if isinstance(layer, nn.BatchNorm1d):
            running[f"G.model.{index}"] = {
                "mean": measure(layer.running_mean),
                "var": measure(layer.running_var),
                "meanMinusBias": measure(layer.running_mean - g[index - 1].bias.detach()),
            }
    return {"parameters": parameters, "running": running}


def measure(tensor):
    return {"norm": number(torch.linalg.vector_norm(tensor.double())), "slice": slice16(tensor)}


def slice16(tensor):
    """16 evenly spaced elements, at flat indices i * floor(n / 16); all of them when there are fewer."""
    flat = tensor.detach().flatten()
    count = min(SLICE, flat.numel())
    stride = flat.numel() // count
    return [number(flat[i * stride]) for i in range(count)]


def number(value):
    """Nine significant digits, which is all that a float32 holds."""
    return float(f"{value.item():.9g}")


# ---- comparison of the two precisions -------------------------------------------------------------------------------


def relative(a, b):
    """Largest difference between two numbers or two lists, relative to the largest magnitude of the second."""
    a, b = np.atleast_1d(a), np.atleast_1d(b)
    scale = np.abs(b).max()
    return 0.0 if scale == 0 else float(np.abs(a - b).max() / scale)


def compare(single, double, specs):
    """Worst difference per quantity, relative unless the key says absolute, for each kind of state."""
    after = {}
    for step, state in double["after"].items():
        worst = {}

        def note(group, key, difference):
            entry = worst.setdefault(group, {})
            entry[key] = max(entry.get(key, 0.0), difference)

        for spec in specs:
            have, want = (run["after"][step]["parameters"][spec["name"]] for run in (single, double))
            group = "zeroGradientBiases" if spec["zeroGradient"] else f"{spec['name'][0]}.{spec['layer']}"
            note(group, "norm", relative(have["norm"], want["norm"]))
            note(group, "slice", relative(have["slice"], want["slice"]))
            note(group, "sliceAbsolute", float(np.abs(np.subtract(have["slice"], want["slice"])).max()))
            if spec["zeroGradient"]:
                # Nothing to be relative to: in float64 these hardly move at all.
                note(group, "movedAbsolute", abs(have["moved"] - want["moved"]))
            else:
                note(group, "moved", relative(have["moved"], want["moved"]))
        for name, parts in state["running"].items():
            for part, want in parts.items():
                for key, value in want.items():
                    note(f"running.{part}", key, relative(single["after"][step]["running"][name][part][key], value))
        after[step] = worst
    steps = {
        key: max(relative(a[key], b[key]) for a, b in zip(single["steps"], double["steps"], strict=True))
        for key in double["steps"][0]
    }
    return json.loads(json.dumps({"steps": steps, "after": after}), parse_float=lambda s: float(f"{float(s):.2g}"))


def to_json(value):
    """Indented JSON with each list of plain numbers on one line."""
    text = json.dumps(value, indent=1)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda m: re.sub(r"\s+", " ", m[0]).replace("[ ", "[").replace(" ]", "]"), text)


def main():
    torch.set_num_threads(1)  # one order of summation wherever this runs
    specs, initial, single = train(torch.float32)
    _, _, double = train(torch.float64)
    differences = compare(single, double, specs)
    golden = {
        "howMade": "python test/golden/make_gan_parity.py: gan.py's networks, BCE, Adam and joint schedule in PyTorch on the "
        "CPU, on inputs made by hash32 (see that file); slices are elements i * floor(n / 16), all if n < 16; `moved` is the "
        "L2 norm of parameter - initial; layouts are torch's, Linear weight [out, in]",
        "torch": torch.__version__,
        "batch": BATCH,
        "latent": LATENT,
        "image": [CHANNELS, SIZE, SIZE],
        "adam": {"lr": LEARNING_RATE, "beta1": BETAS[0], "beta2": BETAS[1], "epsilon": 1e-8},
        "inputs": {
            "hash32": [{"i": i, "s": s, "value": int(hash32(i, s))} for i, s in ((0, 0), (1, 0), (0, 1), (50175, 1019))],
            "pixels": [
                {"step": t, "first": pixels(t).flatten()[:8].tolist(), "sum": int(pixels(t).sum(dtype=np.int64))}
                for t in (0, STEPS - 1)
            ],
            "latents": [{"step": t, **measure(torch.from_numpy(latents(t)))} for t in (0, STEPS - 1)],
        },
        "parameters": [{**spec, "initial": initial[spec["name"]]} for spec in specs],
        "float32VsFloat64": differences,
        "float32": single,
        "float64": double,
    }
    OUT.write_text(to_json(golden) + "\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, torch {torch.__version__}")
    print(json.dumps(differences, indent=1))


if __name__ == "__main__":
    main()
