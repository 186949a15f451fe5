import pytest

from shared_models.evaluation.latency.report import Peak, PeakKind
from shared_models.evaluation.latency.stage import Stage, StageKey
from shared_models.evaluation.latency.stopwatch import Times

VALUES: dict[PeakKind, float] = {"fp32": 100.0, "int8": 400.0, "cache": 10.0, "memory": 5.0}
PEAKS = {(kind, 1): Peak(what=kind, threads=1, value=value, how="a load") for kind, value in VALUES.items()}
TIMES = Times(best_ms=2.0, median_ms=3.0, processor_ms=2.0)


def stage(backend: str, macs: int | None, moved: int | None) -> Stage:
    key = StageKey("edge", "transform", (64, 48), 1, backend)
    return Stage(key, lambda frame: None, macs, moved)


@pytest.mark.parametrize(("backend", "share"), [("fp32", 0.5), ("int8", 0.125)])
def test_efficiency_is_the_share_of_the_peak_of_its_own_precision(backend: str, share: float) -> None:
    row = stage(backend, 100_000_000, None).row(TIMES, PEAKS)
    assert row.gmac_per_s == pytest.approx(50)
    assert row.efficiency == pytest.approx(share)


def test_the_roofline_is_whichever_bound_takes_longer() -> None:
    assert stage("fp32", 100_000_000, 1_000).row(TIMES, PEAKS).roofline_ms == pytest.approx(1.0)
    assert stage("fp32", 100_000_000, 30_000_000).row(TIMES, PEAKS).roofline_ms == pytest.approx(3.0)


def test_what_multiplies_nothing_has_no_efficiency() -> None:
    row = stage("numpy", None, 1_000_000).row(TIMES, PEAKS)
    assert row.efficiency is None
    assert row.roofline_ms == pytest.approx(0.1)
