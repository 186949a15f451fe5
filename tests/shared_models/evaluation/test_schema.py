import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest

from shared_models.errors import InputError
from shared_models.evaluation.detection.report import DetectionReport, DetectionRow, GroupAccuracy
from shared_models.evaluation.machine import this_machine
from shared_models.evaluation.report import write_report
from shared_models.evaluation.schema import REPORTS, json_schema, read_report

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


@pytest.fixture
def report() -> DetectionReport:
    row = DetectionRow(
        codec="jpeg",
        quality=20,
        detector="yolox",
        sees="pixels",
        pictures=2,
        bytes_mean=900.5,
        live_bytes_mean=None,
        bpp=0.4,
        AP=0.25,
        AP_interval=(0.2, 0.3),
        AP50=0.4,
        AP50_interval=None,
        kept=None,
        kept_interval=None,
        groups={"animals": GroupAccuracy(AP=None, AP50=None)},
        encode_ms_median=1.5,
        decode_ms_median=0.5,
        coded_before=0,
    )
    return DetectionReport(command="slimstream eval detection", machine=this_machine(), rows=(row,))


def test_a_report_fits_the_schema_that_is_published(report: DetectionReport) -> None:
    jsonschema.validate(json.loads(report.model_dump_json()), json_schema())


def test_a_report_without_its_rows_does_not_fit(report: DetectionReport) -> None:
    document = json.loads(report.model_dump_json())
    del document["rows"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())


def test_what_is_written_is_what_is_read(report: DetectionReport, tmp_path: Path) -> None:
    write_report(tmp_path / "new" / "report.json", report)
    assert read_report(tmp_path / "new" / "report.json") == report


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_committed_result_can_be_read_and_fits_the_schema(path: Path) -> None:
    assert read_report(path).rows  # type: ignore[attr-defined]
    jsonschema.validate(json.loads(path.read_text()), json_schema())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "it is not JSON"),
        ("[]", "its kind is none of"),
        ('{"kind": "astrology"}', "its kind is none of"),
        ('{"kind": "detection"}', "command: Field required"),
    ],
)
def test_what_is_no_report_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_report(tmp_path / "x.json")


def test_each_kind_has_one_class() -> None:
    kinds = [report.model_fields["kind"].default for report in REPORTS]
    assert len(set(kinds)) == len(kinds)
