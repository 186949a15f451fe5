from dataclasses import replace

import pytest

from shared_models.errors import InputError
from shared_models.evaluation.latency import evaluation, peaks
from shared_models.evaluation.latency.evaluation import evaluate_latency
from shared_models.evaluation.latency.memory import MemoryPlan, memory_growth
from shared_models.evaluation.latency.request import LatencyRequest
from shared_models.evaluation.latency.scenes import fit, make_frames
from shared_models.packages.package import ModelPackage


@pytest.fixture(autouse=True)
def light_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "PEAK_ROUNDS", 1)
    monkeypatch.setattr(peaks, "_COPY_BYTES", {"memory": 1 << 16, "cache": 1 << 12})
    monkeypatch.setattr(peaks, "_CONVOLUTIONS", ((8, 3, 8),))


def request(package: ModelPackage) -> LatencyRequest:
    return LatencyRequest(
        command="slimstream eval latency",
        model=str(package.path),
        sizes=((64, 48),),
        widths=(0.25,),
        qualities=(50.0,),
        backends=("fp32", "int8"),
        threads=(1,),
        frames=1,
        rounds=1,
        source=None,
        bridge=None,
        detector=None,
        measures_memory=False,
    )


def test_every_stage_is_measured_on_the_edge_in_the_cloud_and_for_peers(dct_package: ModelPackage) -> None:
    report = evaluate_latency(request(dct_package))
    stages = {(row.side, row.stage, row.backend) for row in report.rows}
    assert {
        ("edge", "colour conversion", "numpy"),
        ("edge", "transform", "fp32"),
        ("edge", "transform", "int8"),
        ("edge", "quantise", "numpy"),
        ("edge", "context networks", "fp32"),
        ("edge", "context networks", "exact"),
        ("edge", "rANS encode", "numpy"),
        ("edge", "packet", "numpy"),
        ("edge", "encode", "fp32"),
        ("edge", "encode", "int8"),
        ("cloud", "parse", "numpy"),
        ("cloud", "decode", "fp32"),
        ("cloud", "preview", "fp32"),
        ("peer", "JPEG encode", "Pillow"),
    } <= stages
    assert all(row.best_ms > 0 for row in report.rows)
    assert {peak.what for peak in report.peaks} == {"fp32", "int8", "memory", "cache"}
    transform = next(row for row in report.rows if row.stage == "transform")
    assert transform.macs == 64 * 48 * 64 * 3  # the test package's encoder: one 16×16 stride-16 convolution
    assert transform.efficiency is not None
    (int8,) = report.int8
    assert 0.5 < int8.symbol_agreement <= 1
    assert report.markdown()


def test_an_unknown_width_is_refused(dct_package: ModelPackage) -> None:
    with pytest.raises(InputError, match="there is no width"):
        evaluate_latency(replace(request(dct_package), widths=(0.3,)))


def test_networks_on_two_threads_are_held_against_the_peak_of_two(dct_package: ModelPackage) -> None:
    report = evaluate_latency(replace(request(dct_package), backends=("fp32",), threads=(2,)))
    assert {row.threads for row in report.rows if row.side != "peer"} == {2}
    assert {peak.threads for peak in report.peaks} == {1, 2}


@pytest.mark.slow
def test_memory_is_that_of_a_process_of_its_own(dct_package: ModelPackage) -> None:
    (picture,) = fit(make_frames(None, 1), (64, 48))
    growth = memory_growth(MemoryPlan(str(dct_package.path), 1, picture, 0.25, 50.0, {}, frames=1))
    assert growth is None or 0 < growth.growth_mb < growth.peak_mb
