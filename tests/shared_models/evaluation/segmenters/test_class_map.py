import json
from pathlib import Path

import numpy as np
import pytest

from shared_models.errors import InputError
from shared_models.evaluation.segmenters.class_map import ClassMap, read_class_map


def test_model_classes_are_translated_and_the_unnamed_become_none() -> None:
    class_map = ClassMap(classes=("sky", "road"), model_to_class={10: 0, 0: 1, 1: 1})
    found = class_map.translate(np.array([[10, 0, 1], [2, 9, 200]], np.uint8))
    assert found.tolist() == [[0, 1, 1], [-1, -1, -1]]


def test_a_map_is_read_from_json(tmp_path: Path) -> None:
    file = tmp_path / "map.json"
    file.write_text(json.dumps({"classes": ["sky"], "model_to_class": {"10": 0}}))
    assert read_class_map(file).model_to_class == {10: 0}


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        '{"classes": [], "model_to_class": {}}',
        '{"classes": ["a"], "model_to_class": {"0": 1}}',
        '{"classes": ["a"], "model_to_class": {"road": 0}}',
        '{"classes": ["a"], "model_to_class": {"0": 0}, "extra": 1}',
    ],
)
def test_what_is_no_class_map_is_refused_in_a_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "map.json"
    file.write_text(content)
    with pytest.raises(InputError, match=r"map.json is no class map"):
        read_class_map(file)
