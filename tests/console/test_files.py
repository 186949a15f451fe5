"""encode, decode, inspect, detect, classify: what they write, and what they say to wrong input."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.frames import psnr_db
from tests.console.conftest import CommandLine

MODEL = ("--model", "dct")


def pixels_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_a_picture_goes_into_a_file_and_comes_back(
    slimstream: CommandLine, pictures: Path, tmp_path: Path
) -> None:
    coded, decoded = tmp_path / "coded", tmp_path / "decoded"
    assert (
        slimstream("encode", pictures, "-o", coded, "--layers", "full", "--quality", "90", *MODEL).code == 0
    )
    assert slimstream("decode", coded, "-o", decoded, *MODEL).code == 0
    assert sorted(file.name for file in decoded.iterdir()) == ["12.png", "street.png"]
    assert psnr_db(pixels_of(decoded / "12.png"), pixels_of(pictures / "12.png")) > 35


def test_a_base_alone_gives_the_preview_and_so_does_asking_for_it(
    slimstream: CommandLine, pictures: Path, tmp_path: Path
) -> None:
    slimstream("encode", pictures / "12.png", "-o", tmp_path / "base", *MODEL)
    slimstream("encode", pictures / "12.png", "-o", tmp_path / "full", "--layers", "full", *MODEL)
    first = slimstream("decode", tmp_path / "base" / "12.slim", "-o", tmp_path / "a", *MODEL)
    slimstream("decode", tmp_path / "full" / "12.slim", "-o", tmp_path / "b", "--preview", *MODEL)
    slimstream("decode", tmp_path / "full" / "12.slim", "-o", tmp_path / "c", *MODEL)
    assert "from base\n" in first.out
    assert (tmp_path / "a" / "12.png").read_bytes() == (tmp_path / "b" / "12.png").read_bytes()
    assert (tmp_path / "a" / "12.png").read_bytes() != (tmp_path / "c" / "12.png").read_bytes()


def test_the_same_picture_and_options_give_the_same_bytes(
    slimstream: CommandLine, pictures: Path, tmp_path: Path
) -> None:
    for directory, threads in (("a", "1"), ("b", "2")):
        slimstream("encode", pictures / "12.png", "-o", tmp_path / directory, "--threads", threads, *MODEL)
    assert (tmp_path / "a" / "12.slim").read_bytes() == (tmp_path / "b" / "12.slim").read_bytes()


def test_higher_quality_takes_more_bytes_and_json_says_how_many(
    slimstream: CommandLine, pictures: Path, tmp_path: Path
) -> None:
    sizes = []
    for quality in ("0", "50", "100"):
        result = slimstream(
            "encode", pictures / "12.png", "-o", tmp_path, "--quality", quality, "--json", *MODEL
        )
        (report,) = json.loads(result.out)["files"]
        assert report["bytes"] == (tmp_path / "12.slim").stat().st_size
        sizes.append(report["base_bytes"])
    assert sizes == sorted(set(sizes))


def test_inspect_needs_no_model(slimstream: CommandLine, pictures: Path, tmp_path: Path) -> None:
    slimstream("encode", pictures / "12.png", "-o", tmp_path, "--layers", "full", "--quality", "40", *MODEL)
    facts = json.loads(slimstream("inspect", tmp_path / "12.slim", "--json").out)
    (frame,) = facts["frames"]
    assert (frame["frame_width"], frame["frame_height"]) == (48, 40)
    assert [(layer["kind"], layer["quality"]) for layer in frame["layers"]] == [
        ("base-intra", 40.0),
        ("enhancement", 40.0),
    ]
    assert "48×40" in slimstream("inspect", tmp_path / "12.slim").out


def test_detections_are_rows_of_cocos_results_format(
    slimstream: CommandLine, pictures: Path, tmp_path: Path
) -> None:
    result = slimstream("detect", pictures, "--json", tmp_path / "out.json", "--score-min", "0.3", *MODEL)
    assert result.code == 0
    rows = json.loads((tmp_path / "out.json").read_text())
    assert {(row["image_id"], row["file_name"]) for row in rows} == {(12, "12.png"), (1, "street.jpg")}
    for row in rows:
        x, y, width, height = row["bbox"]
        assert x >= 0
        assert y >= 0
        assert width > 0
        assert height > 0
        assert x + width <= 64.01
        assert 1 <= row["category_id"] <= 90
        assert 0.3 <= row["score"] <= 1


def test_a_file_and_the_picture_it_came_from_give_the_same_detections(
    slimstream: CommandLine, pictures: Path, tmp_path: Path
) -> None:
    slimstream("encode", pictures / "12.png", "-o", tmp_path, *MODEL)
    slimstream("detect", pictures / "12.png", "--json", tmp_path / "picture.json", *MODEL)
    slimstream("detect", tmp_path / "12.slim", "--json", tmp_path / "file.json", *MODEL)
    of_picture, of_file = (
        [{**row, "file_name": ""} for row in json.loads((tmp_path / name).read_text())]
        for name in ("picture.json", "file.json")
    )
    assert of_picture == of_file


def test_boxes_are_in_pixels_of_the_picture_even_where_it_was_coded_smaller(
    slimstream: CommandLine, pictures: Path, tmp_path: Path
) -> None:
    found = []
    for name, factor in (("small.png", 1), ("large.png", 4)):
        image = Image.open(pictures / "12.png")
        image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST).save(
            tmp_path / name
        )
        arguments = ("--json", tmp_path / "out.json", "--long-side", "48", *MODEL)
        assert slimstream("detect", tmp_path / name, *arguments).code == 0
        found.append(json.loads((tmp_path / "out.json").read_text())[0])
    assert found[0]["category_id"] == found[1]["category_id"]
    assert np.allclose(np.array(found[0]["bbox"]) * 4, found[1]["bbox"], atol=8)


def test_classes_are_named(slimstream: CommandLine, pictures: Path, tmp_path: Path) -> None:
    slimstream("classify", pictures, "--json", tmp_path / "out.json", "--top", "3", *MODEL)
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["file_name"] for row in rows] == ["12.png", "street.jpg"]
    assert all(len(row["classes"]) == 3 for row in rows)


class TestWrongInput:
    """One sentence on stderr, exit code 2, and nothing written."""

    @pytest.fixture(autouse=True)
    def _elsewhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "text.png").write_text("not a picture")
        (tmp_path / "empty.slim").write_bytes(b"")
        (tmp_path / "hollow").mkdir()
        Image.new("RGB", (15, 40)).save(tmp_path / "narrow.png")
        Image.new("RGB", (4097, 16)).save(tmp_path / "wide.png")
        (tmp_path / "cut.jpg").write_bytes((tmp_path / "wide.png").read_bytes()[:60])

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["encode", "gone.jpg", "-o", "out"], "gone.jpg does not exist"),
            (["encode", "hollow", "-o", "out"], "hollow holds no file that ends in .avif"),
            (["encode", "text.png", "-o", "out"], "text.png is not a picture"),
            (["encode", "cut.jpg", "-o", "out"], "cut.jpg"),
            (["encode", "narrow.png", "-o", "out"], "narrow.png is 15×40 pixels"),
            (["encode", "wide.png", "-o", "out"], "resize it first"),
            (["encode", "pictures/12.png", "-o", "text.png"], "text.png is not a directory"),
            (["encode", "pictures/12.png", "-o", "out", "--quality", "101"], "less than or equal to 100"),
            (["encode", "pictures/12.png", "-o", "out", "--width", "0.3"], "no width 0.3"),
            (["encode", "pictures/12.png", "-o", "out", "--layers", "most"], "most"),
            (["encode", "pictures/12.png"], "--output"),
            (["encode", "pictures/12.png", "-o", "out", "--model", "none"], "no model package 'none'"),
            (["decode", "empty.slim", "-o", "out"], "empty.slim"),
            (["decode", "text.png", "-o", "out"], "text.png"),
            (["inspect", "empty.slim"], "empty.slim"),
            (["inspect", "hollow"], "hollow cannot be read"),
            (["detect", "pictures", "--json", "out.json", "--path", "nowhere"], "no bridge 'nowhere'"),
            (["detect", "pictures", "--json", "hollow"], "hollow is a directory; name a file in it"),
            (["detect", "gone.jpg", "--json", "no/where/out.json"], "there is no directory no/where"),
            (["classify", "pictures", "--json", "text.png/out.json"], "there is no directory text.png"),
            (["pull", "gate", "--newest", "-o", "no/now.png"], "there is no directory no"),
            (["demo", "--source", "pictures", "--json", "no/figures.json"], "there is no directory no"),
            (["demo", "--source", "pictures", "--output", "text.png"], "text.png is not a directory"),
            (["classify", "text.png", "--json", "out.json"], "not a picture"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_is_named_in_one_sentence(
        self, slimstream: CommandLine, pictures: Path, arguments: list[str], said: str
    ) -> None:
        model = () if arguments[0] in ("inspect", "pull", "demo") or "--model" in arguments else MODEL
        result = slimstream(*arguments, *model)
        assert (result.code, result.err.count("\n")) == (2, 1), result.err
        assert result.err.startswith("slimstream: ")
        assert said in result.err
        assert "Traceback" not in result.err

    def test_two_pictures_of_one_name_do_not_overwrite_each_other(
        self, slimstream: CommandLine, pictures: Path, tmp_path: Path
    ) -> None:
        Image.new("RGB", (32, 32)).save(tmp_path / "12.jpg")
        result = slimstream("encode", pictures / "12.png", tmp_path / "12.jpg", "-o", "out", *MODEL)
        assert result.code == 2
        assert "would both become 12.slim" in result.err
        assert not (tmp_path / "out").exists()
        result = slimstream("detect", pictures / "12.png", tmp_path / "12.jpg", "--json", "out.json", *MODEL)
        assert result.code == 2
        assert "would both be image 12" in result.err

    def test_a_file_of_another_model_is_refused_by_fingerprint(
        self, slimstream: CommandLine, pictures: Path, tmp_path: Path
    ) -> None:
        slimstream("encode", pictures / "12.png", "-o", tmp_path, *MODEL)
        data = bytearray((tmp_path / "12.slim").read_bytes())
        data[len(data) // 2] ^= 1
        (tmp_path / "12.slim").write_bytes(data)
        result = slimstream("decode", tmp_path / "12.slim", "-o", "out", *MODEL)
        assert result.code == 2
        assert "12.slim" in result.err


def test_pictures_are_turned_as_their_camera_was(slimstream: CommandLine, tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 32))
    exif = image.getexif()
    exif[0x0112] = 6  # rotate by 90 degrees to view
    image.save(tmp_path / "turned.jpg", exif=exif)
    slimstream("encode", tmp_path / "turned.jpg", "-o", tmp_path, *MODEL)
    (frame,) = json.loads(slimstream("inspect", tmp_path / "turned.slim", "--json").out)["frames"]
    assert (frame["frame_width"], frame["frame_height"]) == (32, 64)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16", "1"])
def test_pictures_of_every_mode_are_read_as_people_see_them(
    slimstream: CommandLine, tmp_path: Path, mode: str
) -> None:
    suffix = "jpg" if mode == "CMYK" else "png"
    if mode == "I;16":
        image = Image.fromarray(np.full((32, 32), 128 << 8, np.uint16))
    else:
        image = Image.new("RGB", (32, 32), (128, 128, 128)).convert(mode)
    image.save(tmp_path / f"grey.{suffix}")
    path = tmp_path / f"grey.{suffix}"
    slimstream("encode", path, "-o", tmp_path, "--layers", "full", "--quality", "100", *MODEL)
    slimstream("decode", tmp_path / "grey.slim", "-o", tmp_path / "out", *MODEL)
    assert abs(pixels_of(tmp_path / "out" / "grey.png").mean() - 128) < (3 if mode != "1" else 10)


def test_a_bridge_directory_that_is_empty_is_the_users_mistake(
    slimstream: CommandLine, pictures: Path, tmp_path: Path
) -> None:
    result = slimstream("detect", pictures, "--json", tmp_path / "o.json", "--path", tmp_path, *MODEL)
    assert result.code == 2
    assert "bridge.json" in result.err
