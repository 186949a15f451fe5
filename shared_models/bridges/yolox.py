"""A frozen YOLOX as a differentiable network: teacher in training, tail of a bridge in evaluation."""

from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from shared_models.bridges.onnx_module import OnnxModule, read_onnx
from shared_models.errors import ModelError


@dataclass(frozen=True, slots=True)
class YoloxCut:
    """Names of the tensors at which a YOLOX graph is watched: backbone and neck at strides 8, 16, 32."""

    P3: str = "input.175"
    P4: str = "input.283"
    P5: str = "input.359"
    neck: tuple[str, str, str] = ("input.471", "input.531", "input.591")


@dataclass(frozen=True, slots=True)
class Prediction:
    """Head outputs of one stride: class and objectness logits (B, 80 | 1, h, w), raw boxes (B, 4, h, w)."""

    classes: Tensor
    objectness: Tensor
    boxes: Tensor

    def maps(self) -> Tensor:
        """Return (B, 85, h, w): box, objectness and classes, the last 81 after their sigmoid."""
        scores = [self.objectness.float().sigmoid(), self.classes.float().sigmoid()]
        return torch.cat([self.boxes.float(), *scores], dim=1)


class FrozenYolox(nn.Module):
    """A frozen YOLOX: its front up to stride 8, its backbone from there, and its heads."""

    variance: Tensor

    def __init__(self, path: Path, cut: YoloxCut | None = None) -> None:
        """Read the ONNX file; raise ModelError if it is not a YOLOX with the tensors of `cut`."""
        super().__init__()
        cut = cut or YoloxCut()
        model = read_onnx(path)
        heads = head_tensors(model)
        self.front = OnnxModule(model, [model.graph.input[0].name], [cut.P3])
        self.backbone = OnnxModule(model, [cut.P3], [cut.P4, cut.P5])
        self.tail = OnnxModule(model, [cut.P3], [cut.P4, cut.P5, *heads])
        self.register_buffer("variance", torch.ones(3))  # of P3, P4, P5; see calibrate
        self.requires_grad_(False).eval()

    def features(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> P3 (B, 64, H/8, W/8)."""
        features: Tensor = self.front(x.flip(1) * 255)[0]  # the network was trained on BGR, 0..255
        return features

    def pyramid(self, P3: Tensor) -> list[Tensor]:
        """P3 -> the backbone's [P3, P4, P5]."""
        return [P3, *self.backbone(P3)]

    def pyramid_and_heads(self, P3: Tensor) -> tuple[list[Tensor], list[Prediction]]:
        """P3 -> [P3, P4, P5] and the predictions at strides 8, 16, 32."""
        P4, P5, *heads = self.tail(P3)
        return [P3, P4, P5], [Prediction(*heads[i : i + 3]) for i in (0, 3, 6)]

    @torch.no_grad()
    def calibrate(self, x: Tensor) -> None:
        """Measure the variance of each level on a batch of pictures; losses are relative to it."""
        self.variance = torch.stack([f.float().var() for f in self.pyramid(self.features(x))])


def head_tensors(model: onnx.ModelProto) -> list[str]:
    """Find class, objectness and box outputs of each stride by the names of their weights."""
    producers = {node.input[1]: node.output[0] for node in model.graph.node if node.op_type == "Conv"}
    names = [f"head.{kind}_preds.{level}.weight" for level in range(3) for kind in ("cls", "obj", "reg")]
    missing = [name for name in names if name not in producers]
    if missing:
        raise ModelError(f"the model has no weight {missing[0]}; a YOLOX exported with its names is needed")
    return [producers[name] for name in names]
