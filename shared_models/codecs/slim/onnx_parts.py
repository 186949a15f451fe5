"""From trained torch modules to the float networks of a package, each proven against its origin.

Sides and batch are dynamic; normalisation is folded into convolutions by the exporter. Networks that make
pictures clip them, so that a package's pictures are in [0, 1].
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from shared_models.codecs.slim.enhancement import SlimEnhancement
from shared_models.codecs.slim.enhancement_config import ENHANCEMENT_CHANNELS
from shared_models.errors import ModelError

OPSET = 18
LATENT_CHANNELS = 64
TOLERANCE = 1e-3  # of the largest value; float32 sums in another order


@dataclass(frozen=True, slots=True)
class OnnxPart:
    """A network of a package: its name there, the module, its inputs by name with an example, its output.

    `spatial` are the inputs with a height and a width; all inputs have a batch.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    output: str
    spatial_output: bool = True

    def dynamic_axes(self) -> dict[str, dict[int, str]]:
        """Name the axes that may change."""
        axes = {
            name: {0: "B"} | ({2: f"{name}_h", 3: f"{name}_w"} if example.dim() == 4 else {})
            for name, example in self.inputs.items()
        }
        spatial = {2: f"{self.output}_h", 3: f"{self.output}_w"} if self.spatial_output else {}
        return axes | {self.output: {0: "B"} | spatial}


class ClippedFull(nn.Module):
    """The full decoder with its picture clipped to [0, 1]."""

    def __init__(self, model: SlimEnhancement) -> None:
        """Take the decoder of `model`."""
        super().__init__()
        self.decoder = model.decoder

    def forward(self, y_hat: Tensor, e_hat: Tensor, gain: Tensor) -> Tensor:
        """(B, 64, h, w), (B, 192, 2h, 2w), (B, 192) -> (B, 3, 16h, 16w)."""
        x_hat: Tensor = self.decoder(y_hat, e_hat, gain)
        return x_hat.clamp(0, 1)


class ClippedPreview(nn.Module):
    """A preview decoder with its picture clipped to [0, 1]."""

    def __init__(self, decoder: nn.Module) -> None:
        """Take a module from y_hat to pictures."""
        super().__init__()
        self.decoder = decoder

    def forward(self, y_hat: Tensor) -> Tensor:
        """(B, 64, h, w) -> (B, 3, 16h, 16w)."""
        x_hat: Tensor = self.decoder(y_hat)
        return x_hat.clamp(0, 1)


def enhancement_encoder_part(model: SlimEnhancement) -> OnnxPart:
    """X -> e, what the edge runs when a frame is pulled."""
    return OnnxPart("enh_encoder", model.analysis, {"x": torch.rand(1, 3, 32, 48)}, "e")


def full_part(model: SlimEnhancement) -> OnnxPart:
    """(y_hat, e_hat, gain) -> x_hat, base and enhancement to the picture."""
    gain = model.gains(torch.tensor([50.0])).flatten(1)
    e_hat = torch.randint(-3, 4, (1, ENHANCEMENT_CHANNELS, 4, 6)) / gain.view(1, -1, 1, 1)
    inputs = {"y_hat": torch.randn(1, LATENT_CHANNELS, 2, 3), "e_hat": e_hat, "gain": gain}
    return OnnxPart("full", ClippedFull(model), inputs, "x_hat")


def preview_part(decoder: nn.Module) -> OnnxPart:
    """y_hat -> x_hat, the base alone to a picture."""
    return OnnxPart(
        "preview", ClippedPreview(decoder), {"y_hat": torch.randn(1, LATENT_CHANNELS, 2, 3)}, "x_hat"
    )


def classifier_part(network: nn.Module) -> OnnxPart:
    """y_hat -> logits of ImageNet's classes."""
    inputs = {"y_hat": torch.randn(1, LATENT_CHANNELS, 20, 26)}
    return OnnxPart("classify", network, inputs, "logits", spatial_output=False)


def export_part(part: OnnxPart, folder: Path) -> Path:
    """Write folder/NAME.onnx; raise ModelError if it does not compute what the module does."""
    folder.mkdir(parents=True, exist_ok=True)
    path, partial = folder / f"{part.name}.onnx", folder / f"{part.name}.partial"
    part.module.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own notices of deprecation and tracing
        torch.onnx.export(
            part.module,
            tuple(part.inputs.values()),
            partial,
            input_names=list(part.inputs),
            output_names=[part.output],
            dynamic_axes=part.dynamic_axes(),
            opset_version=OPSET,
            dynamo=False,
        )
    verify_part(part, partial.read_bytes())
    partial.rename(path)
    return path


@torch.no_grad()
def verify_part(part: OnnxPart, graph: bytes) -> None:
    """Compare ONNX Runtime with torch on the example and on a larger batch; raise ModelError."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    for inputs in (part.inputs, {name: enlarged(example) for name, example in part.inputs.items()}):
        expected = part.module(*inputs.values()).numpy()
        (actual,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        worst = float(np.abs(actual - expected).max())
        if actual.shape != expected.shape or worst > TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise ModelError(
                f"the exported {part.name} differs from its module by {worst:.3g}; export it in float32"
            )


def enlarged(example: Tensor) -> Tensor:
    """Give another batch and other sides than the example, to catch what tracing has frozen."""
    if example.dim() < 4:
        return torch.cat([example, example])
    doubled = torch.cat([example, example.flip(3)])
    wider = torch.cat([doubled, doubled], dim=3)
    return torch.cat([wider, wider.flip(2), wider], dim=2)
