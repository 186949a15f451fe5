"""`slimstream eval latency`: what a frame costs in time, arithmetic and memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from console.eval.options import (
    JsonFile,
    Limit,
    PlotFile,
    Side,
    TableFile,
    typed_command,
)
from console.eval.outputs import Outputs
from console.options import LONG_SIDE_PX, Model
from shared_models.packages.registry import DEFAULT_PACKAGE


def latency(
    *,
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="WxH", help="Size of the frames; repeat it for several. Without it: 640x480."),
    ] = None,
    widths: Annotated[
        str | None, typer.Option(metavar="W,…", help="Widths of the encoder. Without it: all there are.")
    ] = None,
    qualities: Annotated[
        str | None, typer.Option(metavar="Q,…", help="Qualities. Without it: the model's default.")
    ] = None,
    backends: Annotated[
        str, typer.Option(metavar="NAME,…", help="What encoders run in: fp32, int8.")
    ] = "fp32,int8",
    threads: Annotated[
        str, typer.Option(metavar="N,…", help="Threads of the networks, measured one after the other.")
    ] = "1",
    frames: Annotated[int, typer.Option(min=1, max=64, help="Different frames.")] = 4,
    rounds: Annotated[
        int, typer.Option(min=1, max=1000, help="How often everything takes its turn on every frame.")
    ] = 5,
    source: Annotated[
        Path | None,
        typer.Option(
            metavar="CLIP", help="A video or a directory of frames. Without it: a synthetic moving scene."
        ),
    ] = None,
    path: Annotated[
        str | None,
        typer.Option(
            metavar="BRIDGE",
            help="A bridge to measure, beside the built-in detector: a directory of `slimstream fit-bridge`, "
            "or the name of a ready-made one.",
        ),
    ] = None,
    detector: Annotated[
        Path | None,
        typer.Option(
            metavar="ONNX",
            help="The whole detector, which looks at decoded JPEG files: what the bridge is compared with.",
        ),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Pictures that fix the ranges of int8 encoders. Without it: frames before those measured.",
        ),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            metavar="COCO.json",
            help="Labels of pictures on which int8 encoders are judged by mAP, too: through --path, else "
            "the built-in detector.",
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Those pictures. Without it: beside their labels.")
    ] = None,
    side: Side = LONG_SIDE_PX,
    limit: Limit = None,
    memory: Annotated[
        bool, typer.Option(help="Measure resident memory, too: a process for each backend and width.")
    ] = True,
    model: Model = DEFAULT_PACKAGE,
    json: JsonFile = None,
    plot: PlotFile = None,
    table: TableFile = None,
) -> None:
    """Measure milliseconds, arithmetic and memory, stage by stage.

    The machine's peak comes first: arithmetic in fp32 and int8, traffic with memory and cache. Then every
    stage takes turns with every other, and with JPEG, x264 and SVT-AV1 on the same frames, so that noise
    favours none. Each stage is reported as best and median time, as a share of the peak and beside its
    roofline; int8 encoders also by how many of their symbols the float ones choose, too.

    Examples:
      slimstream eval latency
      slimstream eval latency --size 640x480 --size 1280x720 --widths 0.25,1 --threads 1,2 --plot out.png
      slimstream eval latency --source clip.mp4 --size 416x312 --path yolox-nano --detector yolox.onnx
    """
    from shared_models.evaluation.latency.evaluation import evaluate_latency
    from shared_models.evaluation.latency.request import Labels, LatencyRequest, parse_numbers, parse_size
    from shared_models.tasks.ready_made import find_bridge

    outputs = Outputs(json, plot, table)
    request = LatencyRequest(
        command=typed_command(),
        model=model,
        sizes=tuple(map(parse_size, size or ["640x480"])),
        widths=parse_numbers(widths, "width") if widths else (),
        qualities=parse_numbers(qualities, "quality") if qualities else (),
        backends=tuple(backends.split(",")),
        threads=tuple(int(number) for number in parse_numbers(threads, "number of threads")),
        frames=frames,
        rounds=rounds,
        source=source,
        bridge=find_bridge(path) if path else None,
        detector=detector,
        calibration=calibrate,
        labels=Labels(annotations, images, limit, side) if annotations else None,
        measures_memory=memory,
    )
    with _steps() as on_step:
        report = evaluate_latency(request, on_step)
    outputs.write(report)


@contextmanager
def _steps() -> Iterator[Callable[[str, int, int], None]]:
    """Show what is being measured, on stderr where that is a terminal."""
    console = Console(stderr=True)
    with console.status("starting") as status:
        yield lambda what, done, of: status.update(f"{what}, {done} of {of}")
