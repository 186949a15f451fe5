"""Every kind of report: which class reads it, and the JSON schema of them all."""

import json
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic.json_schema import models_json_schema

from shared_models.errors import InputError
from shared_models.evaluation.classifiers.report import ClassificationReport
from shared_models.evaluation.detection.report import DetectionReport
from shared_models.evaluation.latency.report import LatencyReport
from shared_models.evaluation.rate_distortion.report import RateDistortionReport
from shared_models.evaluation.report import SCHEMA_VERSION, EvaluationReport
from shared_models.evaluation.segmenters.report import SegmentationReport
from shared_models.evaluation.video.report import VideoReport

REPORTS: Final[tuple[type[EvaluationReport], ...]] = (
    DetectionReport,
    VideoReport,
    RateDistortionReport,
    ClassificationReport,
    SegmentationReport,
    LatencyReport,
)
"""The classes of reports, one a kind."""


def read_report(path: Path) -> EvaluationReport:
    """Read a report of any kind; raise InputError that names the first thing in it that does not fit."""
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise InputError(f"{path} is no report of an evaluation: it is not JSON") from None
    kinds = {str(report.model_fields["kind"].default): report for report in REPORTS}
    kind = document.get("kind") if isinstance(document, dict) else None
    if kind not in kinds:
        raise InputError(f"{path} is no report of an evaluation: its kind is none of {', '.join(kinds)}")
    try:
        return kinds[kind].model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path} is no report that can be read here: {place}: {first['msg']}") from None


def json_schema() -> dict[str, Any]:
    """Return the JSON schema that every report fits."""
    references, definitions = models_json_schema(
        [(report, "serialization") for report in REPORTS],
        title=f"A report of `slimstream eval`, version {SCHEMA_VERSION}",
        ref_template="#/$defs/{model}",
    )
    return {**definitions, "oneOf": [references[report, "serialization"] for report in REPORTS]}
