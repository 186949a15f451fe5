"""The pictures a demo leaves behind."""

from pathlib import Path

import numpy as np
from PIL import Image

from console.demo.clip import probe
from console.demo.pictures import PALETTE, annotate, captioned, grid, write_video
from shared_models.tasks.results import Detection

GREY = np.full((120, 160, 3), 90, np.uint8)


def test_a_box_is_drawn_where_the_detection_says() -> None:
    drawn = np.asarray(annotate(GREY, [Detection(40, 50, 100, 110, 0.9, "person", 1)]))
    changed = np.argwhere((drawn != GREY).any(axis=2))
    assert changed[:, 1].min() == 40
    assert changed[:, 0].max() == 110
    assert (drawn[60:100, 50:90] == GREY[60:100, 50:90]).all(), "the inside stays visible"


def test_a_box_at_the_border_keeps_its_label_inside_the_picture() -> None:
    drawn = np.asarray(annotate(GREY, [Detection(0, 0, 159, 119, 0.5, "car", 3)]))
    assert drawn.shape == GREY.shape


def test_a_label_can_be_read_whatever_its_colour() -> None:
    for category in range(len(PALETTE)):
        drawn = np.asarray(annotate(GREY, [Detection(40, 50, 100, 110, 0.9, "person", category)]))
        label = drawn[36:49, 42:90].astype(int).sum(axis=2)
        assert np.ptp(label) > 250, PALETTE[category]


def test_a_sheet_holds_every_picture_once() -> None:
    cells = [captioned(Image.fromarray(GREY), f"seq {i}") for i in range(5)]
    sheet = grid(cells, columns=3, gap_px=8)
    assert sheet.size == (3 * (160 + 8) + 8, 2 * (cells[0].height + 8) + 8)


def test_the_video_has_one_frame_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    write_video(path, [Image.fromarray(GREY)] * 7, 12.5)
    clip = probe(path)
    assert (clip.width, clip.height, clip.frames, clip.frames_per_second) == (160, 120, 7, 12.5)
