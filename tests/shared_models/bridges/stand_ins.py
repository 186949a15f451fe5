"""Small torch models in the forms that known detectors have, as ONNX: stand-ins for models unseen."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from torch import Tensor, nn

SIDE = 96


def block(a: int, b: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(a, b, 3, stride, 1), nn.BatchNorm2d(b), nn.SiLU())


class Backbone(nn.Module):
    """Maps at strides 8, 16, 32."""

    def __init__(self) -> None:
        super().__init__()
        self.to_8 = nn.Sequential(block(3, 8, 2), block(8, 12, 2), block(12, 16, 2), block(16, 16))
        self.to_16 = nn.Sequential(block(16, 24, 2), block(24, 24))
        self.to_32 = nn.Sequential(block(24, 32, 2), block(32, 32))

    def forward(self, x: Tensor) -> list[Tensor]:
        P3 = self.to_8(x)
        P4 = self.to_16(P3)
        return [P3, P4, self.to_32(P4)]


class Pyramid(nn.Module):
    """Top down: all levels at 16 channels."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.across = nn.ModuleList(nn.Conv2d(c, 16, 1) for c in (16, 24, 32))

    def forward(self, x: Tensor) -> list[Tensor]:
        levels = [conv(p) for conv, p in zip(self.across, self.backbone(x), strict=True)]
        for i in (1, 0):
            levels[i] = levels[i] + F.interpolate(levels[i + 1], scale_factor=2.0)
        return levels


