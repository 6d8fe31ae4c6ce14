"""Makes the generators that PyTorch exports, with what PyTorch itself draws, for test/infer/foreign.test.ts.

    python test/golden/make_pytorch_generators.py

Written with PyTorch 2.13 (and onnx 1.23, onnxscript). Two networks of nobody in particular: one of transposed
convolutions with latents [N, 6, 1, 1], a sigmoid at its end, and a second output; one of linear layers with a batch of 1
only, which puts out channels last.
"""

import json
from pathlib import Path

import onnx
import torch
from torch import nn

HERE = Path(__file__).parent


class Convolutional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.ConvTranspose2d(6, 8, 4)
        self.norm = nn.BatchNorm2d(8)
        self.last = nn.ConvTranspose2d(8, 3, 4, stride=2, padding=1)

    def forward(self, noise):
        features = torch.relu(self.norm(self.first(noise)))
        return torch.sigmoid(self.last(features)), features


class ChannelsLast(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(5, 16), nn.LeakyReLU(0.2), nn.Linear(16, 4 * 6 * 3), nn.Tanh())

    def forward(self, z):
        return self.layers(z).view(-1, 4, 6, 3)


def numbers(tensor):
    return [round(float(x), 7) for x in tensor.flatten()]


torch.manual_seed(0)
convolutional = Convolutional()
with torch.no_grad():
    convolutional.norm.running_mean.normal_(0, 0.1)
    convolutional.norm.running_var.uniform_(0.5, 1.5)
convolutional.eval()
channels_last = ChannelsLast().eval()
noise = torch.randn(3, 6, 1, 1)
z = torch.randn(2, 5)
torch.onnx.export(
    convolutional,
    (noise,),
    HERE / "pytorch-convolutional.onnx",
    input_names=["noise"],
    output_names=["picture", "features"],
    dynamic_shapes={"noise": {0: torch.export.Dim("batch")}},
    dynamo=True,
    external_data=False,
)
torch.onnx.export(
    channels_last,
    (z[:1],),
    HERE / "pytorch-channels-last.onnx",
    input_names=["z"],
    output_names=["image"],
    dynamo=True,
    external_data=False,
)
for name in ("pytorch-convolutional.onnx", "pytorch-channels-last.onnx"):
    model = onnx.load(HERE / name)
    for part in [*model.graph.node, *model.graph.value_info, *model.graph.initializer, *model.graph.input]:
        # Where in whose folders each layer was written.
        part.ClearField("metadata_props")
    onnx.save(model, HERE / name)
with torch.no_grad():
    golden = {
        "torch": torch.__version__,
        "convolutional": {"latents": numbers(noise), "images": numbers(convolutional(noise)[0])},
        "channelsLast": {"latents": numbers(z), "images": numbers(channels_last(z))},
    }
(HERE / "pytorch-generators.json").write_text(json.dumps(golden))
