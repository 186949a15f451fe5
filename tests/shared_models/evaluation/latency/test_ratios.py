import pytest

from shared_models.evaluation.latency.path_stages import BRIDGED, ON_PIXELS
from shared_models.evaluation.latency.ratios import ratios_of
from tests.shared_models.evaluation.latency.reports import row


def test_a_path_is_compared_with_the_same_frames_on_pixels() -> None:
    ours = row(BRIDGED, 6.0, side="cloud", is_whole=True)
    theirs = row(ON_PIXELS, 8.0, side="peer", is_whole=True)
    (ratio,) = ratios_of([ours, theirs, row(ON_PIXELS, 1.0, side="peer", is_whole=True, quality=20)])
    assert ratio.ratio == pytest.approx(0.75)
    assert (ratio.numerator_ms, ratio.denominator_ms) == (6.0, 8.0)


def test_an_encoder_is_compared_with_what_makes_bytes_and_with_nothing_else() -> None:
    ours = row("encode", 6.0, is_whole=True, bytes_out=2000)
    jpeg = row("JPEG encode", 1.0, side="peer", is_whole=True, backend="Pillow", bytes_out=9000)
    decode = row("JPEG decode", 1.0, side="peer", is_whole=True, backend="Pillow")
    assert [ratio.what for ratio in ratios_of([ours, jpeg, decode])] == [
        "encode, width 0.5, fp32 / JPEG encode (Pillow)"
    ]
