"""Detections for the tools of supervision."""

import sys

import pytest

from shared_models.errors import ModelError
from shared_models.tasks.results import Detection
from shared_models.tasks.supervision_format import to_supervision

FOUND = [Detection(1, 2, 3, 4, 0.5, "cat", 17), Detection(5, 6, 7, 9, 0.25, "class 3", 4)]


def test_detections_become_supervisions() -> None:
    pytest.importorskip("supervision", reason="supervision is not installed")
    converted = to_supervision(FOUND)
    assert converted.xyxy.tolist() == [[1, 2, 3, 4], [5, 6, 7, 9]]
    assert converted.confidence is not None
    assert converted.confidence.tolist() == [0.5, 0.25]
    assert converted.class_id is not None
    assert converted.class_id.tolist() == [17, 4]
    assert list(converted.data["class_name"]) == ["cat", "class 3"]
    assert len(to_supervision([])) == 0


def test_without_supervision_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ModelError, match="pip install supervision"):
        to_supervision(FOUND)
