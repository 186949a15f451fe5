"""What the demo does when not everything comes through, or not everything is alike."""

import time
from pathlib import Path
from typing import Any

from console.demo.client import ResultLog
from console.demo.run import STALLED_S, DemoOptions, _wait_for_results, of_one_size
from console.demo.sources import DemoSource
from slimstream.v1.control_pb2 import Result, StoredFrame
from slimstream.v1.frame_pb2 import FrameId


def stored(seq: int, width: int = 640) -> StoredFrame:
    return StoredFrame(frame=FrameId(camera="demo", epoch=1, seq=seq), width=width, height=480)


class TwoFramesStored:
    """A cloud that has stored a frame which never gets a result."""

    def stored(self) -> list[StoredFrame]:
        return [stored(0), stored(1)]


def test_a_frame_that_never_gets_a_result_does_not_hold_the_demo_up_for_ever(tmp_path: Path) -> None:
    log = ResultLog({0: Result()}, newest_s=time.monotonic() - STALLED_S - 1)
    options = DemoOptions(DemoSource("clip", {}, None), tmp_path, 10, 10, 640, None, None)
    client: Any = TwoFramesStored()
    _wait_for_results(options, [], client, log, lambda *_: None)


def test_of_frames_of_many_sizes_the_commonest_are_shown() -> None:
    frames = [stored(0, 320), stored(1), stored(2), stored(3, 800)]
    assert list(of_one_size(frames)) == [1, 2]
