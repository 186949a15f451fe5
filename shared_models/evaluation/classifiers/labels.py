"""Which class each picture of a folder shows, in the forms that labels come in."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from shared_models.codecs.picture_files import PICTURE_SUFFIXES
from shared_models.errors import InputError

CLASS_MAX: Final = 65535


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture's file and the index of the class that it shows."""

    path: Path
    class_index: int


def read_labelled(images: Path, labels: Path | None, limit: int = 0) -> list[LabelledPicture]:
    """Return the labelled pictures of a folder, by name; raise InputError.

    Without `labels`, the names of the pictures, or of the folders that they lie in, are a class index or
    begin with one (`207`, `207_golden_retriever`, `207_0001.jpg`). `labels` is a JSON object
    {file name: class index}, or a CSV with the columns file name and class index (a first line that is no
    label is a heading).
    """
    if not images.is_dir():
        raise InputError(f"{images} is no directory of pictures")
    found = _from_names(images) if labels is None else _from_file(images, labels)
    return sorted(found, key=lambda item: str(item.path))[: limit or None]


def _from_names(images: Path) -> list[LabelledPicture]:
    found: list[LabelledPicture] = []
    for path in sorted(images.iterdir()):
        if path.is_dir():
            class_index = _leading_index(path)
            inside = (file for file in sorted(path.iterdir()) if file.suffix.lower() in PICTURE_SUFFIXES)
            found += [LabelledPicture(file, class_index) for file in inside]
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            found.append(LabelledPicture(path, _leading_index(path)))
    if not found:
        raise InputError(f"{images} holds no pictures, nor folders of them named by class")
    return found


def _leading_index(path: Path) -> int:
    digits = path.stem.partition("_")[0]
    if not digits.isdecimal() or int(digits) > CLASS_MAX:
        raise InputError(f"the name of {path} begins with no class index; call it 0_…, 1_… or give --labels")
    return int(digits)


def _from_file(images: Path, labels: Path) -> list[LabelledPicture]:
    try:
        text = labels.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{labels} cannot be read as text; give a JSON or CSV file of labels") from None
    rows = _from_json(labels, text) if labels.suffix.lower() == ".json" else _from_csv(labels, text)
    if not rows:
        raise InputError(f"{labels} labels no picture")
    found = []
    for name, class_index in rows:
        path = images / name
        if not path.resolve().is_relative_to(images.resolve()) or not path.is_file():
            raise InputError(f"{labels} names {name}, which is not in {images}")
        found.append(LabelledPicture(path, class_index))
    return found


def _from_json(labels: Path, text: str) -> list[tuple[str, int]]:
    try:
        content = json.loads(text)
    except ValueError:
        raise InputError(f"{labels} is no JSON") from None
    if not isinstance(content, dict):
        raise InputError(f"{labels} is no JSON object of file name to class index")
    return [(name, _class_index(labels, name, value)) for name, value in content.items()]


def _from_csv(labels: Path, text: str) -> list[tuple[str, int]]:
    rows: list[tuple[str, int]] = []
    for number, fields in enumerate(csv.reader(text.splitlines())):
        if not fields:
            continue
        is_heading = number == 0 and not (len(fields) > 1 and fields[1].strip().isdecimal())
        if not is_heading:
            value = fields[1].strip() if len(fields) > 1 else ""
            rows.append((fields[0].strip(), _class_index(labels, fields[0], value)))
    return rows


def _class_index(labels: Path, name: str, value: object) -> int:
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number <= CLASS_MAX:
        raise InputError(f"{labels} gives {name} the class {value!r}; a class is an index from 0")
    return number
