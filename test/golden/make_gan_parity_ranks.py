"""Makes gan-parity-ranks.json: 5 joint steps of gan.py on two ranks, as DistributedDataParallel trains, in float64.

Run from the repository root, in an environment with numpy and torch:

    python test/golden/make_gan_parity_ranks.py

Each rank has a replica of both networks and one half of every batch, so that BatchNorm sees 32 samples; after each backward
pass the replicas' gradients are averaged, and each replica makes its own (equal) step. What is recorded is rank 0's:
parameters and running statistics, and of losses and D's outputs the means over ranks. Inputs, networks and the form of the
results are those of make_gan_parity.py.
"""

import copy
from pathlib import Path

import torch
from torch import nn

import make_gan_parity as parity

OUT = Path(__file__).with_name("gan-parity-ranks.json")
RANKS, STEPS, SNAPSHOTS = 2, 5, (1, 5)
DTYPE = torch.float64


def average_gradients(replicas):
    """What the all-reduce of DistributedDataParallel leaves in every replica."""
    for parameters in zip(*(net.parameters() for net in replicas), strict=True):
        mean = sum(p.grad for p in parameters) / len(parameters)
        for p in parameters:
            p.grad = mean.clone()


def replicate(net):
    replicas = [copy.deepcopy(net).to(DTYPE).train() for _ in range(RANKS)]
    adams = [torch.optim.Adam(r.parameters(), lr=parity.LEARNING_RATE, betas=parity.BETAS) for r in replicas]
    return replicas, adams


def step_all(replicas, adams):
    average_gradients(replicas)
    for adam in adams:
        adam.step()


def main():
    torch.set_num_threads(1)
    networks = {"G": parity.generator(), "D": parity.discriminator()}
    specs = parity.parameter_specs(networks)
    parity.initialise(networks, specs)
    (gs, g_adams), (ds, d_adams) = (replicate(net) for net in networks.values())
    named = {
        spec["name"]: p for spec, p in zip(specs, [*gs[0].parameters(), *ds[0].parameters()], strict=True)
    }
    initial = {name: p.detach().clone() for name, p in named.items()}
    bce = nn.BCELoss()
    half = parity.BATCH // RANKS
    valid, fake = torch.ones(half, 1, dtype=DTYPE), torch.zeros(half, 1, dtype=DTYPE)

    steps, after = [], {}
    for t in range(STEPS):
        batch = ((torch.from_numpy(parity.pixels(t)).to(DTYPE) / 255 - 0.5) / 0.5).reshape(parity.BATCH, parity.PIXELS)
        reals = batch.split(half)
        latents = torch.from_numpy(parity.latents(t)).to(DTYPE).split(half)

        for adam in g_adams:
            adam.zero_grad()
        images = [g(z) for g, z in zip(gs, latents, strict=True)]
        d_fakes = [d(x) for d, x in zip(ds, images, strict=True)]
        g_losses = [bce(p, valid) for p in d_fakes]
        for loss in g_losses:
            loss.backward()
        step_all(gs, g_adams)

        for adam in d_adams:
            adam.zero_grad()
        d_reals = [d(x) for d, x in zip(ds, reals, strict=True)]
        d_losses = [
            (bce(p, valid) + bce(d(x.detach()), fake)) / 2 for p, d, x in zip(d_reals, ds, images, strict=True)
        ]
        for loss in d_losses:
            loss.backward()
        step_all(ds, d_adams)

        mean = lambda values: parity.number(sum(value.mean() for value in values) / RANKS)  # noqa: E731
        steps.append(
            {"gLoss": mean(g_losses), "dLoss": mean(d_losses), "dReal": mean(d_reals), "dFake": mean(d_fakes)}
        )
        if t + 1 in SNAPSHOTS:
            after[str(t + 1)] = parity.snapshot(gs[0], named, initial)
    golden = {
        "howMade": "python test/golden/make_gan_parity_ranks.py: gan.py on two ranks in float64, see that file and "
        "make_gan_parity.py",
        "torch": torch.__version__,
        "ranks": RANKS,
        "steps": steps,
        "after": after,
    }
    OUT.write_text(parity.to_json(golden) + "\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
