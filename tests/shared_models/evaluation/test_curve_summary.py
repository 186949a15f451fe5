import pytest

from shared_models.evaluation.curve_summary import CurvePoint, summarise


def points(codec: str, factor: float) -> list[CurvePoint]:
    sees = "latents" if codec == "ours" else "pixels"
    return [
        CurvePoint(codec, f"model of {codec}", sees, factor * size, kept / 2, kept)  # type: ignore[arg-type]
        for size, kept in ((1000, 0.4), (2000, 0.7), (4000, 0.9), (8000, 1.0))
    ]


def test_half_the_bytes_at_every_accuracy_is_minus_fifty_percent() -> None:
    (found,) = summarise([*points("peer", 1), *points("ours", 0.5)], (0.9,)).comparisons
    assert (found.codec, found.seen_by, found.peer) == ("ours", "model of ours", "peer")
    assert found.bd_rate_percent == pytest.approx(-50)
    assert found.bd_rate_overlap == pytest.approx(1)
    assert found.bd_accuracy is not None
    assert found.bd_accuracy > 0


def test_bytes_are_read_off_at_shares_of_the_accuracy_on_pixels() -> None:
    (series,) = summarise(points("peer", 1), (0.3, 0.9, 1.1)).series
    low, met, never = series.bytes_for
    assert (low.bytes, low.is_bound) == (1000, True)
    assert met.bytes == pytest.approx(4000)
    assert never.bytes is None


def test_peers_are_not_compared_with_each_other() -> None:
    assert summarise([*points("jpeg", 1), *points("webp", 2)], (0.9,)).comparisons == ()
