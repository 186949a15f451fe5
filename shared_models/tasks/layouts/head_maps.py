"""Heads exported as they are: one map a stride, whose cells are rows of a layout that is known."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from shared_models.tasks.detection import Boxes
from shared_models.tasks.layouts.anchor_maps import AnchorRows
from shared_models.tasks.layouts.gfl import GflLayout
from shared_models.tasks.layouts.grids import STRIDE_SETS, level_sizes
from shared_models.tasks.layouts.layout import Array, DetectionLayout, Probe, Side
from shared_models.tasks.layouts.yolox import YoloxLayout

Rows = Annotated[YoloxLayout | GflLayout | AnchorRows, Field(discriminator="name")]


class HeadMapsLayout(DetectionLayout):
    """(B, channels, h, w), (B, h, w, channels) or (B, anchors, h, w, channels) for each stride."""

    name: Literal["head-maps"] = "head-maps"
    maps_at: tuple[int, ...]
    """Positions of the maps, finest first."""
    form: Literal["planes first", "planes last", "anchors apart"]
    rows: Rows
    """How the cells of all maps, one after another, are read."""

    FORMS: ClassVar[dict[str, tuple[int, int, int]]] = {
        "planes first": (4, 2, 3),
        "planes last": (4, 1, 2),
        "anchors apart": (5, 2, 3),
    }
    """Number of axes, and which are rows and columns of cells."""

    @classmethod
    def recognise(cls, probe: Probe) -> Self | None:
        """Fit maps of equal depth, one for each stride of a set."""
        for strides in STRIDE_SETS:
            sizes = level_sizes(probe.side, strides)
            for form, (axes, y, x) in cls.FORMS.items():
                if len(probe.outputs) != len(strides) or any(
                    o.ndim != axes or o.dtype.kind != "f" for o in probe.outputs
                ):
                    continue
                at = [
                    i
                    for size in sizes
                    for i, o in enumerate(probe.outputs)
                    if (o.shape[y], o.shape[x]) == size
                ]
                if sorted(at) == list(range(len(strides))):
                    return cls._fit(probe, tuple(at), form)
        return None

    @classmethod
    def _fit(cls, probe: Probe, at: tuple[int, ...], form: str) -> Self | None:
        cells = as_rows([probe.outputs[i] for i in at], form)
        inner = Probe(("rows",), (cells,), probe.side, probe.classes)
        rows = AnchorRows.recognise(inner) or GflLayout.recognise(inner) or YoloxLayout.recognise(inner)
        if rows is None:
            return None
        return cls.model_validate(
            {
                "names": probe.classes,
                "classes": rows.classes,
                "iou_max": rows.iou_max,
                "maps_at": at,
                "form": form,
                "rows": rows,
            }
        )

    def __str__(self) -> str:
        return f"head-maps: {len(self.maps_at)} maps, {self.form}, each cell as in {self.rows}"

    def candidates(self, outputs: Sequence[Array], side: Side, score_min: float) -> list[Boxes]:
        """Return the boxes of the cells of all maps."""
        cells = as_rows([outputs[i] for i in self.maps_at], self.form)
        return self.rows.candidates([cells], side, score_min)


def as_rows(maps: Sequence[NDArray[np.generic]], form: str) -> Array:
    """Maps -> (B, cells, channels), row by row; anchors of a cell follow one another as channels."""
    rows = []
    for part in maps:
        level = np.asarray(part, np.float32)
        if form == "planes first":
            level = level.transpose(0, 2, 3, 1)
        elif form == "anchors apart":
            level = level.transpose(0, 2, 3, 1, 4)
        rows.append(level.reshape(len(level), level.shape[1] * level.shape[2], -1))
    return np.concatenate(rows, axis=1)
