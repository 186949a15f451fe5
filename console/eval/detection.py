"""`slimstream eval detection`: bytes against the accuracy of a detector."""

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
from console.options import LONG_SIDE_PX, Model
from shared_models.packages.registry import DEFAULT_PACKAGE


def detection(
    *,
    images: Annotated[Path, typer.Option(metavar="DIR", help="The pictures.")],
    annotations: Annotated[
        Path, typer.Option(metavar="COCO.json", help="Their boxes: a COCO instances file, classes by name.")
    ],
    detector: Annotated[
        Path | None,
        typer.Option(
            metavar="ONNX",
            help="The detector that looks at decoded pixels: of peers, and of no codec at all.",
        ),
    ] = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BRIDGE",
            help="A bridge from latents into that detector: a directory of `slimstream fit-bridge`, or the "
            "name of a ready-made one; repeat it for several. The built-in detector is measured anyway.",
        ),
    ] = None,
    codecs: Codecs = "slim,jpeg,webp,avif",
    qualities: Qualities = None,
    points: Points = None,
    side: Side = LONG_SIDE_PX,
    limit: Limit = None,
    model: Model = DEFAULT_PACKAGE,
    jobs: Jobs = None,
    cache: CacheDirectory = None,
    json: JsonFile = None,
    plot: PlotFile = None,
    table: TableFile = None,
) -> None:
    """Measure bytes against detection accuracy.

    Peers' pictures are decoded and shown to the detector; ours reach it as latents, through a bridge, or
    the built-in detector. Figures: COCO's mAP and AP50, by group of classes and size of object, with 95 %
    intervals by bootstrap over pictures; bytes at 90, 95 and 97 % of the mAP on uncompressed pixels; BD-rate
    and BD-accuracy of ours against each peer; milliseconds.

    Examples:
      slimstream eval detection --images val/ --annotations val.json
      slimstream eval detection --images val/ --annotations val.json --detector yolox.onnx --path my-bridge/
      slimstream eval detection --images val/ --annotations val.json --detector yolox.onnx --plot out.png
    """
    from shared_models.evaluation.cache import default_directory
    from shared_models.evaluation.detection.choice import DetectionRequest
    from shared_models.evaluation.detection.run import evaluate_detection
    from shared_models.evaluation.peers.catalogue import CodecOptions
    from shared_models.evaluation.workers import cores

    names = split_names(codecs)
    request = DetectionRequest(
        instances=annotations,
        command=typed_command(),
        cache=cache or default_directory(),
        images=images,
        codecs=names,
        qualities=parse_qualities(qualities, names),
        points=points,
        detector=detector,
        bridges=tuple(path or ()),
        side=side,
        limit=limit,
        model=CodecOptions(model),
        jobs=jobs or cores(),
    )
    with progress("coding and looking") as on_done:
        report = evaluate_detection(request, on_done)
    write_outputs(report, json, plot, table)
