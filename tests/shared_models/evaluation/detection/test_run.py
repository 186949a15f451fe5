import json
from dataclasses import replace
from pathlib import Path

import pytest

from shared_models.errors import InputError
from shared_models.evaluation.cache import Cache
from shared_models.evaluation.detection.choice import DetectionRequest
from shared_models.evaluation.detection.report import DetectionReport
from shared_models.evaluation.detection.run import evaluate_detection
from shared_models.evaluation.peers.catalogue import CodecOptions
from shared_models.evaluation.report import write_report
from shared_models.evaluation.schema import read_report
from shared_models.evaluation.sweep import Sweep
from shared_models.packages.package import ModelPackage
from tests.shared_models.evaluation.detection.bright_squares import write_detector, write_world
from tests.shared_models.evaluation.swept import swept


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory, dct_package: ModelPackage) -> DetectionRequest:
    folder = tmp_path_factory.mktemp("world")
    return DetectionRequest(
        instances=write_world(folder),
        sweep=Sweep(
            command="slimstream eval detection",
            cache=folder / "cache",
            codecs=("slim", "jpeg"),
            qualities={"slim": (10, 90), "jpeg": (1, 60)},
            model=CodecOptions(str(dct_package.path)),
        ),
        detector=write_detector(folder / "squares.onnx"),
        draws=20,
    )


@pytest.fixture(scope="module")
def report(request_: DetectionRequest) -> DetectionReport:
    return evaluate_detection(request_)


def test_uncompressed_pixels_are_always_a_row_and_the_measure_of_the_others(report: DetectionReport) -> None:
    pixels = report.rows[0]
    assert (pixels.codec, pixels.kept) == ("pixels", 1.0)
    assert pixels.AP > 0.99
    assert pixels.bytes_mean == 3 * 64 * 64
    assert pixels.bpp == 24


def test_there_is_a_row_for_each_codec_quality_and_detector(report: DetectionReport) -> None:
    rows = [(row.codec, row.quality, row.detector, row.sees) for row in report.rows[1:]]
    assert rows == [
        ("slim", 10, "built-in", "latents"),
        ("slim", 90, "built-in", "latents"),
        ("jpeg", 1, "squares", "pixels"),
        ("jpeg", 60, "squares", "pixels"),
    ]


def test_more_bytes_let_a_detector_see_more(report: DetectionReport) -> None:
    worst, best = report.rows[3:]
    assert worst.bytes_mean < best.bytes_mean
    assert worst.AP <= best.AP
    assert best.kept == pytest.approx(best.AP / report.rows[0].AP)


def test_only_ours_has_a_live_form_and_it_is_shorter(report: DetectionReport) -> None:
    for row in report.rows:
        if row.codec == "slim":
            assert row.live_bytes_mean is not None
            assert row.live_bytes_mean < row.bytes_mean
        else:
            assert row.live_bytes_mean is None


def test_groups_without_any_truth_are_none_and_not_zero(report: DetectionReport) -> None:
    groups = report.rows[0].groups
    assert groups["animals"].AP is None
    assert groups["large"].AP is None
    assert pytest.approx(report.rows[0].AP) == groups["person"].AP
    assert pytest.approx(report.rows[0].AP) == groups["small"].AP


def test_every_codec_says_what_it_is_and_the_report_how_it_was_measured(report: DetectionReport) -> None:
    assert [codec.name for codec in report.codecs] == ["pixels", "slim", "jpeg"]
    assert report.model is not None
    assert report.model.name == "dct"
    assert report.settings["detector_output"] == "yolox"
    assert report.machine.cores >= 1
    assert any("No bridge leads" in note for note in report.notes)


def test_a_report_written_is_the_report_read(report: DetectionReport, tmp_path: Path) -> None:
    write_report(tmp_path / "report.json", report)
    assert read_report(tmp_path / "report.json") == report


def test_a_report_is_a_table_and_a_figure(report: DetectionReport, tmp_path: Path) -> None:
    text = report.markdown()
    assert "| jpeg " in text
    assert "bytes at 90% of the mAP on pixels" in text
    report.draw(tmp_path / "figure.svg")
    assert "built-in" in (tmp_path / "figure.svg").read_text()
    with pytest.raises(InputError, match=r"\.txt"):
        report.draw(tmp_path / "figure.txt")


def test_a_second_run_takes_everything_from_the_cache(
    request_: DetectionRequest, report: DetectionReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    puts: list[str] = []
    monkeypatch.setattr(Cache, "put", lambda _, key, content: puts.append(content[:80]))
    again = evaluate_detection(request_)
    assert puts == []
    compressed = [row for row in again.rows if row.codec != "pixels"]
    assert all(row.coded_before == row.pictures for row in compressed)
    assert [row.AP for row in again.rows] == [row.AP for row in report.rows]
    assert again.summary == report.summary


def test_a_run_goes_on_where_an_interrupted_one_was(request_: DetectionRequest, tmp_path: Path) -> None:
    def interrupt(done: int, of: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    request = swept(request_, cache=tmp_path / "cache", codecs=("jpeg",), qualities={"jpeg": (1, 60)})
    with pytest.raises(KeyboardInterrupt):
        evaluate_detection(request, interrupt)
    kept = len(list((tmp_path / "cache").rglob("*")))
    assert kept > 0
    report = evaluate_detection(request)
    assert len(report.rows) == 3


def test_processes_find_what_one_process_finds(request_: DetectionRequest, report: DetectionReport) -> None:
    request = swept(request_, jobs=2, codecs=("jpeg",), qualities={"jpeg": (1, 60)})
    again = evaluate_detection(request)
    assert [row.AP for row in again.rows] == [row.AP for row in report.rows if row.codec != "slim"]


def test_without_a_detector_ours_is_measured_and_peers_are_missing(request_: DetectionRequest) -> None:
    report = evaluate_detection(replace(request_, detector=None))
    assert {row.codec for row in report.rows} == {"slim"}
    assert all(row.kept is None for row in report.rows)
    assert "--detector" in report.missing["jpeg"]
    assert report.summary.comparisons == ()


def test_usual_qualities_are_thinned_evenly_and_keep_their_ends(request_: DetectionRequest) -> None:
    report = evaluate_detection(swept(request_, codecs=("jpeg",), qualities={}, points=3, limit=1))
    assert [row.quality for row in report.rows[1:]] == [5, 20, 75]


def test_nothing_to_look_with_is_said(request_: DetectionRequest) -> None:
    with pytest.raises(InputError, match="nothing can be measured"):
        evaluate_detection(swept(replace(request_, detector=None), codecs=("jpeg",)))


def test_a_detector_that_is_not_there_or_is_none_is_said(
    request_: DetectionRequest, dct_package: ModelPackage
) -> None:
    with pytest.raises(InputError, match=r"there is no detector nowhere\.onnx"):
        evaluate_detection(replace(request_, detector=Path("nowhere.onnx")))


def test_annotations_of_other_classes_than_the_detectors_are_refused(
    request_: DetectionRequest, tmp_path: Path
) -> None:
    truth = json.loads(request_.instances.read_text())
    truth["categories"][0]["name"] = "gnu"
    (tmp_path / "gnus.json").write_text(json.dumps(truth))
    with pytest.raises(InputError, match=r"none of the 1 classes of the annotations \(gnu\)"):
        evaluate_detection(
            replace(request_, instances=tmp_path / "gnus.json", images=request_.instances.parent / "images")
        )
