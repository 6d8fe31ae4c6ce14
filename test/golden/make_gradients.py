"""Makes gradients.json: float64 gradients from PyTorch, for the ops that finite differences cannot judge.

Run from the repository root, in an environment with numpy and torch:

    python test/golden/make_gradients.py

ONNX Runtime's CPU provider has no double kernel for some ops (Softplus, LeakyRelu), and float32 is too coarse for finite
differences; those rules are held against these numbers instead. The others are here as a cross-check. Inputs have
four decimals and keep away from kinks. `gradients` holds, per differentiated input, d sum(output * upstream) / d input.
"""

import json
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

OUT = Path(__file__).with_name("gradients.json")
KINK = 0.05
rng = np.random.default_rng(20140610)


def normal(*shape, scale=1.0):
    """Random values rounded to four decimals, so that they read the same everywhere."""
    return torch.tensor(np.round(rng.normal(0, scale, shape), 4), dtype=torch.float64).requires_grad_()


def away_from(other, *shape, scale=1.0):
    """Random values at least KINK from `other`, elementwise."""
    value = normal(*shape, scale=scale).detach()
    gap = value - other
    nudged = other + torch.where(gap < 0, gap.clamp(max=-KINK), gap.clamp(min=KINK))
    return torch.round(nudged.detach(), decimals=4).requires_grad_()


def golden(tensor):
    return {"shape": list(tensor.shape), "data": tensor.detach().flatten().tolist()}


def first_order(name, f, inputs, constants=(), **attributes):
    """One case: f's output for `inputs`, and the pullback of a random upstream gradient to each that is no constant."""
    output = f(*inputs.values())
    upstream = normal(*output.shape).detach()
    wrt = [key for key in inputs if key not in constants]
    gradients = torch.autograd.grad(output, [inputs[key] for key in wrt], upstream)
    return {
        "name": name,
        "attributes": attributes,
        "inputs": {key: golden(value) for key, value in inputs.items()},
        "upstream": golden(upstream),
        "output": golden(output),
        "gradients": {key: golden(g) for key, g in zip(wrt, gradients, strict=True)},
    }


def batch_norm(x, weight, bias, eps=0.8):
    """BatchNorm in training: statistics of the batch, biased variance."""
    mean = x.mean(0)
    variance = ((x - mean) ** 2).mean(0)
    return (x - mean) / torch.sqrt(variance + eps) * weight + bias


def first_order_cases():
    a, logits = normal(3, 4), normal(6, 1, scale=2)
    targets = torch.tensor([[1.0], [0.0], [1.0], [0.9], [0.0], [0.1]], dtype=torch.float64)
    return [
        first_order("softplus", F.softplus, {"x": normal(3, 4, scale=3)}),
        first_order("leaky_relu", lambda x: F.leaky_relu(x, 0.2), {"x": away_from(0, 3, 4)}, alpha=0.2),
        first_order("sigmoid", torch.sigmoid, {"x": normal(3, 4, scale=3)}),
        first_order("tanh", torch.tanh, {"x": normal(3, 4, scale=2)}),
        first_order("abs", torch.abs, {"x": away_from(0, 3, 4)}),
        first_order("relu", torch.relu, {"x": away_from(0, 3, 4)}),
        first_order("max", torch.maximum, {"a": a, "b": away_from(a, 3, 4)}),
        first_order("min", torch.minimum, {"a": a, "b": away_from(a, 3, 4)}),
        first_order("batch_norm", batch_norm, {"x": normal(6, 4, scale=2), "weight": normal(4), "bias": normal(4)}, eps=0.8),
        first_order(
            "bce_with_logits_mean",
            F.binary_cross_entropy_with_logits,
            {"logits": logits, "targets": targets},
            constants=("targets",),
        ),
    ]


def gradient_penalty(name, activation, /, **attributes):
    """WGAN-GP's penalty of x -> Linear 7 -> activation -> Linear 1, differentiated by the weights: second order."""
    x = normal(6, 5)
    parameters = {"weight1": normal(7, 5), "bias1": normal(7), "weight2": normal(1, 7), "bias2": normal(1)}
    # Far enough from zero at every unit, so that leaky_relu's kink is nowhere near.
    while (F.linear(x, parameters["weight1"], parameters["bias1"]).abs() < KINK).any():
        x = normal(6, 5)
    hidden = activation(F.linear(x, parameters["weight1"], parameters["bias1"]))
    output = F.linear(hidden, parameters["weight2"], parameters["bias2"])
    (slope,) = torch.autograd.grad(output.sum(), x, create_graph=True)
    penalty = ((torch.linalg.vector_norm(slope, dim=1) - 1) ** 2).mean()
    # The penalty does not depend on the last bias (nor on the first one where the activation is piecewise linear).
    gradients = torch.autograd.grad(penalty, list(parameters.values()), allow_unused=True, materialize_grads=True)
    return {
        "name": name,
        "attributes": attributes,
        "inputs": {"x": golden(x), **{key: golden(value) for key, value in parameters.items()}},
        "output": golden(output),
        "inputGradient": golden(slope),
        "penalty": penalty.item(),
        "gradients": {key: golden(g) for key, g in zip(parameters, gradients, strict=True)},
    }


def to_json(value):
    """Indented JSON with each list of plain numbers on one line."""
    text = json.dumps(value, indent=1)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda m: re.sub(r"\s+", " ", m[0]).replace("[ ", "[").replace(" ]", "]"), text)


def main():
    goldens = {
        "howMade": "python test/golden/make_gradients.py: PyTorch autograd in float64; gradients are those of "
        "sum(output * upstream), for secondOrder those of penalty = mean((|d sum(output) / dx|_2 - 1)^2) over the batch; "
        "Linear weights are [out, in]",
        "torch": torch.__version__,
        "firstOrder": first_order_cases(),
        "secondOrder": [
            gradient_penalty("gradient_penalty_tanh", torch.tanh, activation="tanh"),
            gradient_penalty(
                "gradient_penalty_leaky_relu", lambda h: F.leaky_relu(h, 0.2), activation="leaky_relu", alpha=0.2
            ),
            gradient_penalty("gradient_penalty_softplus", F.softplus, activation="softplus"),
        ],
    }
    OUT.write_text(to_json(goldens) + "\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
