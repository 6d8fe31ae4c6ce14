"""Times one training step in PyTorch on the CPU, the peer of this project's own: gan.py or dcgan.py of PyTorch-GAN, or the
joint training of the 2014 paper's MNIST networks.

Run from the repository root, in an environment with numpy and torch:

    python bench/pytorch_step.py --preset pytorch-gan --threads 2 --steps 200 --warmup 20 [--fused] [--json]
    python bench/pytorch_step.py --preset dcgan --img-size 28 --threads 2 --steps 20 --warmup 3

prints the median and the 10th and 90th percentile of a step, as one JSON line with --json. With --serve it stays
alive after the warm-up, so that a Node bench can take turns with it: it prints a JSON line {"ready": true, ...},
answers each line "run N" on stdin with {"ms": [N times]}, and ends at "quit" or at the end of stdin.

A step of pytorch-gan or dcgan is what the inner loop of that file does with a batch: labels, latents drawn by numpy, both
zero_grads, both backward passes, both optimizer steps, and the two losses read for the progress line. A step of
goodfellow-mnist does the same for the settings of the paper's authors: D(G(z)) is computed once, with dropout, for both
objectives. Loading data and printing are left out.
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


class Maxout(nn.Module):
    """[N, n_in] -> [N, 240]: the largest of five linear maps."""

    def __init__(self, n_in):
        super().__init__()
        self.linear = nn.Linear(n_in, 5 * 240)

    def forward(self, x):
        return self.linear(x).view(-1, 5, 240).amax(1)


def initialise(net, half_width):
    for name, parameter in net.named_parameters():
        nn.init.zeros_(parameter) if name.endswith("bias") else nn.init.uniform_(parameter, -half_width, half_width)
    return net


def make_goodfellow_step(batch_size, fused, _, prepare):
    """The same for goodfellow-mnist; gradients are taken per network, so that neither loss computes the other's."""
    g = nn.Sequential(
        nn.Linear(LATENT, 1200), nn.ReLU(), nn.Linear(1200, 1200), nn.ReLU(), nn.Linear(1200, PIXELS), nn.Sigmoid()
    )
    d = nn.Sequential(
        nn.Dropout(0.2), Maxout(PIXELS), nn.Dropout(0.5), Maxout(240), nn.Dropout(0.5), nn.Linear(240, 1)
    )
    networks = initialise(g, 0.05), initialise(d, 0.005)
    g, d = prepare(g), prepare(d)
    bce = nn.BCEWithLogitsLoss()
    options = {"lr": 0.1, "momentum": 0.5, **({"fused": True} if fused else {})}
    optimizers = [torch.optim.SGD(net.parameters(), **options) for net in networks]
    data = torch.rand(max(DATASET, batch_size), PIXELS)
    valid, fake = torch.ones(batch_size, 1), torch.zeros(batch_size, 1)
    cursor = updates = 0

    def step():
        nonlocal cursor, updates
        if cursor + batch_size > len(data):
            cursor = 0
        real = data[cursor : cursor + batch_size]
        cursor += batch_size

        z = (torch.rand(batch_size, LATENT) * 2 - 1) * 3**0.5
        on_samples, on_data = d(g(z)), d(real)
        g_loss = bce(on_samples, valid)
        d_loss = (bce(on_data, valid) + bce(on_samples, fake)) / 2
        slopes = (
            torch.autograd.grad(g_loss, list(g.parameters()), retain_graph=True),
            torch.autograd.grad(d_loss, list(d.parameters())),
        )
        for net, optimizer, of_net in zip(networks, optimizers, slopes, strict=True):
            for parameter, slope in zip(net.parameters(), of_net, strict=True):
                parameter.grad = slope
            optimizer.param_groups[0]["lr"] = max(0.1 / 1.000004**updates, 1e-6)
            optimizer.step()
        updates += 1
        return d_loss.item(), g_loss.item()

    return step


def make_adversarial_step(g, d, image, batch_size, fused):
    """A function that trains on the next batch of a preloaded data set, as gan.py and dcgan.py do."""
    bce = nn.BCELoss()
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


def make_gan_step(batch_size, fused, size, prepare):
    if size != 28:
        sys.exit("--img-size belongs to --preset dcgan")
    return make_adversarial_step(prepare(Generator()), prepare(Discriminator()), IMAGE, batch_size, fused)


def make_dcgan_step(batch_size, fused, size, prepare):
    g, d = (prepare(net) for net in pytorch_dcgan.networks(LATENT, 1, size))
    return make_adversarial_step(g, d, (1, size, size), batch_size, fused)


PRESETS = {
    "pytorch-gan": (make_gan_step, 64, 28),
    "goodfellow-mnist": (make_goodfellow_step, 100, 28),
    "dcgan": (make_dcgan_step, 64, 32),
}


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
    parser = argparse.ArgumentParser(description="Times a GAN's training step in PyTorch on the CPU.")
    parser.add_argument("--preset", choices=PRESETS, default="pytorch-gan")
    parser.add_argument("--batch-size", type=int, help="default: the preset's")
    parser.add_argument("--img-size", type=int, choices=[28, 32], help="default: the preset's; 28 or 32 with dcgan")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--warmup", type=int, default=20)
    parser.add_argument("--fused", action="store_true", help="fused optimizer, instead of PyTorch's default")
    parser.add_argument("--compile", action="store_true", help="the networks through torch.compile")
    parser.add_argument("--json", action="store_true", help="print one JSON line")
    parser.add_argument("--serve", action="store_true", help="stay alive and time steps on demand")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    np.random.seed(0)
    make_step, batch_size, size = PRESETS[args.preset]
    batch_size = args.batch_size or batch_size
    prepare = torch.compile if args.compile else lambda net: net
    step = make_step(batch_size, args.fused, args.img_size or size, prepare)
    run(step, args.warmup)

    about = {
        "peer": "pytorch",
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "preset": args.preset,
        "batch_size": batch_size,
        "optimizer": "fused" if args.fused else "default",
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
            f"pytorch {torch.__version__}, {args.threads} threads, {args.preset}, batch {batch_size}, {about['optimizer']} optimizer: "
            f"{median} ms a step (p10 {p10}, p90 {p90})"
        )


if __name__ == "__main__":
    main()