class AnchorFree(nn.Module):
    """As YOLOv8 is exported: distributions, a constant grid, (B, 4 + classes, cells)."""

    grid: Tensor
    strides: Tensor

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.neck, self.classes = Pyramid(), classes
        self.head = nn.Conv2d(16, 64 + classes, 1)
        sides = [(SIDE // s, s) for s in (8, 16, 32)]
        grid = [
            torch.stack([(torch.arange(n * n) % n + 0.5) * s, (torch.arange(n * n) // n + 0.5) * s])
            for n, s in sides
        ]
        self.register_buffer("grid", torch.cat(grid, 1)[None])
        self.register_buffer(
            "strides", torch.cat([torch.full((n * n,), float(s)) for n, s in sides])[None, None]
        )

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.cat([self.head(p).reshape(x.shape[0], 64 + self.classes, -1) for p in self.neck(x)], 2)
        sides = rows[:, :64].reshape(-1, 4, 16, rows.shape[2]).softmax(2)
        reach = (sides * torch.arange(16.0)[:, None]).sum(2) * self.strides
        low, high = self.grid - reach[:, :2], self.grid + reach[:, 2:]
        return torch.cat([(low + high) / 2, high - low, rows[:, 64:].sigmoid()], 1)


class Anchors(nn.Module):
    """As YOLOv5 is exported: three anchors a cell, (B, 3 cells, 5 + classes)."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        self.neck, self.width = Pyramid(), 5 + classes
        self.head = nn.Conv2d(16, 3 * self.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        rows = []
        for level, stride in zip(self.neck(x), (8, 16, 32), strict=True):
            B, _, h, w = level.shape
            y = self.head(level).reshape(B, 3, self.width, h, w).permute(0, 1, 3, 4, 2).sigmoid()
            grid = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")[::-1], -1)
            xy, size = (y[..., :2] * 2 - 0.5 + grid) * stride, (y[..., 2:4] * 2) ** 2 * stride * 2
            rows.append(torch.cat([xy, size, y[..., 4:]], -1).reshape(B, -1, self.width))
        return torch.cat(rows, 1)


class Queries(nn.Module):
    """As DETR is exported: attention over tokens, queries, logits and boxes."""

    def __init__(self, classes: int = 6) -> None:
        super().__init__()
        self.backbone = Backbone()
        self.across = nn.Conv2d(32, 32, 1)
        self.encoder = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.queries = nn.Parameter(torch.randn(20, 32))
        self.attend = nn.MultiheadAttention(32, 4, batch_first=True)
        self.logits, self.boxes = nn.Linear(32, classes + 1), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        tokens = self.encoder(self.across(self.backbone(x)[2]).flatten(2).transpose(1, 2))
        queries = self.queries[None].expand(x.shape[0], -1, -1)
        found, _ = self.attend(queries, tokens, tokens)
        logits = self.logits(found)
        return torch.cat([logits[..., :-1] - 2, logits[..., -1:] + 2], -1), self.boxes(found).sigmoid()


class Classifier(nn.Module):
    """Class scores of the last map's mean."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.backbone, self.head = Backbone(), nn.Linear(32, classes)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.backbone(x)[2].mean((2, 3)))
        return scores


class ChannelsLast(nn.Module):
    """A classifier as TensorFlow's exports take pictures: bytes, planes last, scaling inside."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Classifier()

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.inner((x.float() / 127.5 - 1).permute(0, 3, 1, 2))
        return scores


def export(
    path: Path, model: nn.Module, example: Tensor | None = None, outputs: Sequence[str] = (), **options: Any
) -> Path:
    """Write `model` as ONNX, with random weights and statistics that keep signals alive."""
    torch.manual_seed(0)
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    target = io.BytesIO()
    names = list(outputs) or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own notices
        torch.onnx.export(
            model.eval(),
            (torch.rand(1, 3, SIDE, SIDE) if example is None else example,),
            target,  # type: ignore[arg-type]  # the tracing exporter writes to streams, too
            input_names=["image"],
            output_names=names,
            opset_version=17,
            dynamo=False,
            **options,
        )
    path.write_bytes(target.getvalue())
    return path


def with_suppression(model: onnx.ModelProto) -> onnx.ModelProto:
    """Append what exporters of SSD append to boxes (1, N, 4) and scores (1, N, C): suppression inside."""
    h = onnx.helper
    boxes, scores = (o.name for o in model.graph.output)
    constants: dict[str, list[float]] = {"most": [50], "overlap": [0.5], "least": [0.001]}
    for name, value in constants.items():
        kind = onnx.TensorProto.INT64 if name == "most" else onnx.TensorProto.FLOAT
        model.graph.initializer.append(h.make_tensor(name, kind, [1], np.array(value)))
    model.graph.initializer.append(h.make_tensor("last", onnx.TensorProto.INT64, [1], [2]))
    model.graph.initializer.append(h.make_tensor("second", onnx.TensorProto.INT64, [1], [1]))
    model.graph.node.extend(
        [
            h.make_node("Transpose", [scores], ["by_class"], perm=[0, 2, 1]),
            h.make_node("NonMaxSuppression", [boxes, "by_class", "most", "overlap", "least"], ["kept"]),
            h.make_node("Gather", ["kept", "last"], ["rows2"], axis=1),
            h.make_node("Squeeze", ["rows2", "second"], ["rows"]),
            h.make_node("Gather", [boxes, "rows"], ["final_boxes"], axis=1),
            h.make_node("Gather", [scores, "rows"], ["final_all"], axis=1),
            h.make_node("ReduceMax", ["final_all"], ["final_scores"], axes=[2], keepdims=0),
            h.make_node("ArgMax", ["final_all"], ["final_classes"], axis=2, keepdims=0),
        ]
    )
    del model.graph.output[:]
    finals: list[tuple[str, int, list[int | str]]] = [
        ("final_boxes", onnx.TensorProto.FLOAT, [1, "n", 4]),
        ("final_scores", onnx.TensorProto.FLOAT, [1, "n"]),
        ("final_classes", onnx.TensorProto.INT64, [1, "n"]),
    ]
    for name, element, shape in finals:
        model.graph.output.append(h.make_tensor_value_info(name, element, shape))
    return model


class Dense(nn.Module):
    """Corners in parts of the canvas and probabilities, for every cell: an SSD decoded in the graph."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__()
        self.backbone, self.classes = Backbone(), classes
        self.heads = nn.ModuleList(nn.Conv2d(c, 4 + classes, 3, padding=1) for c in (24, 32))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        maps = [head(p) for head, p in zip(self.heads, self.backbone(x)[1:], strict=True)]
        rows = torch.cat([m.flatten(2).transpose(1, 2) for m in maps], 1)
        centre, size = rows[..., :2].sigmoid(), rows[..., 2:4].sigmoid() * 0.3
        return torch.cat([centre - size, centre + size], -1), rows[..., 4:].softmax(-1)
