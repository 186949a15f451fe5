import json
from pathlib import Path

import pytest

from console.eval.options import parse_qualities, split_names, typed_command
from shared_models.errors import InputError
from tests.console.conftest import CommandLine
from tests.shared_models.evaluation.detection.bright_squares import write_detector, write_world


@pytest.fixture
def world(tmp_path: Path) -> tuple[str, ...]:
    boxes = write_world(tmp_path, pictures=2)
    write_detector(tmp_path / "squares.onnx")
    places = "--images", str(tmp_path / "images"), "--annotations", str(boxes)
    return *places, "--cache", str(tmp_path / "cache"), "--jobs", "1", "--model", "dct"


def test_a_measurement_leaves_a_report_a_table_and_a_figure(
    slimstream: CommandLine, world: tuple[str, ...], tmp_path: Path
) -> None:
    outputs = [tmp_path / name for name in ("out.json", "out.md", "out.png")]
    done = slimstream(
        *("eval", "detection", *world, "--detector", tmp_path / "squares.onnx"),
        *("--codecs", "slim, JPEG", "--qualities", "jpeg:20,60", "--points", "2"),
        *("--json", outputs[0], "--table", outputs[1], "--plot", outputs[2]),
    )
    assert done.code == 0, done.err
    rows = json.loads(outputs[0].read_text())["rows"]
    assert [(row["codec"], row["quality"]) for row in rows] == [
        ("pixels", 100),
        ("slim", 0),
        ("slim", 100),
        ("jpeg", 20),
        ("jpeg", 60),
    ]
    assert outputs[1].read_text() in done.out
    assert outputs[2].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--codecs", "jpeg,gif"), "there is no codec 'gif'; known are"),
        (("--codecs", ","), "names no codec"),
        (("--codecs", "jpeg"), "nothing can be measured"),
        (("--qualities", "webp:1"), "--qualities names 'webp', which is none of"),
        (("--detector", "nowhere.onnx"), "there is no detector nowhere.onnx"),
        (("--detector", __file__), "test_detection.py"),
        (("--path", "nowhere"), "there is no bridge 'nowhere'"),
        (("--limit", "0"), "--limit"),
    ],
)
def test_a_mistake_is_one_sentence(
    slimstream: CommandLine, world: tuple[str, ...], arguments: tuple[str, ...], sentence: str
) -> None:
    codecs = () if "--codecs" in arguments else ("--codecs", "slim,jpeg")
    done = slimstream("eval", "detection", *world, *codecs, *arguments)
    assert done.code == 2
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_names_come_once_each_and_in_their_order() -> None:
    assert split_names("slim, AVIF,slim") == ("slim", "avif")


def test_qualities_are_given_to_a_codec_or_to_all_its_widths() -> None:
    assert parse_qualities(["slim:10,50", "jxl:1.5"], ["slim@0.25", "jxl"]) == {
        "slim": (10, 50),
        "jxl": (1.5,),
    }
    with pytest.raises(InputError, match="'jpeg:best' names no qualities"):
        parse_qualities(["jpeg:best"], ["jpeg"])


def test_a_recorded_command_measures_the_same_and_says_nothing_of_where_its_outputs_went() -> None:
    typed = [
        "eval",
        "rd",
        "--images",
        "my pictures",
        "--json",
        "/home/me/out.json",
        "--jobs=4",
        "--side",
        "0",
    ]
    assert typed_command(typed) == "slimstream eval rd --images 'my pictures' --side 0"
