"""One camera from its mailbox to the ring: what is coded, what is left out and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.camera import Camera
from edge.capture import Captured
from edge.config_camera import CameraConfig
from edge.encoder import CodingChoice, EncodedFrame, FrameEncoder
from edge.encoder_pool import EncoderPool
from edge.gaps import Gap, GapReason, SeqSpan
from edge.metrics import EdgeMetrics
from edge.ring import FrameKept, GapKept, Ring, RingEvent
from edge.ring_records import RecordType
from edge.wish import Wish
from runtime.clock import ManualClock
from runtime.segment_log.options import SegmentLogOptions
from shared_models.bitstream.writer import write_packet
from shared_models.errors import InputError
from shared_models.frames import CaptureTime, Pixels
from tests.edge.coded_frames import BOOT_ID, SECOND, base_packet
from tests.edge.sources.media import index_of, striped


class Encoder(FrameEncoder):
    """Codes a picture into a packet that names its index; refuses some."""

    def __init__(self, refused: frozenset[int] = frozenset()) -> None:
        self.refused = refused
        self.choices: list[CodingChoice] = []

    def encode(self, pixels: Pixels, seq: int, choice: CodingChoice) -> EncodedFrame:
        self.choices.append(choice)
        if index_of(pixels) in self.refused:
            raise InputError("not this one")
        packet = write_packet(base_packet(bytes([index_of(pixels)])))
        return EncodedFrame(packet, 1234, (RecordType.SOURCE, b"jpeg"))


class Rig:
    def __init__(self, directory: Path, encoder: Encoder, **settings: Any) -> None:
        source = {"kind": "file", "path": "a.mp4", "realtime": False}
        self.ring = Ring.open(directory, SegmentLogOptions(1 << 16, 1 << 20), ["cam"], ManualClock())
        self.events: list[RingEvent] = []
        self.ring.subscribe(self.events.append)
        self.metrics = EdgeMetrics()
        self.pool = EncoderPool(1)
        self.camera = Camera(
            "cam",
            CameraConfig.model_validate({"source": source, **settings}),
            CodingChoice(50.0, 0.25, 50.0),
            widths=(0.25, 1.0),
            ring=self.ring,
            encoder=encoder,
            metrics=self.metrics,
            pool=self.pool,
        )

    def show(self, *indices: int) -> None:
        for second, index in enumerate(indices):
            moment = CaptureTime(second * SECOND, second * SECOND, BOOT_ID)
            self.camera.mailbox.put(Captured(moment, striped(index)))
            assert self.camera.process_next()
        self.camera.finish()

    @property
    def kept(self) -> list[int]:
        return [event.frame.seq for event in self.events if isinstance(event, FrameKept)]

    @property
    def gaps(self) -> list[Gap]:
        return [event.gap for event in self.events if isinstance(event, GapKept)]


@pytest.fixture
def rig_of(tmp_path: Path) -> Iterator[Any]:
    made: list[Rig] = []

    def make(encoder: Encoder | None = None, **settings: Any) -> Rig:
        made.append(Rig(tmp_path / "ring", encoder or Encoder(), **settings))
        return made[-1]

    yield make
    for rig in made:
        rig.pool.close()
        rig.ring.close()


def test_every_picture_becomes_a_frame_with_its_cost_and_moment(rig_of: Any) -> None:
    rig = rig_of()
    rig.show(1, 2, 3)
    assert rig.kept == [0, 1, 2]
    frame = rig.ring.read_frame("cam", 1)
    assert (frame.encode_us, frame.time.capture_ns, frame.time.boot_id) == (1234, SECOND, BOOT_ID)


def test_a_picture_that_cannot_be_coded_is_a_gap_and_the_next_one_is_not(rig_of: Any) -> None:
    rig = rig_of(Encoder(refused=frozenset((2, 3))))
    rig.show(1, 2, 3, 4)
    assert rig.kept == [0, 3]
    (gap,) = rig.gaps
    assert (gap.reason, gap.seqs, gap.frames) == (GapReason.ENCODE_FAILED, SeqSpan(1, 2), 2)


class BrokenEncoder(Encoder):
    """Has a bug that shows on some pictures."""

    def encode(self, pixels: Pixels, seq: int, choice: CodingChoice) -> EncodedFrame:
        if index_of(pixels) in self.refused:
            raise ZeroDivisionError
        return super().encode(pixels, seq, choice)


def test_a_bug_in_the_encoder_costs_one_frame_whose_number_is_explained(rig_of: Any) -> None:
    rig = rig_of(BrokenEncoder(refused=frozenset((2,))))
    rig.show(1, 2, 3)
    assert rig.kept == [0, 2]
    (gap,) = rig.gaps
    assert (gap.reason, gap.seqs) == (GapReason.ENCODE_FAILED, SeqSpan(1, 1))


def test_a_still_scene_is_one_gap_that_comes_before_the_frame_that_ends_it(rig_of: Any) -> None:
    rig = rig_of(gate={"threshold": 0.03, "hold_s": 0, "interval_s_max": 3})
    rig.show(1, 1, 1, 1, 1)
    assert rig.kept == [0, 3]
    kinds = [type(event) for event in rig.events]
    assert kinds == [FrameKept, GapKept, FrameKept, GapKept]
    assert [gap.seqs for gap in rig.gaps] == [SeqSpan(1, 2), SeqSpan(4, 4)]


def test_the_cloud_may_change_how_frames_are_coded(rig_of: Any) -> None:
    encoder = Encoder()
    rig = rig_of(encoder)
    rig.camera.direct(Wish(quality=10.0, width=1.0))
    rig.show(1)
    assert encoder.choices == [CodingChoice(10.0, 1.0, 50.0)]


@pytest.mark.parametrize(
    "wish",
    [{"quality": 101.0}, {"width": 0.3}, {"frames_per_second": 0.0}, {"frames_per_second": float("nan")}],
)
def test_wishes_that_cannot_be_are_refused_and_change_nothing(rig_of: Any, wish: dict[str, float]) -> None:
    rig = rig_of()
    before = rig.camera.settings
    with pytest.raises(InputError):
        rig.camera.direct(Wish(**wish))
    assert rig.camera.settings == before


def test_without_a_wish_the_configuration_holds_again(rig_of: Any) -> None:
    rig = rig_of(frames_per_second=7.0)
    before = rig.camera.settings
    rig.camera.direct(Wish(quality=10.0, frames_per_second=1.0))
    assert rig.camera.settings.frames_per_second == 1.0
    rig.camera.direct(Wish())
    assert rig.camera.settings == before


def test_what_a_file_left_out_at_its_end_is_explained_while_the_agent_goes_on(rig_of: Any) -> None:
    rig = rig_of(gate={"threshold": 0.03, "hold_s": 0, "interval_s_max": 60})
    for second, index in enumerate((1, 1, 1)):
        rig.camera.mailbox.put(
            Captured(CaptureTime(second * SECOND, second * SECOND, BOOT_ID), striped(index))
        )
        assert rig.camera.process_next()
    assert rig.gaps == []
    rig.camera.health.ended()
    assert not rig.camera.process_next()
    assert [gap.seqs for gap in rig.gaps] == [SeqSpan(1, 2)]


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ({"kind": "file", "path": "a.mp4"}, [2, 3, 4, 5]),
        ({"kind": "v4l2"}, [5]),
    ],
)
def test_pictures_of_a_file_that_plays_wait_and_a_cameras_newest_replaces_the_rest(
    rig_of: Any, source: dict[str, str], kept: list[int]
) -> None:
    rig = rig_of(source=source)
    for second in range(6):
        moment = CaptureTime(second * SECOND, second * SECOND, BOOT_ID)
        rig.camera.mailbox.put(Captured(moment, striped(second)))
    taken = [rig.camera.mailbox.take() for _ in kept]
    assert [index_of(captured.pixels) for captured in taken] == kept
    assert rig.camera.mailbox.take() is None
