"""What the cloud asks of cameras: taken, kept, answered; or refused in one sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.camera import CameraSettingsNow
from edge.directions import Directions
from edge.encoder import CodingChoice
from edge.ring import Ring
from edge.wish import Wish
from runtime.clock import ManualClock
from runtime.segment_log.options import SegmentLogOptions
from shared_models.errors import InputError, StorageError
from slimstream.v1.ingest_pb2 import Settings

CONFIGURED = CameraSettingsNow(CodingChoice(50.0, 1.0, 50.0), 5.0)


class FakeCamera:
    """Goes by every wish but a width of 0.3."""

    def __init__(self) -> None:
        self.settings = CONFIGURED

    def direct(self, wish: Wish) -> None:
        if wish.width == 0.3:
            raise InputError("there is no width 0.3")
        choice = CodingChoice(wish.quality or 50.0, wish.width or 1.0, 50.0)
        self.settings = CameraSettingsNow(choice, wish.frames_per_second or 5.0)


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[Ring]:
    ring = Ring.open(tmp_path, SegmentLogOptions(1 << 16, 1 << 20), ["cam", "old"], ManualClock())
    yield ring
    ring.close()


@pytest.fixture
def camera() -> FakeCamera:
    return FakeCamera()


@pytest.fixture
def directions(ring: Ring, camera: FakeCamera) -> Directions:
    return Directions(ring, ["cam", "old"], [camera, None])


def test_a_change_is_taken_and_kept_before_it_is_answered(
    directions: Directions, camera: FakeCamera, ring: Ring
) -> None:
    answer = directions.answer(Settings(settings_id="a", quality=30.1))
    assert (answer.settings_id, answer.refusal, list(answer.directed)) == ("a", "", ["quality"])
    assert (answer.quality, answer.width, answer.frames_per_second) == (30.1, 1.0, 5.0)
    assert ring.wish("cam") == Wish(quality=30.1)


def test_changes_add_up_until_they_are_reset(directions: Directions, ring: Ring) -> None:
    directions.answer(Settings(quality=30))
    directions.answer(Settings(frames_per_second=2))
    assert ring.wish("cam") == Wish(quality=30.0, frames_per_second=2.0)
    directions.answer(Settings(is_reset=True, width=0.5))
    assert ring.wish("cam") == Wish(width=0.5)
    answer = directions.answer(Settings(is_reset=True))
    assert ring.wish("cam") == Wish()
    assert (answer.quality, answer.width, list(answer.directed)) == (50.0, 1.0, [])


def test_asking_for_nothing_tells_what_is_in_force_and_writes_nothing(
    directions: Directions, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ring, "keep_wish", lambda *_: pytest.fail("written"))
    assert directions.answer(Settings(settings_id="a")).quality == 50.0


def test_what_a_camera_cannot_do_is_refused_and_changes_nothing(
    directions: Directions, camera: FakeCamera, ring: Ring
) -> None:
    answer = directions.answer(Settings(quality=10, width=0.3))
    assert answer.refusal == "there is no width 0.3"
    assert answer.quality == 50.0
    assert camera.settings == CONFIGURED
    assert ring.wish("cam") == Wish()


def test_what_the_disk_does_not_keep_is_not_in_force(
    directions: Directions, camera: FakeCamera, ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageError("the disk is full")

    monkeypatch.setattr(ring, "keep_wish", refuse)
    assert directions.answer(Settings(quality=10)).refusal == "the disk is full"
    assert camera.settings == CONFIGURED


@pytest.mark.parametrize("index", [1, 2, 1000])
def test_a_camera_that_is_not_configured_cannot_be_directed(directions: Directions, index: int) -> None:
    assert "not in its configuration" in directions.answer(Settings(camera_index=index, quality=1)).refusal
