from pathlib import Path

import pytest

from shared_models.errors import InputError
from shared_models.evaluation.plots import Level, Line, Titles, draw_rate_figure, shown_name

TITLES = Titles("title", "subtitle", "bytes", "mAP")


def line(codec: str, *, is_ours: bool = False, y: float = 0.2) -> Line:
    return Line(codec, codec, is_ours, [500, 1000], [y, y + 0.1], [y - 0.05, y], [y + 0.05, y + 0.15])


def test_every_curve_and_level_is_named_in_the_figure(tmp_path: Path) -> None:
    lines = [line("slim", is_ours=True), line("avif"), line("jpeg"), line("a codec of tomorrow")]
    draw_rate_figure(tmp_path / "new" / "a.svg", lines, TITLES, [Level("uncompressed", 0.4, 0.35, 0.45)])
    svg = (tmp_path / "new" / "a.svg").read_text()
    for name in ("slim", "avif", "jpeg", "a codec of tomorrow", "uncompressed", "title", "subtitle"):
        assert f">{name}</text>" in svg


def test_the_same_figures_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw_rate_figure(tmp_path / name, [line("slim", is_ours=True), line("avif")], TITLES)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


@pytest.mark.parametrize("lines", [[], [line("slim", is_ours=True)], [line("avif")]])
def test_a_figure_of_little_is_a_figure(tmp_path: Path, lines: list[Line]) -> None:
    draw_rate_figure(tmp_path / "a.png", lines, TITLES)
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_a_suffix_that_is_no_picture_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"use \.png, \.svg or \.pdf"):
        draw_rate_figure(tmp_path / "a.doc", [line("avif")], TITLES)


def test_codecs_are_called_what_people_call_them() -> None:
    assert [shown_name(name) for name in ("jxl", "x264", "mbt2018")] == ["JPEG XL", "x264 intra", "mbt2018"]
    assert [shown_name(name, in_clips=True) for name in ("x264", "svtav1")] == ["x264", "SVT-AV1"]
