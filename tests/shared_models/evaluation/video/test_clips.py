from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from shared_models.errors import InputError
from shared_models.evaluation.video import clips
from shared_models.evaluation.video.clips import read_clip


def write_video(path: Path, frames: int, fps: int, size: tuple[int, int] = (64, 48)) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for index in range(frames):
            pixels = np.full((size[1], size[0], 3), 10 * index % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def write_frames(folder: Path, count: int, size: tuple[int, int] = (32, 24)) -> None:
    for index in range(count):
        Image.new("RGB", size, (index, 0, 0)).save(folder / f"frame{index + 1}.png")


def test_a_video_is_read_whole_at_its_own_rate(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", 12, 10)
    clip = read_clip(tmp_path / "clip.mp4")
    assert (len(clip.frames), clip.fps, clip.size) == (12, 10.0, (64, 48))
    assert clip.seconds == pytest.approx(1.2)


@pytest.mark.parametrize(
    ("fps", "indices"), [(5.0, [0, 2, 4, 6, 8, 10]), (2.5, [0, 4, 8]), (50.0, list(range(12)))]
)
def test_a_lower_rate_leaves_frames_out_evenly(tmp_path: Path, fps: float, indices: list[int]) -> None:
    write_video(tmp_path / "clip.mp4", 12, 10)
    clip = read_clip(tmp_path / "clip.mp4", fps=fps)
    assert [frame.index for frame in clip.frames] == indices
    assert clip.fps == min(fps, 10.0)


def test_a_directory_is_read_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    write_frames(tmp_path, 11)
    clip = read_clip(tmp_path, source_fps=4, limit=10)
    assert [frame.name for frame in clip.frames] == [f"frame{n}.png" for n in range(1, 11)]
    assert clip.fps == 4


def test_larger_frames_are_made_smaller_and_remember_their_size(tmp_path: Path) -> None:
    write_frames(tmp_path, 2, (64, 48))
    clip = read_clip(tmp_path, long_side=32)
    assert clip.size == (32, 24)
    assert clip.frames[0].source_size == (64, 48)


def test_what_is_no_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(InputError, match=r"clip.mp4 is no readable video"):
        read_clip(tmp_path / "clip.mp4")


def test_an_absent_clip_and_an_empty_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_clip(tmp_path / "absent.mp4")
    with pytest.raises(InputError, match="holds no picture"):
        read_clip(tmp_path)


def test_frames_of_two_sizes_are_refused(tmp_path: Path) -> None:
    write_frames(tmp_path, 2)
    Image.new("RGB", (40, 24)).save(tmp_path / "frame3.png")
    with pytest.raises(InputError, match=r"frame3.png has another size"):
        read_clip(tmp_path)


def test_a_damaged_frame_is_named(tmp_path: Path) -> None:
    write_frames(tmp_path, 2)
    whole = (tmp_path / "frame2.png").read_bytes()
    (tmp_path / "frame2.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"frame2.png cannot be read"):
        read_clip(tmp_path)


def test_a_clip_too_large_to_be_held_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_frames(tmp_path, 3)
    monkeypatch.setattr(clips, "CLIP_BYTES_MAX", 2 * 32 * 24 * 3)
    assert len(read_clip(tmp_path, limit=2).frames) == 2
    with pytest.raises(InputError, match="has more than 3 frames of 2304 bytes"):
        read_clip(tmp_path)
