from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pytorch_msssim")
pytest.importorskip("ssimulacra2")

from shared_models.errors import InputError
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.rate_distortion.report import Measure, RateDistortionReport
from shared_models.evaluation.rate_distortion.run import RateDistortionRequest, evaluate_rate_distortion
from shared_models.evaluation.sweep import Sweep
from shared_models.packages.package import ModelPackage
from tests.shared_models.evaluation.swept import swept


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory, dct_package: ModelPackage) -> RateDistortionRequest:
    folder = tmp_path_factory.mktemp("rough")
    (folder / "images").mkdir()
    for number in range(2):
        rough = np.random.default_rng(number).integers(0, 256, (12, 14, 3), np.uint8)
        image = Image.fromarray(rough).resize((190, 170), Image.Resampling.BICUBIC)
        image.save(folder / "images" / f"{number}.png")
    return RateDistortionRequest(
        images=folder / "images",
        sweep=Sweep(
            command="slimstream eval rd",
            cache=folder / "cache",
            codecs=("slim", "slim-full", "jpeg"),
            qualities={"slim": (50,), "slim-full": (20, 90), "jpeg": (5, 30, 90)},
            model=CodecOptions(str(dct_package.path)),
        ),
    )


@pytest.fixture(scope="module")
def report(request_: RateDistortionRequest) -> RateDistortionReport:
    return evaluate_rate_distortion(request_)


def test_more_bytes_are_nearer_to_the_source_by_every_measure(report: RateDistortionReport) -> None:
    low, _, high = (row for row in report.rows if row.codec == "jpeg")
    assert low.bytes_mean < high.bytes_mean
    for measure in Measure:
        assert getattr(low, measure) < getattr(high, measure)


def test_both_layers_are_counted_in_whole_files(report: RateDistortionReport) -> None:
    (preview,) = (row for row in report.rows if row.codec == "slim")
    full, best = (row for row in report.rows if row.codec == "slim-full")
    assert preview.base_bytes_mean is None
    assert full.base_bytes_mean is not None
    assert full.enhancement_bytes_mean is not None
    headers = full.bytes_mean - full.base_bytes_mean - full.enhancement_bytes_mean
    assert 0 < headers < 100
    assert best.psnr_db > preview.psnr_db


def test_ours_is_compared_with_each_peer_by_each_measure(report: RateDistortionReport) -> None:
    pairs = {(c.codec, c.peer, c.measure) for c in report.summary.comparisons}
    assert pairs == {(codec, "jpeg", measure) for codec in ("slim", "slim-full") for measure in Measure}


def test_a_second_run_finds_the_same_in_the_cache(
    request_: RateDistortionRequest, report: RateDistortionReport
) -> None:
    assert evaluate_rate_distortion(request_).rows == report.rows


def test_tables_and_figure_can_be_made(report: RateDistortionReport, tmp_path: Path) -> None:
    assert "BD-rate % by SSIMULACRA2" in report.markdown()
    report.draw(tmp_path / "figure.svg")
    assert "MS-SSIM, dB" in (tmp_path / "figure.svg").read_text()


def test_nothing_to_measure_is_refused_with_the_reasons(
    request_: RateDistortionRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = {"jpeg": lambda: Missing("it is not here")}
    monkeypatch.setattr("shared_models.evaluation.peers.catalogue.PEERS", absent)
    with pytest.raises(InputError, match=r"no codec is left to measure \(jpeg: it is not here\)"):
        evaluate_rate_distortion(swept(request_, codecs=("jpeg",)))


def test_pictures_too_small_for_the_measures_are_refused(
    request_: RateDistortionRequest, tmp_path: Path
) -> None:
    Image.new("RGB", (100, 100)).save(tmp_path / "small.png")
    with pytest.raises(InputError, match="100×100 pixels is too small for MS-SSIM"):
        evaluate_rate_distortion(swept(replace(request_, images=tmp_path), codecs=("jpeg",)))
