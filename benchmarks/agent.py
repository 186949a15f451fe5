"""What one frame costs an agent, stage by stage, and what memory the process takes.

    python benchmarks/agent.py [CLIP]

Without a clip the pictures are synthetic. Every width is measured; the JPEG is what the ring keeps.
"""

import argparse
import itertools
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from edge.config import AgentConfig, Keep
from edge.encoder import CodingChoice, FrameEncoder, to_jpeg
from edge.gate import ChangeGate, GateRules
from edge.masks import MaskPainter
from edge.memory import bound_memory
from edge.model import load_codec
from edge.ring import Ring
from edge.ring_records import KeptFrame, RecordType
from edge.sources.video_file import open_video_file
from runtime.clock import SystemClock
from runtime.segment_log.options import SegmentLogOptions
from shared_models.frames import CaptureTime, Pixels

REPEATS = 15
LONG_SIDE_PX = 640


def report(what: str, action: Callable[[], object]) -> None:
    """Print median wall time and least processor time: on a shared machine the first measures others."""
    action()
    walls_ms, busy_ms = [], []
    for _ in range(REPEATS):
        wall, busy = time.perf_counter(), time.process_time()
        action()
        walls_ms.append(1000 * (time.perf_counter() - wall))
        busy_ms.append(1000 * (time.process_time() - busy))
    print(f"{what:28} {median(walls_ms):8.2f} ms   processor {min(busy_ms):7.2f} ms")


def pictures(clip: Path | None) -> list[Pixels]:
    """Return a few frames."""
    if clip is None:
        y, x = np.mgrid[0:360, 0:640]
        return [
            np.stack([128 + 90 * np.sin((x + 9 * k) / 17), 128 + 90 * np.cos(y / 11), (x + y) % 256], -1)
            .clip(0, 255)
            .astype(np.uint8)
            for k in range(8)
        ]
    source = open_video_file(clip)
    grabs = itertools.islice(iter(source.grab, None), 8)
    found = [grab.picture(LONG_SIDE_PX) for grab in grabs if grab is not None]
    source.close()
    return found


def code_next(encoder: FrameEncoder, feed: Iterator[Pixels], choice: CodingChoice) -> None:
    """Code the next picture."""
    encoder.encode(next(feed), 0, choice)


def measure(clip: Path | None, directory: Path) -> None:
    """Measure and print everything."""
    bound_memory()
    frames = pictures(clip)
    feed = itertools.cycle(frames)
    print(f"pictures of {frames[0].shape[1]}×{frames[0].shape[0]}, {REPEATS} repeats")
    gate = ChangeGate(GateRules(0.03, 1.0, 10.0))
    report("change gate", lambda: gate.decide(next(feed), time.monotonic()))
    painter = MaskPainter([((0.1, 0.1), (0.4, 0.1), (0.3, 0.6))])
    report("privacy mask", lambda: painter.paint(next(feed).copy()))
    report("source as JPEG", lambda: to_jpeg(next(feed), 92))
    config = AgentConfig.model_validate({"cameras": {"cam": {"source": {"kind": "v4l2"}}}})
    codec = load_codec(config)
    encoder = FrameEncoder(codec, Keep.SOURCE, 92)
    quality = codec.profile.runtime.quality_default
    for width in codec.widths:
        choice = CodingChoice(quality, width, quality)
        report(f"packet and JPEG, width {width:g}", partial(code_next, encoder, feed, choice))
    encoded = encoder.encode(frames[0], 0, CodingChoice(quality, codec.widths[0], quality))
    clock = SystemClock()
    ring = Ring.open(directory, SegmentLogOptions(8 << 20, 256 << 20), ["cam"], clock)

    def keep() -> None:
        moment = CaptureTime(clock.wall_ns(), clock.monotonic_ns(), clock.boot_id)
        frame = KeptFrame("cam", ring.epoch("cam"), ring.next_seq("cam"), moment, 0, 0.0, encoded.packet)
        ring.append_frame(frame, (RecordType.SOURCE, encoded.kept[1]))

    report("keep in the ring", keep)
    ring.close()
    print(f"packet {len(encoded.packet)} bytes, JPEG {len(encoded.kept[1])} bytes")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory of this process, every width loaded: {peak / 1024:.0f} MiB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path, nargs="?")
    with tempfile.TemporaryDirectory() as scratch:
        measure(parser.parse_args().clip, Path(scratch))
