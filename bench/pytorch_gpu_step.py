"""Times one training step of PyTorch-GAN's gan.py in PyTorch on a CUDA GPU: the peer of this project's step on a GPU.

    python bench/pytorch_gpu_step.py --batch-size 64 --steps 200 --warmup 20 [--graph]

prints the median and the 10th and 90th percentile of a step as one JSON line. The step is that of pytorch_step.py with
everything on the GPU: latents are drawn there, and the two losses are read every --log-interval steps. With --graph the
step is captured once as a CUDA graph and replayed, which takes Adam with capturable=True.
"""

import argparse
import json
import time

import numpy as np
import torch
from torch import nn

from pytorch_step import DATASET, IMAGE, LATENT, Discriminator, Generator


class Step:
    """Trains on the next batch of a data set that lies on the GPU."""

    def __init__(self, batch_size, graph):
        self.batch_size = batch_size
        self.generator, self.discriminator = Generator().cuda(), Discriminator().cuda()
        options = {"lr": 2e-4, "betas": (0.5, 0.999), "capturable": graph}
        self.g_adam = torch.optim.Adam(self.generator.parameters(), **options)
        self.d_adam = torch.optim.Adam(self.discriminator.parameters(), **options)
        self.data = torch.rand(max(DATASET, batch_size), *IMAGE, device="cuda") * 2 - 1
        self.real = torch.empty(batch_size, *IMAGE, device="cuda")
        self.latents = torch.empty(batch_size, LATENT, device="cuda")
        self.valid = torch.ones(batch_size, 1, device="cuda")
        self.fake = torch.zeros(batch_size, 1, device="cuda")
        self.losses = None
        self.cursor = 0
        self.replay = self.capture() if graph else None

    def train(self):
        bce = nn.functional.binary_cross_entropy
        self.g_adam.zero_grad(set_to_none=True)
        generated = self.generator(self.latents)
        g_loss = bce(self.discriminator(generated), self.valid)
        g_loss.backward()
        self.g_adam.step()
        self.d_adam.zero_grad(set_to_none=True)
        d_real = bce(self.discriminator(self.real), self.valid)
        d_loss = (d_real + bce(self.discriminator(generated.detach()), self.fake)) / 2
        d_loss.backward()
        self.d_adam.step()
        self.losses = (d_loss, g_loss)

    def capture(self):
        """The step as a CUDA graph, after a few runs on a side stream, as PyTorch asks for."""
        self.fill()
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.train()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.train()
        return graph

    def fill(self):
        if self.cursor + self.batch_size > len(self.data):
            self.cursor = 0
        self.real.copy_(self.data[self.cursor : self.cursor + self.batch_size])
        self.cursor += self.batch_size
        self.latents.normal_()

    def __call__(self):
        self.fill()
        if self.replay is None:
            self.train()
        else:
            self.replay.replay()


def measure(step, steps, log_interval):
    """Milliseconds of a step, each the mean over the steps between two readings of the losses."""
    times = []
    for _ in range(max(1, steps // log_interval)):
        start = time.perf_counter()
        for _ in range(log_interval):
            step()
        for loss in step.losses:
            loss.item()
        times.append((time.perf_counter() - start) * 1e3 / log_interval)
    return times


def main():
    parser = argparse.ArgumentParser(description="Times gan.py's training step in PyTorch on a CUDA GPU.")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--warmup", type=int, default=50)
    parser.add_argument("--log-interval", type=int, default=10)
    parser.add_argument("--graph", action="store_true", help="as a CUDA graph")
    args = parser.parse_args()
    torch.manual_seed(0)
    step = Step(args.batch_size, args.graph)
    measure(step, args.warmup, args.log_interval)
    p10, median, p90 = np.percentile(measure(step, args.steps, args.log_interval), (10, 50, 90))
    found = {"version": torch.__version__, "device": torch.cuda.get_device_name(0)}
    print(json.dumps({**found, "median": float(median), "low": float(p10), "high": float(p90)}))


if __name__ == "__main__":
    main()
