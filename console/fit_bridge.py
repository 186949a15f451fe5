"""`slimstream fit-bridge`: from any vision model as ONNX and pictures to a path that runs on latents."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from console.options import LONG_SIDE_PX, AsJson, Threads
from shared_models.errors import InputError
from shared_models.packages.registry import DEFAULT_PACKAGE, open_package

if TYPE_CHECKING:
    from shared_models.evaluation.bridge_agreement import AgreementPoint
    from shared_models.training import bridge_fitting
    from shared_models.training.bridge_plan import BridgePlan

app = typer.Typer()

HELD_OUT_MAX = 100
"""Held-out pictures that the result is measured on: seconds, not minutes."""


@app.command()
def fit_bridge(
    *,
    model_file: Annotated[
        Path, typer.Option("--model", metavar="ONNX", help="A detector, classifier or segmenter of yours.")
    ],
    images: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Photographs to fit on, 16 or more, better thousands; no labels."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="BRIDGE", help="Directory that the bridge goes to.")
    ],
    cut: Annotated[
        list[str] | None,
        typer.Option(metavar="TENSOR", help="Where to cut instead; may be given several times."),
    ] = None,
    minutes: Annotated[
        float,
        typer.Option(
            min=0.01, max=10_000, help="How long to fit; most is learnt in five, and half an hour is enough."
        ),
    ] = 10.0,
    steps: Annotated[
        int | None, typer.Option(min=1, max=10_000_000, help="How many steps to fit, instead of minutes.")
    ] = None,
    long_side: Annotated[
        int,
        typer.Option("--side", min=32, max=4096, metavar="PX", help="Long side at which pictures are coded."),
    ] = LONG_SIDE_PX,
    convention: Annotated[
        str | None,
        typer.Option(
            "--input",
            metavar="CONVENTION",
            help="How the model wants pictures, e.g. 640x640,rgb,0..1,letterbox-centred; else found out.",
        ),
    ] = None,
    layout: Annotated[
        str | None, typer.Option(metavar="NAME", help="How its outputs are read; else recognised.")
    ] = None,
    precision: Annotated[
        str, typer.Option(metavar="int8|fp32", help="Of the written bridge: int8 is three times as fast.")
    ] = "int8",
    package: Annotated[
        str, typer.Option("--latents", metavar="NAME|PATH", help="Model package whose latents it is for.")
    ] = DEFAULT_PACKAGE,
    threads: Threads = 2,
    as_json: AsJson = False,
) -> None:
    """Make a vision model of yours run on latents.

    The model is cut into a front and a tail. A small network learns from photographs to make what the front
    would have made, from latents; the tail runs unchanged. BRIDGE then holds bridge.onnx, pad.npz, tail.onnx
    and bridge.json, and runs at once: `slimstream detect --path BRIDGE` (or `classify`, or `segment`), or in
    the cloud. Ctrl-C ends the fit early with a usable bridge; the same command goes on where it ended
    (BRIDGE.fit holds the checkpoint). The model stays yours: its licence applies to tail.onnx.

    Examples:
      slimstream fit-bridge --model yolox_nano.onnx --images photos/ -o my-bridge
      slimstream fit-bridge --model yolov8n.onnx --images photos/ --minutes 60 --side 640 -o my-bridge
      slimstream fit-bridge --model yolo11n.pt --images photos/ -o my-bridge
    """
    import torch

    from shared_models.bridges.ultralytics_model import exported_once, is_ultralytics
    from shared_models.tasks.convention_text import parse_convention
    from shared_models.training.bridge_fitting import fit_bridge as fit
    from shared_models.training.bridge_plan import BridgePlan, FitConfig

    if is_ultralytics(model_file):
        target = output.with_name(f"{output.name}.{model_file.stem}.onnx")
        model_file = exported_once(model_file, target, long_side)
    if not model_file.is_file():
        raise InputError(f"{model_file} does not exist; give an ONNX file, or an Ultralytics checkpoint")
    if precision not in ("int8", "fp32"):
        raise InputError(f"there is no precision {precision!r}; it is int8 or fp32")
    config = FitConfig(
        minutes=minutes,
        steps=steps,
        long_side_px=long_side,
        cut=tuple(cut or ()),
        convention=parse_convention(convention) if convention else None,
        layout=layout,
        is_int8=precision == "int8",
        threads=threads,
    )
    torch.set_num_threads(threads)
    plan = BridgePlan.open(open_package(package), model_file, images, config)
    _describe(plan)
    with _reporting() as report:
        fitted = fit(plan, output, report)
    points, metric = _judge(plan, output)
    if as_json:
        typer.echo(json.dumps(asdict(fitted) | {"metric": metric, "points": [asdict(p) for p in points]}))
    else:
        _print(fitted, points, metric)


def _describe(plan: "BridgePlan") -> None:
    """Say on stderr what the model is taken for, where it can be cut, and where it will be."""
    typer.echo(f"{plan.pixel}", err=True)
    for candidate in plan.graph.candidates:
        mark = "→" if candidate == plan.cut else " "
        typer.echo(f"{mark} {candidate}", err=True)
    if plan.cut not in plan.graph.candidates:
        typer.echo(f"→ {plan.cut}", err=True)
    split = plan.pictures.split()
    typer.echo(f"fitting on {len(split.fitted)} pictures, {len(split.held_out)} held out", err=True)


@contextmanager
def _reporting() -> "Iterator[bridge_fitting.Report]":
    """Show how far a fit is: a bar on a terminal, and a line for each figure."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console, transient=True
    )
    with bar:
        task = bar.add_task("fitting", total=1.0)

        def report(progress: "bridge_fitting.Progress") -> None:
            bar.update(task, completed=progress.share)
            bar.print(
                f"step {progress.step}, {progress.trained_s:.0f} s, held-out errors: "
                f"cut {progress.cut:.3f}, deeper {progress.levels:.3f}, outputs {progress.outputs:.3f}",
                highlight=False,
            )

        yield report


def _judge(plan: "BridgePlan", output: Path) -> "tuple[list[AgreementPoint], str]":
    """Measure what was written, on pictures that nothing was fitted to."""
    from shared_models.evaluation.bridge_agreement import METRICS, agreement
    from shared_models.tasks.bridged import open_bridge

    bridged = open_bridge(output, plan.codec.fingerprint, plan.codec.backend)
    points = agreement(bridged, plan.pixel, plan.codec, plan.held_out(HELD_OUT_MAX))
    return points, METRICS[bridged.task]


def _print(fitted: "bridge_fitting.FitReport", points: "list[AgreementPoint]", metric: str) -> None:
    unreadable = f", {fitted.unreadable} could not be read" if fitted.unreadable else ""
    typer.echo(
        f"{fitted.directory}: {fitted.model} cut at {', '.join(fitted.cut)}; "
        f"{fitted.steps} steps on {fitted.pictures} pictures{unreadable}"
    )
    typer.echo(f"on held-out pictures: {metric}")
    for point in points:
        typer.echo(
            f"  quality {point.quality:g}: {point.bytes_mean:.0f} bytes a picture, {point.agreement:.3f}"
        )
