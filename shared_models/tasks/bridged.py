"""Somebody else's model on latents: a fitted bridge, and the tail of the model behind it."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from shared_models.codecs.backend import BackendOptions, Network
from shared_models.codecs.codec import Latents
from shared_models.codecs.pictures import padded
from shared_models.errors import ModelError, PackageError
from shared_models.tasks.bridge_info import NETWORK_FILE, PAD_FILE, BridgeInfo, read_info, read_part
from shared_models.tasks.classification import top_classes
from shared_models.tasks.detection import SCORE_MIN_EVALUATION, Boxes, to_detections
from shared_models.tasks.feature_placement import Array, FeaturePlacement, Side, fit_pad
from shared_models.tasks.input_convention import Placement
from shared_models.tasks.layouts.class_maps import ClassMapsLayout
from shared_models.tasks.layouts.class_scores import ClassScoresLayout
from shared_models.tasks.layouts.layout import DetectionLayout, Task
from shared_models.tasks.ready_made import read_tail
from shared_models.tasks.results import Classification, Detection

Labels = NDArray[np.uint16]
T = TypeVar("T")

CANVASES_MAX: Final = 16
"""Canvases whose pads a model keeps."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The canvas of one frame: its side, and where the frame lies on it."""

    side: Side
    placement: Placement


