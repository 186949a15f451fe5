"""What `--source` may name."""

from pathlib import Path

import pytest

from console.demo.sources import demo_source
from shared_models.errors import InputError


def test_an_rtsp_address_becomes_a_live_source_whose_name_hides_the_password() -> None:
    source = demo_source("rtsp://user:secret@10.0.0.7/stream1")
    assert source.config == {"kind": "rtsp", "url": "rtsp://user:secret@10.0.0.7/stream1"}
    assert source.name == "10.0.0.7/stream1"
    assert source.expected_frames(10, seconds_max=3) == 30


def test_a_directory_is_played_over_and_over(tmp_path: Path) -> None:
    assert demo_source(str(tmp_path)).config["loop"] is True


@pytest.mark.parametrize("name", ["nothing-there.mp4", "ftp://host/clip"])
def test_a_source_that_is_nothing_is_named_in_the_error(name: str) -> None:
    with pytest.raises(InputError, match=name):
        demo_source(name)


def test_a_file_that_is_no_video_is_refused_in_one_sentence(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("no video")
    with pytest.raises(InputError, match="is no readable video"):
        demo_source(str(text))
