"""`slimstream detect` scored as its users would score it: its JSON against labels, by COCO's own code."""

import contextlib
import io
import json
from pathlib import Path

import pytest

from tests.console.conftest import CommandLine

PICTURES = 40
PERSON = 1


@pytest.mark.slow
def test_the_built_in_detector_sees_people_in_photographs_it_never_saw(
    slimstream: CommandLine, shared_data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pycocotools", reason="the `train` extra is not installed")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    labels = json.loads((shared_data / "eval-dev" / "instances_dev.json").read_text())
    images = labels["images"][:PICTURES]
    files = [shared_data / "eval-dev" / "images" / image["file_name"] for image in images]
    out = tmp_path / "detections.json"
    result = slimstream("detect", *files, "--json", out)
    assert result.code == 0, result.err
    ids = {image["file_name"]: image["id"] for image in images}
    rows = [row | {"image_id": ids[row["file_name"]]} for row in json.loads(out.read_text())]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = labels
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(rows), "bbox")
        judge.params.imgIds, judge.params.catIds = list(ids.values()), [PERSON]
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    assert judge.stats[1] > 0.35, "AP50 of persons; .46 when this was written"