class BridgedModel:
    """A bridge and the tail behind it. Safe across threads."""

    def __init__(self, info: BridgeInfo, bridge: Network, tail: Network, pad: Sequence[Array]) -> None:
        """Take the parts; `open_bridge` reads them. `pad` has a map (C, H, W) for each tensor of the cut."""
        self.info, self.bridge, self.tail, self.pad = info, bridge, tail, tuple(pad)
        # an export for one picture at a time has its batch axis fixed
        self._takes_batches = all(tensor.shape[0] == 0 for tensor in tail.inputs)
        self._fitted: dict[Side, tuple[Array, ...]] = {}  # pads by canvas: a camera's frames have one size

    @property
    def task(self) -> Task:
        """What the model does."""
        return self.info.task

    def detect(
        self,
        latents: Latents,
        sizes: Sequence[Side],
        *,
        score_min: float = SCORE_MIN_EVALUATION,
    ) -> list[list[Detection]]:
        """(B, C, h, w) latents of frames of `sizes` (width, height) -> their detections, best first.

        Raises ModelError if a network cannot run, or if the model does something else.
        """
        layout = self.info.layout
        if not isinstance(layout, DetectionLayout):
            raise self._other_task("detect")

        def read(outputs: Sequence[Array], size: Side, canvas: Canvas) -> list[Detection]:
            (found,) = layout.decode(outputs, canvas.side, score_min)
            corners = canvas.placement.to_picture(found.corners)
            boxes = Boxes(corners, found.scores, found.classes)
            return to_detections(boxes, *size, layout.class_names, layout.category_ids)

        return self._read(latents, sizes, read)

    def classify(
        self, latents: Latents, sizes: Sequence[Side], *, top: int = 5
    ) -> list[list[Classification]]:
        """(B, C, h, w) latents of frames of `sizes` -> the `top` likeliest classes; raise ModelError."""
        layout = self.info.layout
        if not isinstance(layout, ClassScoresLayout):
            raise self._other_task("classify")

        def read(outputs: Sequence[Array], size: Side, canvas: Canvas) -> list[Classification]:
            return top_classes(layout.probabilities(outputs), layout.class_names, top)[0]

        return self._read(latents, sizes, read)

    def segment(self, latents: Latents, sizes: Sequence[Side]) -> list[Labels]:
        """(B, C, h, w) latents of frames of `sizes` -> (height, width) classes of each; raise ModelError."""
        layout = self.info.layout
        if not isinstance(layout, ClassMapsLayout):
            raise self._other_task("segment")

        def read(outputs: Sequence[Array], size: Side, canvas: Canvas) -> Labels:
            return _on_picture(layout.labels(outputs)[0], size, canvas)

        return self._read(latents, sizes, read)

    def features(self, latents: Latents, size: Side) -> list[Array]:
        """(B, C, h, w) latents of frames of one size -> what the tail takes, on its canvas."""
        canvas = self.canvas(size)
        placement = FeaturePlacement.of(size, canvas.side, canvas.placement)
        made = self.bridge.run(placement.frame(latents))
        return [
            placement.place(features, pad)
            for features, pad in zip(made, self._pads(canvas.side), strict=True)
        ]

    def canvas(self, size: Side) -> Canvas:
        """Return the canvas of a frame: its own size where the tail takes any, else the model's."""
        multiple = self.info.canvas_multiple
        if multiple is None:
            return Canvas(self.info.convention.side, self.info.convention.place(*size))
        width, height = size
        return Canvas((padded(width, multiple), padded(height, multiple)), Placement(1.0, 1.0, 0, 0))

    def _pads(self, side: Side) -> tuple[Array, ...]:
        """Return the pad of each tensor of the cut on a canvas of `side`."""
        if self.info.canvas_multiple is None:
            return self.pad
        pads = self._fitted.get(side)
        if pads is None:
            pads = tuple(
                fit_pad(pad, side[1] // tensor.stride, side[0] // tensor.stride)
                for pad, tensor in zip(self.pad, self.info.cut, strict=True)
            )
            if len(self._fitted) >= CANVASES_MAX:
                self._fitted.clear()
            self._fitted[side] = pads
        return pads

    def _read(
        self, latents: Latents, sizes: Sequence[Side], read: Callable[[Sequence[Array], Side, Canvas], T]
    ) -> list[T]:
        if len(set(sizes)) > 1:
            pairs = enumerate(sizes)
            return [self._read(latents[i : i + 1], [size], read)[0] for i, size in pairs]
        features = self.features(latents, sizes[0])
        whole = len(latents) if self._takes_batches else 1
        results: list[T] = []
        for begin in range(0, len(latents), whole):
            outputs = self.tail.run(*[part[begin : begin + whole] for part in features])
            for index in range(whole):
                one = [output[index : index + 1] for output in outputs]
                results.append(read(one, sizes[0], self.canvas(sizes[0])))
        return results

    def _other_task(self, asked: str) -> ModelError:
        return ModelError(f"the bridge into {self.info.model} does not {asked}; its task is to {self.task}")


def open_bridge(directory: Path, fingerprint: bytes, backend: BackendOptions | None = None) -> BridgedModel:
    """Load a bridge that was fitted to latents of the model package `fingerprint`; raise ModelError."""
    info = read_info(directory)
    if info.latents != fingerprint.hex():
        raise PackageError(
            f"the bridge {directory} was fitted to latents of {info.latents} and these are of "
            f"{fingerprint.hex()}; fit it again"
        )
    options = backend or BackendOptions()
    bridge = Network(read_part(directory / NETWORK_FILE), "bridge", options)
    tail = Network(read_tail(directory, info), "tail", options)
    if len(bridge.outputs) != len(info.cut) or len(tail.inputs) != len(info.cut):
        raise PackageError(
            f"{directory} names {len(info.cut)} tensors in its cut, its bridge makes {len(bridge.outputs)} "
            f"and its tail takes {len(tail.inputs)}; fit it again"
        )
    return BridgedModel(info, bridge, tail, read_pad(directory / PAD_FILE, info))


def read_pad(path: Path, info: BridgeInfo) -> list[Array]:
    """Read what the model's front makes of a pad-coloured canvas, (C, H, W) a tensor; raise PackageError."""
    try:
        with np.load(io.BytesIO(read_part(path)), allow_pickle=False) as stored:
            maps = [np.asarray(stored[str(i)], np.float32) for i in range(len(info.cut))]
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise PackageError(f"{path} does not hold the bridge's padding: {error}; fit it again") from None
    for features, tensor in zip(maps, info.cut, strict=True):
        if features.ndim != 3 or len(features) != tensor.channels:
            raise PackageError(
                f"{path} holds padding of shape {features.shape} for {tensor.name}, which has "
                f"{tensor.channels} channels; fit it again"
            )
    return maps


def _on_picture(labels: Labels, size: Side, canvas: Canvas) -> Labels:
    """Bring classes (h, w) of a canvas, at any resolution, to the pixels of a picture of `size`."""
    placement = canvas.placement
    x = _cells(size[0], placement.scale_x, placement.left, labels.shape[1] / canvas.side[0])
    y = _cells(size[1], placement.scale_y, placement.top, labels.shape[0] / canvas.side[1])
    return labels[np.clip(y, 0, labels.shape[0] - 1)][:, np.clip(x, 0, labels.shape[1] - 1)]


def _cells(count: int, scale: float, offset: float, cells_per_px: float) -> NDArray[np.intp]:
    """Return the cell of the canvas that each of `count` pixels of the picture falls into."""
    cells: NDArray[np.intp] = np.floor(((np.arange(count) + 0.5) * scale + offset) * cells_per_px).astype(
        np.intp
    )
    return cells
