"""What int8 encoders cost in accuracy: a detector on their latents, and on those of the float ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from shared_models.codecs.slim.codec import SlimCodec
from shared_models.evaluation.detection.detectors import OnLatents
from shared_models.evaluation.detection.labelled_pictures import DetectionSet
from shared_models.evaluation.latency.codec_stages import FLOAT
from shared_models.evaluation.latency.report import Int8Row
from shared_models.evaluation.latency.request import Labels
from shared_models.evaluation.latency.stage import INT8


def judged(
    rows: Sequence[Int8Row],
    codecs: Mapping[str, SlimCodec],
    labels: Labels,
    detector: OnLatents,
    on_row: Callable[[int], None],
) -> Iterator[Int8Row]:
    """Yield the rows with COCO's mAP through both encoders; raise InputError for unfit files."""
    pictures = DetectionSet(labels.annotations, labels.limit, images=labels.images, side=labels.side)
    for number, row in enumerate(rows):
        on_row(number)
        found = {backend: _accuracy(codecs[backend], row, pictures, detector) for backend in (FLOAT, INT8)}
        yield row.model_copy(update={"ap": found[INT8], "ap_float": found[FLOAT]})


def _accuracy(codec: SlimCodec, row: Int8Row, pictures: DetectionSet, detector: OnLatents) -> float:
    found = {}
    for image_id in pictures.ids:
        pixels = pictures.picture(image_id)
        latents = codec.coded_latents(pixels, quality=row.quality, width=row.width)
        found[image_id] = detector.detect(latents, *pictures.size(image_id))
    return pictures.judge.accuracy(found).AP
