"""Somebody's vision model on pixels: what it is, and what it finds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared_models.codecs.backend import BackendOptions, Network
from shared_models.errors import ModelError
from shared_models.frames import Pixels
from shared_models.tasks.classification import top_classes
from shared_models.tasks.convention_trial import choose_convention
from shared_models.tasks.detection import SCORE_MIN_EVALUATION, Boxes, to_detections
from shared_models.tasks.image_input import ImageInput, names_in, side_in
from shared_models.tasks.input_convention import Array, InputConvention
from shared_models.tasks.known_conventions import RAW, convention_of, known_convention, other_conventions
from shared_models.tasks.layouts.class_maps import ClassMapsLayout
from shared_models.tasks.layouts.class_scores import ClassScoresLayout
from shared_models.tasks.layouts.layout import DetectionLayout, Probe, Side, Task
from shared_models.tasks.layouts.recognition import AnyLayout, recognise
from shared_models.tasks.number_range import grain, scales_itself
from shared_models.tasks.results import Classification, Detection

MODEL_BYTES_MAX: Final = 1 << 30
SIDES_TRIED: Final[tuple[Side, ...]] = ((640, 640), (416, 416), (224, 224))
"""Of an input with free axes about which the file says nothing."""


class PixelModel:
    """A detector, classifier or segmenter as ONNX, on pictures. Safe across threads."""

    def __init__(
        self, network: Network, image: ImageInput, layout: AnyLayout, convention: InputConvention
    ) -> None:
        """Take the parts; `open` finds them out."""
        self.network, self.image, self.layout, self.convention = network, image, layout, convention

    @classmethod
    def open(
        cls,
        path: Path,
        backend: BackendOptions | None = None,
        *,
        convention: InputConvention | None = None,
        layout: str | None = None,
        samples: Sequence[Pixels] = (),
    ) -> Self:
        """Read a model and find out its layout and its input convention; raise ModelError.

        Where names and shapes leave the convention open, candidates are tried on `samples` and the one with
        the most confident outputs is taken. `convention` and `layout` (its name) force them.
        """
        network = Network(read_model(path), path.name, backend or BackendOptions())
        image = ImageInput.of(network.inputs, path.name)
        side = convention.side if convention else _side(network, image)
        if image.side not in (None, side):
            raise ModelError(f"{path.name} takes pictures of {image.side} pixels, not of {side}")
        trial = convention or InputConvention(side=side, std=(1.0 if image.is_whole else 255.0,) * 3)
        picture = samples[0] if samples else grain(*side)
        outputs = tuple(image.run(network, trial, picture))
        found = recognise(Probe(network.outputs, outputs, side, names_in(network.metadata)), layout)
        model = cls(network, image, found, trial)
        if convention is None:
            model.convention = model.find_convention(samples)
        return model

    def find_convention(self, samples: Sequence[Pixels]) -> InputConvention:
        """Return what the family is known to want, unless the model or `samples` clearly say otherwise.

        Classifiers and segmenters are no family: most want ImageNet's numbers, and those that scale 0..255
        themselves are found out by trying.
        """
        is_whole = self.image.is_whole
        known = known_convention(self.layout, self.convention.side, self.network.metadata, is_whole=is_whole)

        def run(candidate: InputConvention, pixels: Pixels) -> list[Array]:
            return self.image.run(self.network, candidate, pixels)

        if not is_whole and isinstance(self.layout, ClassScoresLayout | ClassMapsLayout):
            whole = convention_of(known.side, RAW, known.channels, known.fit)
            known = whole if scales_itself(run, known, whole) else known
        others = other_conventions(known, is_whole=is_whole)
        return choose_convention(run, self.layout, known, others, samples)

    @property
    def task(self) -> Task:
        """What the model does."""
        return self.layout.task

    def __str__(self) -> str:
        return f"{self.network.name}: {self.layout}; input {self.convention}"

    def detect(
        self, pictures: Sequence[Pixels], *, score_min: float = SCORE_MIN_EVALUATION
    ) -> list[list[Detection]]:
        """(H, W, 3) pictures -> detections in their pixels, best first; raise ModelError."""
        layout = self.layout
        if not isinstance(layout, DetectionLayout):
            raise ModelError(f"{self.network.name} does not detect; its task is to {self.task}")
        return [self._detections(layout, picture, score_min) for picture in pictures]

    def _detections(self, layout: DetectionLayout, picture: Pixels, score_min: float) -> list[Detection]:
        height, width = picture.shape[:2]
        (found,) = layout.decode(self._outputs(picture), self.convention.side, score_min)
        corners = self.convention.place(width, height).to_picture(found.corners)
        boxes = Boxes(corners, found.scores, found.classes)
        return to_detections(boxes, width, height, layout.class_names, layout.category_ids)

    def classify(self, pictures: Sequence[Pixels], *, top: int = 5) -> list[list[Classification]]:
        """(H, W, 3) pictures -> the `top` most probable classes of each; raise ModelError."""
        layout = self.layout
        if not isinstance(layout, ClassScoresLayout):
            raise ModelError(f"{self.network.name} does not classify; its task is to {self.task}")
        rows = np.concatenate([layout.probabilities(self._outputs(picture)) for picture in pictures])
        return top_classes(rows, layout.class_names, top)

    def segment(self, pictures: Sequence[Pixels]) -> list[NDArray[np.uint16]]:
        """(H, W, 3) pictures -> (H, W) class indices of each; raise ModelError."""
        layout = self.layout
        if not isinstance(layout, ClassMapsLayout):
            raise ModelError(f"{self.network.name} does not segment; its task is to {self.task}")
        return [
            from_canvas(layout.labels(self._outputs(picture))[0], self.convention, picture.shape[:2])
            for picture in pictures
        ]

    def _outputs(self, picture: Pixels) -> list[Array]:
        return self.image.run(self.network, self.convention, picture)


def from_canvas(
    labels: NDArray[np.uint16], convention: InputConvention, shape: tuple[int, ...]
) -> NDArray[np.uint16]:
    """Bring classes (h, w) of a canvas, at any resolution, to a picture of `shape` (H, W)."""
    height, width = shape
    placement = convention.place(width, height)
    canvas = Image.fromarray(labels).resize(convention.side, Image.Resampling.NEAREST)
    box = (
        placement.left,
        placement.top,
        placement.left + round(width * placement.scale_x),
        placement.top + round(height * placement.scale_y),
    )
    return np.asarray(canvas.crop(box).resize((width, height), Image.Resampling.NEAREST))


def read_model(path: Path) -> bytes:
    """Read an ONNX file; raise ModelError where it is missing or far too large."""
    try:
        if path.stat().st_size > MODEL_BYTES_MAX:
            raise ModelError(f"{path} has more than {MODEL_BYTES_MAX} bytes; give a smaller model")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; give an ONNX file") from None


def _side(network: Network, image: ImageInput) -> Side:
    """Return the input's side: fixed, written into the file, or the first common one that runs."""
    stated = image.side or side_in(network.metadata)
    if stated is not None:
        return stated
    for side in SIDES_TRIED:
        try:
            outputs = image.run(network, InputConvention(side=side), grain(*side))
        except ModelError:
            continue
        is_classifier = outputs[0].ndim == 2 and len(outputs) == 1
        return SIDES_TRIED[-1] if is_classifier else side
    raise ModelError(
        f"{network.name} takes pictures of any size and ran at none of {SIDES_TRIED}; say which it takes"
    )
