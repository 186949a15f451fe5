"""`slimstream demo`: the command line of the demo."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

app = typer.Typer()


@app.command()
def demo(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where the pictures go.")] = Path("demo-out"),
    source: Annotated[
        str | None,
        typer.Option(help="A video, a directory of images, a device or a camera's address; else a clip."),
    ] = None,
    fps: Annotated[float, typer.Option(min=0.1, max=60, help="Frames a second to code.")] = 12.5,
    seconds: Annotated[float, typer.Option(min=1, max=600, help="Play at most this long.")] = 12.0,
    long_side: Annotated[int, typer.Option(min=64, max=4096, help="Scale pictures down to this.")] = 640,
    quality: Annotated[float | None, typer.Option(min=0, max=100, help="Quality of the latents.")] = None,
    width: Annotated[float | None, typer.Option(min=0, max=1, help="Encoder width, e.g. 0.25.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures there as JSON.")] = None,
) -> None:
    """Run a real clip through an agent and a cloud on this machine, and show what it cost.

    Agent and cloud are two processes that talk gRPC over loopback. Detection runs on the latents;
    pictures are made only for the frames that the demo pulls afterwards.

    Examples:
      slimstream demo
      slimstream demo --source street.mp4 --quality 30 --json figures.json
      slimstream demo --source rtsp://10.0.0.7/stream1 --seconds 30
    """
    from console.demo.run import DemoOptions, run_demo
    from console.demo.sources import demo_source
    from console.inputs import check_writable, make_directory

    make_directory(output)
    if json_file:
        check_writable(json_file)
    options = DemoOptions(demo_source(source), output, fps, seconds, long_side, quality, width)
    console = Console(stderr=True)
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total or None)

        report = run_demo(options, tell)
    Console().print(report.to_tables())
    typer.echo(f"\n{', '.join(report.pictures)} in {output}/ after {report.run_seconds:.0f} s")
    if json_file:
        json_file.write_text(json.dumps(report.to_json(), indent=2) + "\n")
