"""What a frozen YOLOX makes of stride-8 features, stage by stage: the targets of the built-in detector."""

from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from shared_models.bridges.onnx_module import OnnxModule, read_onnx
from shared_models.bridges.yolox import Prediction, YoloxCut, head_tensors

MERGED = "input.415"  # features at stride 16 on the way up, before their reduction
LEVELS = 3


class YoloxStages(nn.Module):
    """A frozen YOLOX whose stages are outputs, under the names that `DetectorTail` gives its own."""

    def __init__(self, path: Path, cut: YoloxCut | None = None) -> None:
        """Read the ONNX file; raise ModelError if it is not a YOLOX with the tensors of `cut`."""
        super().__init__()
        cut, model = cut or YoloxCut(), read_onnx(path)
        towers = tower_tensors(model)
        stages = {"P4": cut.P4, "P5": cut.P5, "F4": MERGED}
        stages |= dict(zip(("N3", "N4", "N5"), cut.neck, strict=True)) | towers
        self.names = list(stages)
        self.front = OnnxModule(model, [model.graph.input[0].name], [cut.P3])
        self.tail = OnnxModule(model, [cut.P3], [*stages.values(), *head_tensors(model)])
        self.requires_grad_(False).eval()

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> P3 (B, 64, H/8, W/8)."""
        P3: Tensor = self.front(x.flip(1) * 255)[0]  # the network was trained on BGR, 0..255
        return P3

    @torch.no_grad()
    def forward(self, P3: Tensor) -> tuple[dict[str, Tensor], list[Prediction]]:
        """P3 -> features (B, C, h, w) of every stage by name, predictions at strides 8, 16, 32."""
        outputs = self.tail(P3)
        heads = outputs[len(self.names) :]
        stages = dict(zip(self.names, outputs, strict=False))
        return stages, [Prediction(*heads[i : i + 3]) for i in range(0, 3 * LEVELS, 3)]


def tower_tensors(model: onnx.ModelProto) -> dict[str, str]:
    """Find the features that the last convolutions of classes and boxes read, by name of our stage."""
    inputs = {node.input[1]: node.input[0] for node in model.graph.node if node.op_type == "Conv"}
    kinds = {"classes": "cls", "boxes": "reg"}
    return {
        f"{ours}_{level}": inputs[f"head.{theirs}_preds.{level}.weight"]
        for level in range(LEVELS)
        for ours, theirs in kinds.items()
    }
