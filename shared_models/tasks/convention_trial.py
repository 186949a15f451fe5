"""Finding out what a model wants by trying: the right convention is confident, and the same in a mirror.

Confidence alone would choose inputs far too large, which saturate a network into seeing something
everywhere. What it then sees in the mirrored picture is not the mirror image.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np

from shared_models.frames import Pixels
from shared_models.tasks.classification import softmax
from shared_models.tasks.detection import Boxes, iou
from shared_models.tasks.input_convention import Array, InputConvention
from shared_models.tasks.layouts.class_maps import ClassMapsLayout
from shared_models.tasks.layouts.class_scores import ClassScoresLayout
from shared_models.tasks.layouts.layout import DetectionLayout
from shared_models.tasks.layouts.recognition import AnyLayout

PICTURES_MAX: Final = 12
"""Of the samples that are tried."""
ADVANTAGE_MIN: Final = 1.3
"""What another convention must be better by than the one that the family is known for."""
MAPS_ADVANTAGE_MIN: Final = 2.0
"""The same for maps of classes: a map that shows less is easily more like its mirror image.

On four photographs a segmenter of streets, which wants RGB, was 1.4 times better with BGR.
"""
SCORE_MIN: Final = 0.1
IOU_MIN: Final = 0.5

Run: TypeAlias = Callable[[InputConvention, Pixels], Sequence[Array]]
Agreement: TypeAlias = tuple[float, float]
"""What both pictures show, and what the first one shows."""


def choose_convention(
    run: Run,
    layout: AnyLayout,
    known: InputConvention,
    others: Iterable[InputConvention],
    samples: Sequence[Pixels],
) -> InputConvention:
    """Try `known` and `others` on `samples`; return the best, `known` where none is clearly better."""
    pictures = samples[:PICTURES_MAX]
    if not pictures:
        return known
    merits = {
        convention: _merit([_agreement(run, layout, convention, picture) for picture in pictures])
        for convention in (known, *others)
    }
    best = max(merits, key=merits.__getitem__)
    advantage = MAPS_ADVANTAGE_MIN if isinstance(layout, ClassMapsLayout) else ADVANTAGE_MIN
    return best if merits[best] > advantage * merits[known] else known


def _merit(agreements: Sequence[Agreement]) -> float:
    """Much that agrees is good, and a large share of it in all that was seen is better."""
    agreeing, seen = np.mean(agreements, axis=0)
    return float(np.log1p(agreeing) * (agreeing / seen) ** 2) if seen > 0 else 0.0


def _agreement(run: Run, layout: AnyLayout, convention: InputConvention, pixels: Pixels) -> Agreement:
    seen = run(convention, pixels)
    mirrored = run(convention, np.ascontiguousarray(pixels[:, ::-1]))
    if isinstance(layout, ClassScoresLayout):
        first, second = (layout.probabilities(outputs)[0] for outputs in (seen, mirrored))
        return float(first @ second), 1.0
    if isinstance(layout, ClassMapsLayout):
        return _map_agreement(layout, seen, mirrored), 1.0
    return _box_agreement(layout, convention, pixels, seen, mirrored)


def _box_agreement(
    layout: DetectionLayout,
    convention: InputConvention,
    pixels: Pixels,
    seen: Sequence[Array],
    mirrored: Sequence[Array],
) -> Agreement:
    """Sum the scores of boxes whose mirror image was seen, too, and of all boxes."""
    height, width = pixels.shape[:2]
    placement = convention.place(width, height)

    def boxes(outputs: Sequence[Array]) -> Boxes:
        (found,) = layout.decode(outputs, convention.side, SCORE_MIN)
        return Boxes(placement.to_picture(found.corners), found.scores, found.classes)

    first, second = boxes(seen), boxes(mirrored)
    total = float(first.scores.sum())
    if not len(first.scores) or not len(second.scores):
        return 0.0, total
    back = second.corners[:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [width, 0, width, 0]
    overlap = iou(first.corners, back) * (first.classes[:, np.newaxis] == second.classes)
    best = overlap.max(axis=1)
    return float((first.scores * best)[best > IOU_MIN].sum()), total


def _map_agreement(layout: ClassMapsLayout, seen: Sequence[Array], mirrored: Sequence[Array]) -> float:
    """Mean over pixels of the probability that both see the same class."""
    if layout.axis is None:
        return float((seen[layout.at][0] == mirrored[layout.at][0][..., ::-1]).mean())
    first, second = (np.moveaxis(outputs[layout.at], layout.axis, -1)[0] for outputs in (seen, mirrored))
    classes = first.shape[-1]
    chances = [softmax(maps.reshape(-1, classes)) for maps in (first, second[:, ::-1])]
    return float((chances[0] * chances[1]).sum(axis=1).mean())
