"""Times one training step of PyTorch-GAN's gan.py, or dcgan.py, in PyTorch on the CPU: the peer of this project's own step.

Run from the repository root, in an environment with numpy and torch:

    python bench/pytorch_step.py --batch-size 64 --threads 2 --steps 200 --warmup 20 [--fused] [--json]
    python bench/pytorch_step.py --network dcgan --img-size 32 --batch-size 64 --threads 2 --steps 20 --warmup 3

prints the median and the 10th and 90th percentile of a step, as one JSON line with --json. With --serve it stays
alive after the warm-up, so that a Node bench can take turns with it: it prints a JSON line {"ready": true, ...},
answers each line "run N" on stdin with {"ms": [N times]}, and ends at "quit" or at the end of stdin.

A step is what the inner loop of either does with a batch: labels, latents drawn by numpy, both zero_grads, both backward
passes, both optimizer steps, and the two losses read for the progress line. Loading data and printing are left out.
"""

import argparse
import json
import sys
import time

import numpy as np
import pytorch_dcgan
import torch
from torch import nn
from torch.autograd import Variable

LATENT, IMAGE = 100, (1, 28, 28)
PIXELS = int(np.prod(IMAGE))
DATASET = 4096
Tensor = torch.FloatTensor


class Generator(nn.Module):
    """[N, 100] -> [N, 1, 28, 28]; gan.py's 0.8 lands in BatchNorm1d's eps."""

    def __init__(self):
        super().__init__()

        def block(n_in, n_out, normalize=True):
            norm = [nn.BatchNorm1d(n_out, 0.8)] if normalize else []
            return [nn.Linear(n_in, n_out), *norm, nn.LeakyReLU(0.2, inplace=True)]

        self.model = nn.Sequential(
            *block(LATENT, 128, normalize=False),
            *block(128, 256),
            *block(256, 512),
            *block(512, 1024),
            nn.Linear(1024, PIXELS),
            nn.Tanh(),
        )

    def forward(self, z):
        return self.model(z).view(z.size(0), *IMAGE)


class Discriminator(nn.Module):
    """[N, 1, 28, 28] -> probability [N, 1]."""

    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(PIXELS, 512),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Linear(256, 1),
            nn.Sigmoid(),
        )

    def forward(self, images):
        return self.model(images.view(images.size(0), -1))


def networks(network, size):
    """G, D and the shape of an image."""
    if network == "dcgan":
        return *pytorch_dcgan.networks(LATENT, 1, size), (1, size, size)
    return Generator(), Discriminator(), IMAGE


def make_step(batch_size, fused, network="pytorch-gan", size=28):
    """A function that trains on the next batch of a preloaded data set."""
    bce = nn.BCELoss()
    g, d, image = networks(network, size)
    # Unless told otherwise PyTorch picks Adam's implementation, as in gan.py.
    options = {"lr": 2e-4, "betas": (0.5, 0.999), **({"fused": True} if fused else {})}
    g_adam = torch.optim.Adam(g.parameters(), **options)
    d_adam = torch.optim.Adam(d.parameters(), **options)
    data = torch.rand(max(DATASET, batch_size), *image) * 2 - 1
    cursor = 0

    def step():
        nonlocal cursor
        if cursor + batch_size > len(data):
            cursor = 0
        images = data[cursor : cursor + batch_size]
        cursor += batch_size

        valid = Variable(Tensor(images.size(0), 1).fill_(1.0), requires_grad=False)
        fake = Variable(Tensor(images.size(0), 1).fill_(0.0), requires_grad=False)
        real = Variable(images.type(Tensor))

        g_adam.zero_grad()
        z = Variable(Tensor(np.random.normal(0, 1, (images.shape[0], LATENT))))
        generated = g(z)
        g_loss = bce(d(generated), valid)
        g_loss.backward()
        g_adam.step()

        d_adam.zero_grad()
        d_loss = (bce(d(real), valid) + bce(d(generated.detach()), fake)) / 2
        d_loss.backward()
        d_adam.step()
        return d_loss.item(), g_loss.item()

    return step


def run(step, count):
    """Milliseconds of each of `count` steps."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def serve(step):
    """Runs steps on demand, one line of stdin at a time."""
    for line in sys.stdin:
        match line.split():
            case ["run", count] if count.isdecimal():
                print(json.dumps({"ms": [round(ms, 4) for ms in run(step, int(count))]}), flush=True)
            case ["quit"]:
                return
            case []:
                pass
            case _:
                print(json.dumps({"error": f"expected 'run N' or 'quit', got {line.strip()!r}"}), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Times gan.py's training step in PyTorch on the CPU.")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--network", choices=["pytorch-gan", "dcgan"], default="pytorch-gan")
    parser.add_argument("--img-size", type=int, choices=[28, 32], default=28, help="32 with dcgan only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--fused", action="store_true", help="fused Adam, instead of PyTorch's default")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--serve", action="store_true", help="stay alive and time steps on demand")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    np.random.seed(0)
    if args.network == "pytorch-gan" and args.img_size != 28:
        parser.error("--img-size belongs to --network dcgan")
    step = make_step(args.batch_size, args.fused, args.network, args.img_size)
    run(step, args.warmup)

    about = {
        "peer": "pytorch",
        "version": torch.__version__,
        "network": args.network,
        "threads": torch.get_num_threads(),
        "batch_size": args.batch_size,
        "adam": "fused" if args.fused else "default",
    }
    if args.serve:
        print(json.dumps({"ready": True, **about}), flush=True)
        serve(step)
        return
    p10, median, p90 = (round(float(q), 3) for q in np.percentile(run(step, args.steps), (10, 50, 90)))
    if args.json:
        print(json.dumps({**about, "median_ms": median, "p10_ms": p10, "p90_ms": p90}))
    else:
        print(
            f"pytorch {torch.__version__}, {args.threads} threads, batch {args.batch_size}, {about['adam']} Adam: "
            f"{median} ms a step (p10 {p10}, p90 {p90})"
        )


if __name__ == "__main__":
    main()
