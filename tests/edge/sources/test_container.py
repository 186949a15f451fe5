"""Video files: every frame in order, positions even where a container gives none, clear errors."""

from pathlib import Path

import pytest

from edge.sources.container import MediaClock
from edge.sources.video_file import open_video_file
from shared_models.errors import SourceError
from tests.edge.sources.media import index_of, write_video


def test_every_frame_comes_in_order_with_its_position(tmp_path: Path) -> None:
    source = open_video_file(write_video(tmp_path / "a.mp4", 12))
    positions, indices = [], []
    while (grab := source.grab()) is not None:
        positions.append(grab.media_s)
        indices.append(index_of(grab.picture(640)))
    source.close()
    assert indices == list(range(12))
    assert positions == pytest.approx([index / 25 for index in range(12)])


def test_a_picture_is_scaled_to_its_long_side_and_never_up(tmp_path: Path) -> None:
    source = open_video_file(write_video(tmp_path / "a.mp4", 1, width=128, height=64))
    grab = source.grab()
    assert grab is not None
    assert grab.picture(64).shape == (32, 64, 3)
    assert grab.picture(4096).shape == (64, 128, 3)
    source.close()


def test_what_is_no_video_is_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    with pytest.raises(SourceError, match="there is no video file"):
        open_video_file(path)
    path.write_text("not a video at all")
    with pytest.raises(SourceError, match=r"notes\.mp4 cannot be opened"):
        open_video_file(path)


def test_a_file_that_ends_too_early_gives_what_it_has(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.ts", 50).read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole[: len(whole) // 2])
    source = open_video_file(cut)
    frames = 0
    while source.grab() is not None:
        frames += 1
    assert 5 < frames < 50


def test_frames_without_position_follow_the_nominal_rate() -> None:
    clock = MediaClock(10.0)
    assert [clock.at(t) for t in (None, None, 5.0, None)] == pytest.approx([0.0, 0.1, 5.0, 5.1])


def test_without_rate_and_position_there_is_no_timeline() -> None:
    assert MediaClock(None).at(None) is None
