"""One demo run from start to report: processes, waiting, pulls, yardsticks, pictures."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from PIL import Image

from console.demo import client as view
from console.demo.client import CloudClient, Picture, ResultLog
from console.demo.peers import peer_costs
from console.demo.pictures import annotate, captioned, grid, write_video
from console.demo.processes import Part, agent_config, cloud_config, running, wait_for_port
from console.demo.report import DemoReport, LayerReport, Spread
from console.demo.sources import DemoSource
from shared_models.errors import SlimstreamError
from shared_models.frames import Pixels, psnr_db
from slimstream.v1 import control_pb2

CAMERA = "demo"
SCORE_SHOWN_MIN = 0.3
SAMPLED_FRAMES = 12
PULLED_FRAMES = 4
COMPARED_FRAMES_MAX = 500  # pictures of a longer run would not fit in memory
FIRST_RESULT_S_MAX = 300.0  # a busy machine takes its time; a process that ends is noticed at once
QUIET_S = 1.5
UNCERTAINTY_UNKNOWN_US = 2**32 - 1  # what a frame carries that came before clocks were compared
STALLED_S = 60.0
"""After so long without a result the demo shows what it has: a frame that a path fails on never gets one."""

Progress = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What a demo run is made of; quality and width of None are the model's own defaults."""

    source: DemoSource
    output: Path
    frames_per_second: float
    seconds_max: float
    long_side_px: int
    quality: float | None
    width: float | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What went through: results and stored frames by seq, and the pictures pulled afterwards."""

    results: dict[int, control_pb2.Result]
    stored: dict[int, control_pb2.StoredFrame]
    sources: dict[int, Pixels]
    previews: dict[int, Pixels]
    full: dict[int, Picture]


def run_demo(options: DemoOptions, progress: Progress) -> DemoReport:
    """Run agent and cloud over the source, pull, compare, and write the pictures."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="slimstream-demo-") as folder:
        seen = _watch(options, Path(folder), progress)
    ordered = [seen.sources[seq] for seq in sorted(seen.sources)]
    layers = (_base_report(seen, ordered, options, progress), _full_report(seen, ordered, options, progress))
    pictures = _write_pictures(options, seen, progress)
    return _report(options, seen, layers, pictures, time.monotonic() - began_s)


def _watch(options: DemoOptions, work: Path, progress: Progress) -> Seen:
    camera: dict[str, Any] = {
        "frames_per_second": options.frames_per_second,
        "long_side_px": options.long_side_px,
        "quality": options.quality,
        "width": options.width,
    }
    progress("starting", 0, 0)
    with running("cloud", cloud_config(work), options.output) as cloud:
        port = wait_for_port(cloud, work / "port")
        config = agent_config(work, port, options.source.config, camera, CAMERA)
        with running("edge", config, options.output) as agent:
            client, log = CloudClient(port, CAMERA), ResultLog()
            stop_following = client.follow(log)
            _wait_for_results(options, (cloud, agent), client, log, progress)
            stop_following()
            return _pull(client, dict(log.by_seq), progress)


def _wait_for_results(
    options: DemoOptions, parts: Sequence[Part], client: CloudClient, log: ResultLog, progress: Progress
) -> None:
    """Wait until the source has played, or its seconds are over, and every stored frame has its result."""
    expected = options.source.expected_frames(options.frames_per_second, options.seconds_max)
    began_s = time.monotonic()
    while True:
        time.sleep(0.1)
        for part in parts:
            part.check()
        progress("frames through agent, link and cloud", len(log.by_seq), expected)
        if not log.by_seq:
            if time.monotonic() - began_s > FIRST_RESULT_S_MAX:
                raise SlimstreamError(
                    f"no frame came within {FIRST_RESULT_S_MAX:.0f} s; see the logs in {options.output}"
                )
            continue
        has_played = log.quiet_s > QUIET_S and _is_caught_up(client, log)
        if len(log.by_seq) >= expected or has_played or log.quiet_s > STALLED_S:
            return


def _is_caught_up(client: CloudClient, log: ResultLog) -> bool:
    return {frame.frame.seq for frame in client.stored()} <= log.by_seq.keys()


def _pull(client: CloudClient, results: dict[int, control_pb2.Result], progress: Progress) -> Seen:
    stored = of_one_size([frame for frame in client.stored() if frame.frame.seq in results])
    seqs = sorted(stored)[:COMPARED_FRAMES_MAX]
    sampled = _spread_out(seqs, SAMPLED_FRAMES)
    pulled = _spread_out(sampled, PULLED_FRAMES)
    full = {seq: client.picture(seq, view.FULL) for seq in pulled}
    previews = {seq: client.picture(seq, view.PREVIEW).pixels for seq in sampled}
    sources = {}
    for done, seq in enumerate(seqs):
        progress("pulling sources to compare with", done, len(seqs))
        sources[seq] = client.picture(seq, view.SOURCE).pixels
    return Seen(results, stored, sources, previews, full)


def of_one_size(frames: Sequence[control_pb2.StoredFrame]) -> dict[int, control_pb2.StoredFrame]:
    """Return the frames of the commonest size, by seq: a video has one, a directory may have many."""
    ((size, _),) = Counter((frame.width, frame.height) for frame in frames).most_common(1)
    return {frame.frame.seq: frame for frame in frames if (frame.width, frame.height) == size}


