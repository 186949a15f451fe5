"""`slimstream eval classification`: bytes against how often a classifier is right."""

from pathlib import Path
from typing import Annotated

import typer

from console.eval.options import (
    CacheDirectory,
    Codecs,
    Jobs,
    JsonFile,
    Limit,
    PlotFile,
    Points,
    Qualities,
    Side,
    TableFile,
    parse_qualities,
    progress,
    split_names,
    typed_command,
    write_outputs,
)
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
        list[str] | None,
        typer.Option(
            metavar="BRIDGE",
            help="A bridge from latents into that classifier: a directory of `slimstream fit-bridge`, or the "
            "name of a ready-made one; repeat it for several. The built-in classifier is measured anyway.",
        ),
    ] = None,
    codecs: Codecs = "slim,jpeg,webp,avif",
    qualities: Qualities = None,
    points: Points = None,
    side: Side = 0,
    limit: Limit = None,
    model: Model = DEFAULT_PACKAGE,
    jobs: Jobs = None,
    cache: CacheDirectory = None,
    json: JsonFile = None,
    plot: PlotFile = None,
    table: TableFile = None,
) -> None:
    """Measure bytes against how often a classifier is right.

    Figures: top-1 with its 95 % interval, top-5, agreement with the classifier on uncompressed pixels, bytes
    at 90, 95 and 97 % of the top-1 on pixels, BD-rate and BD-accuracy of ours against each peer.

    Examples:
      slimstream eval classification --images val/ --classifier mobilenet.onnx --path my-bridge/
      slimstream eval classification --images val/ --labels val.csv --classifier mobilenet.onnx
    """
    from shared_models.evaluation.cache import default_directory
    from shared_models.evaluation.classifiers.run import ClassificationRequest, evaluate_classification
    from shared_models.evaluation.peers.catalogue import CodecOptions
    from shared_models.evaluation.workers import cores

    names = split_names(codecs)
    request = ClassificationRequest(
        images=images,
        classifier=classifier,
        command=typed_command(),
        cache=cache or default_directory(),
        labels=labels,
        codecs=names,
        qualities=parse_qualities(qualities, names),
        points=points,
        bridges=tuple(path or ()),
        side=side,
        limit=limit,
        model=CodecOptions(model),
        jobs=jobs or cores(),
    )
    with progress("coding and naming") as on_done:
        report = evaluate_classification(request, on_done)
    write_outputs(report, json, plot, table)
