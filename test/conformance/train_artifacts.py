"""Trains gan-onnx's artifacts on with ONNX Runtime's own training API, step by step as gan.py does.

Run from the repository root, in an environment with onnxruntime-training 1.19.2, torch (which its import needs) and numpy:

    python test/conformance/train_artifacts.py <artifacts> <inputs> [--images images.npy]

<artifacts> is a folder that `gan-onnx export` wrote; the trained checkpoints replace those in it. <inputs> has an array
<input name>.npy for each thing the host draws (z, real, and dropout masks), whose first axis counts the steps. After the
last step the evaluation models run on the inputs of that step; --images receives what G made there.

Prints one line of JSON: {"steps": [{"g_loss": ..., "d_loss": ..., "d_real": ..., "d_fake": ...}, ...], "eval": {...}}.
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np

warnings.filterwarnings("ignore", message=".*failed to get cudart_version")  # a CPU build has none

from onnxruntime.training.api import CheckpointState, Module, Optimizer


class Network:
    """One network's artifacts, and the modules that the API makes of them."""

    def __init__(self, folder):
        self.checkpoint = folder / "checkpoint"
        self.state = CheckpointState.load_checkpoint(self.checkpoint)
        self.module = Module(folder / "training_model.onnx", self.state, folder / "eval_model.onnx")
        self.optimizer = Optimizer(folder / "optimizer_model.onnx", self.module)

    def run(self, inputs):
        """Runs the training or the evaluation model, whichever is on; outputs by name."""
        outputs = self.module(*[inputs[name] for name in self.module.input_names()])
        return dict(zip(self.module.output_names(), outputs, strict=True))

    def parameters(self):
        """All parameters in order, float32 [P]."""
        return self.module.get_contiguous_parameters().numpy()

    def update(self):
        self.optimizer.step()
        self.module.lazy_reset_grad()

    def save(self):
        CheckpointState.save_checkpoint(self.state, self.checkpoint, include_optimizer_state=True)


def run_both(generator, discriminator, inputs):
    """Both losses by the parameters as they stand, D's on the batch that G just made. Returns scalars and G's images."""
    of_generator = generator.run({**inputs, "discriminator.parameters": discriminator.parameters()})
    images = of_generator["generated"]
    of_discriminator = discriminator.run({**inputs, "fake": images})
    scalars = {name: float(value) for name, value in {**of_generator, **of_discriminator}.items() if value.ndim == 0}
    return scalars, images


def main():
    parser = argparse.ArgumentParser(description="Trains artifacts of gan-onnx with onnxruntime.training.api.")
    parser.add_argument("artifacts", type=Path)
    parser.add_argument("inputs", type=Path)
    parser.add_argument("--images", type=Path, help="where to write the images of G's evaluation model")
    args = parser.parse_args()

    generator = Network(args.artifacts / "generator")
    discriminator = Network(args.artifacts / "discriminator")
    arrays = {path.stem: np.load(path) for path in sorted(args.inputs.glob("*.npy"))}
    batches = [dict(zip(arrays, step, strict=True)) for step in zip(*arrays.values(), strict=True)]

    steps = []
    for batch in batches:
        scalars, _ = run_both(generator, discriminator, batch)
        generator.update()
        discriminator.update()
        steps.append(scalars)
    for network in (generator, discriminator):
        network.save()
        network.module.eval()
    evaluation, images = run_both(generator, discriminator, batches[-1])
    if args.images:
        np.save(args.images, images)
    print(json.dumps({"steps": steps, "eval": evaluation}))


main()