def _spread_out(seqs: Sequence[int], count: int) -> list[int]:
    """Take at most `count` of `seqs`, evenly, from the middle of each stretch."""
    count = min(count, len(seqs))
    return [seqs[(2 * i + 1) * len(seqs) // (2 * count)] for i in range(count)]


def _base_report(
    seen: Seen, ordered: Sequence[Pixels], options: DemoOptions, progress: Progress
) -> LayerReport:
    quality = {seq: psnr_db(picture, seen.sources[seq]) for seq, picture in seen.previews.items()}
    progress("asking the peers, preview quality", 0, 0)
    peers = peer_costs(
        ordered, options.frames_per_second, [seen.sources[seq] for seq in quality], list(quality.values())
    )
    size = fmean(frame.base_bytes for frame in seen.stored.values())
    return LayerReport("base (preview)", len(seen.stored), size, fmean(quality.values()), tuple(peers))


def _full_report(
    seen: Seen, ordered: Sequence[Pixels], options: DemoOptions, progress: Progress
) -> LayerReport:
    quality = {seq: psnr_db(picture.pixels, seen.sources[seq]) for seq, picture in seen.full.items()}
    progress("asking the peers, full quality", 0, 0)
    peers = peer_costs(
        ordered, options.frames_per_second, [seen.sources[seq] for seq in quality], list(quality.values())
    )
    size = fmean(sum(picture.layer_bytes.values()) for picture in seen.full.values())
    return LayerReport("base + enhancement", len(seen.full), size, fmean(quality.values()), tuple(peers))


def _write_pictures(options: DemoOptions, seen: Seen, progress: Progress) -> tuple[str, ...]:
    """Write the annotated frames, the comparison, the contact sheet and the video; return their names."""
    progress("drawing", 0, 0)
    shown = {seq: view.detections(result, SCORE_SHOWN_MIN) for seq, result in seen.results.items()}
    drawn = {seq: annotate(pixels, shown[seq]) for seq, pixels in seen.sources.items()}
    busiest = max(seen.full, key=lambda seq: sum(d.score for d in shown[seq]))
    for index, seq in enumerate(seen.full):
        drawn[seq].save(options.output / f"frame-{index + 1}.png")
    _comparison(seen, busiest).save(options.output / "comparison.png")
    cells = [
        captioned(drawn[seq], f"frame {seq}: latents of {seen.stored[seq].base_bytes:,} bytes")
        for seq in seen.previews
    ]
    grid(cells, columns=3).save(options.output / "contact-sheet.jpg", quality=88)
    write_video(
        options.output / "annotated.mp4", [drawn[seq] for seq in sorted(drawn)], options.frames_per_second
    )
    frames = [f"frame-{index + 1}.png" for index in range(len(seen.full))]
    return (*frames, "comparison.png", "contact-sheet.jpg", "annotated.mp4")


def _comparison(seen: Seen, seq: int) -> Image.Image:
    """Put one frame's source, full picture and preview side by side, with their cost."""
    source, full = seen.sources[seq], seen.full[seq]
    preview = seen.previews[seq]
    base_bytes = full.layer_bytes[view.BASE_LAYER]
    total_bytes = sum(full.layer_bytes.values())
    cells = [
        captioned(Image.fromarray(source), "source, as the edge keeps it"),
        captioned(
            Image.fromarray(full.pixels),
            f"pulled in full: {total_bytes:,} bytes, {psnr_db(full.pixels, source):.1f} dB",
        ),
        captioned(
            Image.fromarray(preview),
            f"preview, of the latents: {base_bytes:,} bytes, {psnr_db(preview, source):.1f} dB",
        ),
    ]
    return grid(cells, columns=3 if source.shape[0] > source.shape[1] else 1)


def _report(
    options: DemoOptions,
    seen: Seen,
    layers: tuple[LayerReport, ...],
    pictures: tuple[str, ...],
    run_seconds: float,
) -> DemoReport:
    chains = [seen.results[seq].latency for seq in sorted(seen.results)]
    stages = {
        "encode": Spread.of([chain.encode_us / 1e3 for chain in chains]),
        "uplink": Spread.of([chain.uplink_us / 1e3 for chain in chains]),
        "store": Spread.of([chain.store_us / 1e3 for chain in chains]),
        "queue": Spread.of([chain.queue_us / 1e3 for chain in chains]),
        "decode": Spread.of([chain.decode_us / 1e3 for chain in chains]),
        "detect": Spread.of([chain.path_us / 1e3 for chain in chains]),
    }
    found = Counter(
        d.label for result in seen.results.values() for d in view.detections(result, SCORE_SHOWN_MIN)
    )
    any_frame = next(iter(seen.stored.values()))
    return DemoReport(
        clip=options.source.name,
        frame_width=any_frame.width,
        frame_height=any_frame.height,
        frames=len(seen.stored),
        frames_per_second=options.frames_per_second,
        run_seconds=run_seconds,
        kbit_per_second=layers[0].bytes_per_frame * 8 * options.frames_per_second / 1000,
        layers=layers,
        stages=stages,
        end_to_end=Spread.of([chain.total_us / 1e3 for chain in chains]),
        clock_uncertainty_ms=_clock_uncertainty_ms(chains),
        detections=dict(found),
        pictures=pictures,
    )


def _clock_uncertainty_ms(chains: Sequence[control_pb2.LatencyChain]) -> float | None:
    """Return the worst of the frames whose stream had compared clocks by then; None if none had."""
    known = [us for chain in chains if (us := chain.uplink_uncertainty_us) < UNCERTAINTY_UNKNOWN_US]
    return max(known) / 1e3 if known else None
