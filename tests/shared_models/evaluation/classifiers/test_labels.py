import json
from pathlib import Path

import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.classifiers.labels import read_labelled


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 8)).save(folder / name)
    return folder


def classes(images: Path, labels: Path | None = None) -> dict[str, int]:
    return {item.path.name: item.class_index for item in read_labelled(images, labels)}


def test_json_and_csv_say_the_same(images: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"a.png": 3, "b.png": "999"}))
    (tmp_path / "labels.csv").write_text("file,class\na.png,3\nb.png,999\n")
    (tmp_path / "bare.csv").write_text("a.png,3\n\nb.png,999\n")
    for name in ("labels.json", "labels.csv", "bare.csv"):
        assert classes(images, tmp_path / name) == {"a.png": 3, "b.png": 999}


def test_folders_name_classes(tmp_path: Path) -> None:
    for folder in ("0", "207_golden_retriever"):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / folder / f"of_{folder}.png")
    assert classes(tmp_path) == {"of_0.png": 0, "of_207_golden_retriever.png": 207}


def test_a_limit_takes_the_first_by_name(images: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.json").write_text(json.dumps({"b.png": 1, "a.png": 2}))
    assert [item.class_index for item in read_labelled(images, tmp_path / "labels.json", 1)] == [2]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("labels.json", '{"c.png": 1}', "names c.png, which is not in"),
        ("labels.json", '{"../labels.json": 1}', "which is not in"),
        ("labels.json", '{"a.png": "cat"}', "the class 'cat'"),
        ("labels.json", '{"a.png": true}', "the class True"),
        ("labels.json", '{"a.png": -1}', "the class -1"),
        ("labels.json", "[1]", "no JSON object"),
        ("labels.json", "{", "is no JSON"),
        ("labels.json", "{}", "labels no picture"),
        ("labels.csv", "file,class\na.png,cat\n", "the class 'cat'"),
        ("labels.csv", "a.png,1\nb.png\n", "the class ''"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    images: Path, tmp_path: Path, name: str, content: str, sentence: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=sentence):
        read_labelled(images, tmp_path / name)


def test_names_of_pictures_begin_with_the_class(tmp_path: Path) -> None:
    for name in ("006_stingray.png", "207.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert classes(tmp_path) == {"006_stingray.png": 6, "207.png": 207}


def test_pictures_without_any_labels_are_refused(images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the name of .*a.png begins with no class index"):
        read_labelled(images, None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no pictures"):
        read_labelled(tmp_path / "empty", None)
