"""The commands of `slimstream eval`."""

import typer

from console.eval.detection import detection

app = typer.Typer()
app.command("detection")(detection)


@app.callback()
def evaluate() -> None:
    """Measure codecs on your pictures: bytes against what is still seen.

    Every byte is real (whole files, headers included), every picture is decoded again, and what was
    coded or seen once is kept in a cache, so that an interrupted run goes on where it was.
    """
