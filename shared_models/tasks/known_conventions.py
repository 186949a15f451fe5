"""What families of models are known to want, and what else there is to try."""

from collections.abc import Iterator, Mapping
from typing import Final

from shared_models.tasks.input_convention import Channels, Fit, InputConvention, Triple
from shared_models.tasks.layouts.boxes_and_scores import BoxesAndScoresLayout, Scores
from shared_models.tasks.layouts.class_maps import ClassMapsLayout
from shared_models.tasks.layouts.class_scores import ClassScoresLayout
from shared_models.tasks.layouts.end_to_end import EndToEndListsLayout, EndToEndRowsLayout
from shared_models.tasks.layouts.gfl import GflLayout
from shared_models.tasks.layouts.head_maps import HeadMapsLayout
from shared_models.tasks.layouts.recognition import AnyLayout
from shared_models.tasks.layouts.yolox import YoloxLayout

Side = tuple[int, int]
Numbers = tuple[Triple, Triple]
"""Mean and standard deviation of values 0..255, in the order red, green, blue."""

Wants = tuple[Numbers, Channels, Fit]

RAW: Final[Numbers] = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
UNIT: Final[Numbers] = ((0.0, 0.0, 0.0), (255.0, 255.0, 255.0))
SIGNED: Final[Numbers] = ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5))
IMAGENET: Final[Numbers] = ((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))


def known_convention(
    layout: AnyLayout, side: Side, metadata: Mapping[str, str], *, is_whole: bool
) -> InputConvention:
    """Return what the family of `layout` wants; `is_whole` tells of an input of bytes.

    Sources: each family's own preprocessing (Megvii's YOLOX, RangiLyu's NanoDet, Ultralytics, DETR,
    TensorFlow's detection API, torchvision's classifiers).
    """
    if metadata.get("author") == "Ultralytics":
        wants: Wants = (UNIT, Channels.RGB, _ultralytics_fit(layout))
    elif isinstance(layout, EndToEndRowsLayout | EndToEndListsLayout):
        wants = _with_suppression(layout, is_whole=is_whole)
    else:
        wants = _without_suppression(layout)
    numbers, channels, fit = wants
    return convention_of(side, RAW if is_whole else numbers, channels, fit)


def _ultralytics_fit(layout: AnyLayout) -> Fit:
    match layout:
        case ClassScoresLayout():
            return Fit.CENTRE_CROP
        case BoxesAndScoresLayout():  # RT-DETR
            return Fit.STRETCH
        case EndToEndRowsLayout() if layout.form.startswith("centre"):  # RT-DETR, sorted
            return Fit.STRETCH
        case _:
            return Fit.LETTERBOX_CENTRED


def _with_suppression(layout: EndToEndRowsLayout | EndToEndListsLayout, *, is_whole: bool) -> Wants:
    match layout:
        case EndToEndListsLayout(are_rows_first=True):  # TensorFlow's detection API
            return (RAW if is_whole else SIGNED, Channels.RGB, Fit.STRETCH)
        case EndToEndRowsLayout() if "y-x" in layout.form:  # EfficientDet
            return (IMAGENET, Channels.RGB, Fit.LETTERBOX)
        case EndToEndRowsLayout() if layout.form.startswith("class"):  # PaddleDetection
            return (IMAGENET, Channels.RGB, Fit.STRETCH)
        case EndToEndRowsLayout() if not layout.is_normalised and not layout.form.startswith("centre"):
            return (UNIT, Channels.RGB, Fit.LETTERBOX_CENTRED)
        case _:
            return (UNIT, Channels.RGB, Fit.STRETCH)


def _without_suppression(layout: AnyLayout) -> Wants:
    match layout:
        case YoloxLayout() | HeadMapsLayout(rows=YoloxLayout()):
            return (RAW, Channels.BGR, Fit.LETTERBOX)
        case GflLayout() if layout.sides_at and len(layout.strides) > 3:  # PicoDet
            return (IMAGENET, Channels.RGB, Fit.STRETCH)
        case GflLayout():
            return (IMAGENET, Channels.BGR, Fit.LETTERBOX)
        case BoxesAndScoresLayout():
            return (IMAGENET if layout.scores is Scores.SOFTMAX else UNIT, Channels.RGB, Fit.STRETCH)
        case ClassScoresLayout():
            return (IMAGENET, Channels.RGB, Fit.CENTRE_CROP)
        case ClassMapsLayout():
            return (IMAGENET, Channels.RGB, Fit.STRETCH)
        case _:
            return (UNIT, Channels.RGB, Fit.LETTERBOX_CENTRED)


def other_conventions(known: InputConvention, *, is_whole: bool) -> Iterator[InputConvention]:
    """Yield every other order of channels and every other range of numbers, on the same canvas."""
    for numbers in (RAW,) if is_whole else (RAW, UNIT, IMAGENET, SIGNED):
        for channels in Channels:
            candidate = convention_of(known.side, numbers, channels, known.fit)
            if candidate != known:
                yield candidate


def convention_of(side: Side, numbers: Numbers, channels: Channels, fit: Fit) -> InputConvention:
    """Bring `numbers` into the order of `channels`."""
    mean, std = ((b, g, r) if channels is Channels.BGR else (r, g, b) for r, g, b in numbers)
    return InputConvention(side=side, channels=channels, mean=mean, std=std, fit=fit)
