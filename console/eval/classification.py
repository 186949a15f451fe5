"""`slimstream eval classification`: bytes against how often a classifier is right."""

from pathlib import Path
from typing import Annotated

import typer

from console.eval import options
from console.eval.outputs import Outputs
from console.options import Model
from shared_models.packages.registry import DEFAULT_PACKAGE


def classification(
    *,
    images: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="The pictures. Without --labels, names of pictures or folders begin with the class.",
        ),
    ],
    classifier: Annotated[
        Path, typer.Option(metavar="ONNX", help="The classifier that looks at decoded pixels.")
    ],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="JSON|CSV",
            help="The class index of each picture: a JSON object {file name: index}, or a CSV of both.",
        ),
    ] = None,
    path: Annotated[
        list[str] | None, options.bridge_into("classifier", "The built-in classifier is measured anyway.")
    ] = None,
    codecs: options.Codecs = "slim,jpeg,webp,avif",
    qualities: options.Qualities = None,
    points: options.Points = None,
    side: options.Side = 0,
    limit: options.Limit = None,
    model: Model = DEFAULT_PACKAGE,
    jobs: options.Jobs = None,
    cache: options.CacheDirectory = None,
    json: options.JsonFile = None,
    plot: options.PlotFile = None,
    table: options.TableFile = None,
) -> None:
    """Measure bytes against how often a classifier is right.

    Figures: top-1 with its 95 % interval, top-5, agreement with the classifier on uncompressed pixels, bytes
    at 90, 95 and 97 % of the top-1 on pixels, BD-rate and BD-accuracy of ours against each peer.

    Examples:
      slimstream eval classification --images val/ --classifier mobilenet.onnx --path my-bridge/
      slimstream eval classification --images val/ --labels val.csv --classifier mobilenet.onnx
    """
    from shared_models.evaluation.classifiers.run import ClassificationRequest, evaluate_classification

    outputs = Outputs(json, plot, table)
    request = ClassificationRequest(
        images=images,
        classifier=classifier,
        sweep=options.sweep_of(codecs, qualities, points, side, limit, model, jobs, cache),
        labels=labels,
        bridges=tuple(path or ()),
    )
    with options.progress("coding and naming") as on_done:
        report = evaluate_classification(request, on_done)
    outputs.write(report)
