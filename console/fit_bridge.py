"""`slimstream fit-bridge`: from a detector as ONNX and pictures to a path that runs on latents."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from console.options import AsJson, OutputDirectory
from shared_models.errors import InputError
from shared_models.packages.registry import DEFAULT_PACKAGE, open_package

app = typer.Typer()


@app.command()
def fit_bridge(
    *,
    detector: Annotated[
        Path, typer.Option("--model", metavar="ONNX", help="The detector: a YOLOX for COCO's 80 classes.")
    ],
    images: Annotated[
        Path,
        typer.Option(metavar="DIR", help="Photographs to fit on, hundreds or more; no labels needed."),
    ],
    output: OutputDirectory,
    package: Annotated[
        str, typer.Option("--latents", metavar="NAME|PATH", help="Model package whose latents it is for.")
    ] = DEFAULT_PACKAGE,
    minutes: Annotated[
        float, typer.Option(min=0.01, max=10_000, help="How long to fit; more helps for about an hour.")
    ] = 10.0,
    device: Annotated[str, typer.Option(help="`cpu`, or `cuda` where torch has it.")] = "cpu",
    as_json: AsJson = False,
) -> None:
    """Make a vision model of yours run on latents.

    The detector is cut where a single tensor at stride 8 leads from its front to the rest. A small
    network learns to make that tensor from latents; the rest runs unchanged. DIR then holds bridge.onnx,
    tail.onnx and bridge.json, and `slimstream detect --path DIR` uses it. The detector stays yours: its
    licence applies to tail.onnx.

    Examples:
      slimstream fit-bridge --model yolox_nano.onnx --images photos/ -o my-bridge
      slimstream fit-bridge --model yolox_nano.onnx --images photos/ -o my-bridge --minutes 60 --device cuda
    """
    from shared_models.training.bridge_fitting import FitConfig, fit_bridge

    for path in (detector, images):
        if not path.exists():
            raise InputError(f"{path} does not exist")
    opened = open_package(package)
    typer.echo(f"fitting {detector.name} to the latents of {opened.name} for {minutes:g} minutes", err=True)
    report = fit_bridge(opened, detector, images, output, FitConfig(minutes=minutes, device=device))
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        typer.echo(
            f"{report.directory}: {report.model} cut at {report.cut}, fitted on {report.pictures} pictures"
        )
