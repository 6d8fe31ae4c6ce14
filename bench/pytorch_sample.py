"""Times sampling of gan.py's generator in PyTorch on the CPU: the peer of this project's own sampling.

    python bench/pytorch_sample.py --threads 2

prints a JSON line, then answers each line "<batch> <count>" on stdin with {"ms": [count times]}, one time for drawing
latents and their images, and ends at "quit". Batch statistics are fixed, and no graph of gradients is kept.
"""

import argparse
import json
import sys
import time

import torch
from pytorch_step import LATENT, Generator

parser = argparse.ArgumentParser(description="Times sampling of gan.py's generator in PyTorch on the CPU.")
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
torch.set_num_threads(args.threads)
torch.manual_seed(0)
generator = Generator().eval()
print(json.dumps({"peer": "pytorch", "version": torch.__version__, "threads": args.threads}), flush=True)
with torch.inference_mode():
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            break
        batch, count = map(int, words)
        times = []
        for _ in range(count):
            start = time.perf_counter()
            generator(torch.randn(batch, LATENT))
            times.append(round((time.perf_counter() - start) * 1e3, 5))
        print(json.dumps({"ms": times}), flush=True)
