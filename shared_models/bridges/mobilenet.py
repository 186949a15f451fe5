"""A frozen MobileNetV2 as a differentiable network: what the base's latents should hold for classifiers."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from shared_models.bridges.onnx_module import OnnxModule, read_onnx

_WHOLE = "StatefulPartitionedCall/MobileNetV2/"
_BLOCK = f"MobileNetV2/expanded_conv_{{0}}/add/add;{_WHOLE}expanded_conv_{{0}}/add/add_prequant"
_BACKGROUND = 1  # the first class is none of ImageNet's


@dataclass(frozen=True, slots=True)
class MobilenetCut:
    """Names of the tensors at which the graph is watched: blocks 13 and 16."""

    at_16: str = _BLOCK.format(13)
    at_32: str = _BLOCK.format(16)


@dataclass(frozen=True, slots=True)
class ClassView:
    """What the network makes of B pictures: maps at block 16 and 17 (B, C, h, w), logits (B, 1000)."""

    at_32: Tensor
    last: Tensor
    logits: Tensor


class FrozenMobilenet(nn.Module):
    """A frozen MobileNetV2: its front up to stride 16, and the rest; pictures of any size."""

    variance: Tensor

    def __init__(self, path: Path, cut: MobilenetCut | None = None) -> None:
        """Read the ONNX file; raise ModelError if it has not the tensors of `cut`."""
        super().__init__()
        cut = cut or MobilenetCut()
        model = read_onnx(path)
        pool = next(node for node in model.graph.node if node.op_type == "GlobalAveragePool")
        *_, last, scores = [node for node in model.graph.node if node.op_type == "Conv"]
        self.front = OnnxModule(model, [model.graph.input[0].name], [cut.at_16])
        self.tail = OnnxModule(model, [cut.at_16], [cut.at_32, last.input[0], pool.output[0]])
        self.head = OnnxModule(model, [scores.input[0]], [scores.output[0]])
        self.register_buffer("variance", torch.ones(3))  # of the maps at blocks 13, 16 and 17
        self.requires_grad_(False).eval()

    def features(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B, 96, H/16, W/16)."""
        features: Tensor = self.front(x * 255)[0]
        return features

    def view(self, features: Tensor) -> ClassView:
        """(B, 96, h, w) features at stride 16 -> what lies behind them."""
        at_32, last, pooled = self.tail(features)
        return ClassView(at_32, last, self.head(pooled)[0].flatten(1)[:, _BACKGROUND:])

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Measure the variance of each map on a batch of pictures; losses are relative to it."""
        features = self.features(x)
        view = self.view(features)
        self.variance = torch.stack([f.float().var() for f in (features, view.at_32, view.last)])
