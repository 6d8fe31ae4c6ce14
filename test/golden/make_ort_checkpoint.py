"""Makes ort-checkpoint and ort-checkpoint.json: a checkpoint that ONNX Runtime's own training API saved, and its values.

Run from the repository root, in an environment with onnxruntime-training 1.19.2, onnx, torch and numpy 1.26:

    python test/golden/make_ort_checkpoint.py

y = (x w + b) scale is trained for three steps with AdamW. The JSON does not come out of the checkpoint: it has the
parameters that the API reports while training, and Adam's moments computed here, in float64, from the gradients that it
reports.
"""

import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.training import artifacts
from onnxruntime.training.api import CheckpointState, Module, Optimizer

OUT = Path(__file__).with_name("ort-checkpoint")

STEPS = 3
# AdamW's defaults in the artifacts, as the float32 numbers that ONNX Runtime computes with.
BETAS = [float(np.float32(beta)) for beta in (0.9, 0.999)]
PROPERTIES = {"epoch": 7, "largest": 2**53 - 1, "negative": -5, "third": 1 / 3, "größe": "naïve 😀", "nothing": ""}


def model():
    """[N, 2] -> [N, 3]; the scale is a scalar, and b is not trained."""
    values = {
        "w": np.linspace(-0.5, 0.5, 6, dtype=np.float32).reshape(2, 3),
        "b": np.array([0.25, -1, 2], np.float32),
        "scale": np.array(1.5, np.float32),
    }
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["h"]), helper.make_node("Mul", ["h", "scale"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def make_artifacts(directory):
    artifacts.generate_artifacts(
        model(),
        requires_grad=["w", "scale"],
        frozen_params=["b"],
        loss=artifacts.LossType.MSELoss,
        optimizer=artifacts.OptimType.AdamW,
        artifact_directory=directory,
    )
    # Newer onnx packages write an IR version that this ONNX Runtime does not know.
    path = directory / "optimizer_model.onnx"
    optimizer = onnx.load(path)
    optimizer.ir_version = 8
    onnx.save(optimizer, path)


def listed(array):
    return {"shape": list(array.shape), "values": [float(x) for x in array.ravel()]}


def main():
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        make_artifacts(directory)
        state = CheckpointState.load_checkpoint(directory / "checkpoint")
        module = Module(directory / "training_model.onnx", state)
        optimizer = Optimizer(directory / "optimizer_model.onnx", module)
        optimizer.set_learning_rate(0.05)
        module.train()
        moments = {n: [np.zeros(p.data.shape) for _ in BETAS] for n, p in state.parameters if p.requires_grad}
        for t in range(STEPS):
            x = np.array([[t, 1], [1 - t, 0.5], [2, -t]], np.float32)
            module(x, np.ones((3, 3), np.float32))
            for n, (first, second) in moments.items():
                gradient = state.parameters[n].grad.astype(np.float64)
                moments[n] = [
                    BETAS[0] * first + (1 - BETAS[0]) * gradient,
                    BETAS[1] * second + (1 - BETAS[1]) * gradient**2,
                ]
            optimizer.step()
            module.lazy_reset_grad()
        for n, value in PROPERTIES.items():
            state.properties[n] = value
        CheckpointState.save_checkpoint(state, OUT, include_optimizer_state=True)
        trained = {n: p for n, p in state.parameters if p.requires_grad}
        frozen = {n: p for n, p in state.parameters if not p.requires_grad}
        expected = {
            "trainable": {n: listed(p.data) for n, p in trained.items()},
            "frozen": {n: listed(p.data) for n, p in frozen.items()},
            "step": STEPS,
            "moments": {n: [listed(np.asarray(m)) for m in pair] for n, pair in moments.items()},
            "properties": PROPERTIES,
        }
    OUT.with_suffix(".json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


main()
