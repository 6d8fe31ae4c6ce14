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


def shuffled(*shape):
    """Distinct values at least 0.02 apart: no two of a window are equal."""
    count = int(np.prod(shape))
    values = (rng.permutation(count) - count / 2) * 0.02
    return torch.tensor(np.round(values, 4).reshape(shape), dtype=torch.float64).requires_grad_()


def images(f, x, weight, bias, /, **options):
    """Inputs and function of a case over x [N, C, H, W]; options are PyTorch's own."""
    inputs = {"x": normal(*x), "weight": normal(*weight), **({"bias": normal(*bias)} if bias else {})}
    return lambda x, weight, bias=None: f(x, weight, bias, **options), inputs


def convolution_cases(case):
    """Conv and ConvTranspose: strides 1 to 4, padding, kernels that are not square, output padding."""

    def conv(name, x, weight, bias=None, stride=1, padding=0):
        f, inputs = images(F.conv2d, x, weight, bias, stride=stride, padding=padding)
        return case(f"conv_{name}", f, inputs, stride=stride, padding=padding)

    def transposed(name, x, weight, bias=None, stride=1, padding=0, output_padding=0):
        f, inputs = images(
            F.conv_transpose2d, x, weight, bias, stride=stride, padding=padding, output_padding=output_padding
        )
        return case(
            f"conv_transpose_{name}", f, inputs, stride=stride, padding=padding, outputPadding=output_padding
        )

    return [
        conv("3x3", (2, 3, 5, 4), (4, 3, 3, 3), (4,), padding=1),
        conv("few_outputs", (2, 4, 5, 5), (1, 4, 3, 3), (1,), padding=1),
        conv("few_outputs_unpadded", (2, 4, 5, 6), (1, 4, 3, 2)),
        conv("wide_padding", (2, 2, 3, 3), (3, 2, 2, 2), padding=2),
        conv("stride_2", (2, 2, 7, 8), (3, 2, 3, 3), (3,), stride=2, padding=1),
        conv("stride_3", (2, 2, 9, 7), (3, 2, 4, 2), (3,), stride=3, padding=1),
        conv("stride_4_gaps", (2, 2, 9, 10), (3, 2, 2, 3), stride=4),
        conv("1x1", (2, 3, 3, 3), (2, 3, 1, 1), (2,)),
        *[
            transposed(f"stride_{s}_padding_{p}_{o}", (2, 3, 3, 4), (3, 2, 4, 3), (2,), s, p, o)
            for s, p, o in ((1, 0, 0), (1, 1, 0), (2, 1, 0), (2, 1, 1), (3, 0, 2), (3, 1, 1), (4, 1, 3))
        ],
        transposed("4x4", (2, 3, 3, 3), (3, 2, 4, 4), None, 2, 1, 0),
        transposed("gaps", (2, 2, 3, 3), (2, 1, 2, 2), (1,), 4, 0, 2),
    ]


def window_cases():
    def pool(name, shape, kernel, stride, padding=0, ceil=False):
        return first_order(
            f"max_pool_{name}",
            lambda x: F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil),
            {"x": shuffled(*shape)},
            kernel=kernel,
            stride=stride,
            padding=padding,
            ceil=ceil,
        )

    upsample = lambda x: F.interpolate(x, scale_factor=2, mode="nearest")
    return [
        # goodfellow-cifar-conv's: 33 -> 16, 15 -> 7, 9 -> 5
        pool("33_ceil", (1, 1, 33, 33), 4, 2, ceil=True),
        pool("15_ceil", (2, 2, 15, 15), 4, 2, ceil=True),
        pool("9_ceil", (2, 2, 9, 9), 2, 2, ceil=True),
        pool("overlapping", (2, 2, 6, 7), 3, 1),
        pool("padded", (2, 2, 5, 5), 3, 2, padding=1),
        pool("padded_ceil", (2, 2, 6, 5), 3, 2, padding=1, ceil=True),
        pool("gaps", (2, 2, 7, 7), 2, 3, ceil=True),
        first_order("upsample", upsample, {"x": normal(2, 3, 3, 2)}),
        first_order("average_pool", lambda x: F.avg_pool2d(x, 2), {"x": normal(2, 3, 4, 6)}),
        first_order(
            "upsample_conv",
            lambda x, weight, bias: F.conv2d(upsample(x), weight, bias, padding=1),
            {"x": normal(2, 3, 3, 4), "weight": normal(2, 3, 3, 3), "bias": normal(2)},
        ),
    ]


def pullbacks(name, f, inputs, **attributes):
    """Second order: the gradients of sum_i <d sum(f^2 * upstream) / d input_i, v_i> by all inputs."""
    output = f(*inputs.values())
    upstream = normal(*output.shape).detach()
    first = torch.autograd.grad((output**2 * upstream).sum(), list(inputs.values()), create_graph=True)
    weights = {key: normal(*value.shape).detach() for key, value in inputs.items()}
    loss = sum((g * v).sum() for g, v in zip(first, weights.values(), strict=True))
    second = torch.autograd.grad(loss, list(inputs.values()))
    return {
        "name": name,
        "attributes": attributes,
        "inputs": {key: golden(value) for key, value in inputs.items()},
        "upstream": golden(upstream),
        "weights": {key: golden(value) for key, value in weights.items()},
        "gradients": {key: golden(g) for key, g in zip(inputs, second, strict=True)},
    }


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


def second_order_cases():
    return [
        gradient_penalty("gradient_penalty_tanh", torch.tanh, activation="tanh"),
        gradient_penalty(
            "gradient_penalty_leaky_relu", lambda h: F.leaky_relu(h, 0.2), activation="leaky_relu", alpha=0.2
        ),
        gradient_penalty("gradient_penalty_softplus", F.softplus, activation="softplus"),
    ]


def shortened(value):
    """The same with ten significant digits."""
    return json.loads(json.dumps(value), parse_float=lambda text: float(f"{float(text):.10g}"))


def to_json(value):
    """Indented JSON with each list of plain numbers on one line."""
    text = json.dumps(value, indent=1)
    return re.sub(r"\[[^\[\]{}\"]*\]", lambda m: re.sub(r"\s+", " ", m[0]).replace("[ ", "[").replace(" ]", "]"), text)


def main():
    first, second = first_order_cases(), second_order_cases()
    goldens = {
        "howMade": "python test/golden/make_gradients.py: PyTorch autograd in float64; gradients are those of "
        "sum(output * upstream), for secondOrder those of penalty = mean((|d sum(output) / dx|_2 - 1)^2) over the batch; for pullbacks those of "
        "sum of weights * the gradients of sum(output^2 * upstream); "
        "Linear weights are [out, in]",
        "torch": torch.__version__,
        "firstOrder": [*first, *shortened([*convolution_cases(first_order), *window_cases()])],
        "secondOrder": second,
        "pullbacks": shortened(convolution_cases(pullbacks)),
    }
    OUT.write_text(to_json(goldens) + "\n")
    print(f"{OUT.name}: {OUT.stat().st_size} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
