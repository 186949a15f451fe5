"""The commands of `slimstream eval`."""

import typer

from console.eval.classification import classification
from console.eval.detection import detection
from console.eval.docs import docs
from console.eval.latency import latency
from console.eval.rd import rd
from console.eval.repeat import repeat
from console.eval.segmentation import segmentation
from console.eval.video import video

app = typer.Typer()
app.command("detection")(detection)
app.command("video")(video)
app.command("rd")(rd)
app.command("classification")(classification)
app.command("segmentation")(segmentation)
app.command("latency")(latency)
app.command("repeat")(repeat)
app.command("docs")(docs)


@app.callback()
def evaluate() -> None:
    """Measure codecs on your pictures: bytes against what is still seen.

    Every byte is real (whole files, headers included), every picture is decoded again, and what was
    coded or seen once is kept in a cache, so that an interrupted run goes on where it was.
    """
