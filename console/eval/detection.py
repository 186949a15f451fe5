"""`slimstream eval detection`: bytes against the accuracy of a detector."""

from pathlib import Path
from typing import Annotated

import typer

from console.eval import options
from console.eval.outputs import Outputs
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
        list[str] | None, options.bridge_into("detector", "The built-in detector is measured anyway.")
    ] = None,
    codecs: options.Codecs = "slim,jpeg,webp,avif",
    qualities: options.Qualities = None,
    points: options.Points = None,
    side: options.Side = LONG_SIDE_PX,
    limit: options.Limit = None,
    model: Model = DEFAULT_PACKAGE,
    jobs: options.Jobs = None,
    cache: options.CacheDirectory = None,
    json: options.JsonFile = None,
    plot: options.PlotFile = None,
    table: options.TableFile = None,
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
    from shared_models.evaluation.detection.choice import DetectionRequest
    from shared_models.evaluation.detection.run import evaluate_detection

    outputs = Outputs(json, plot, table)
    request = DetectionRequest(
        instances=annotations,
        sweep=options.sweep_of(codecs, qualities, points, side, limit, model, jobs, cache),
        images=images,
        detector=detector,
        bridges=tuple(path or ()),
    )
    with options.progress("coding and looking") as on_done:
        report = evaluate_detection(request, on_done)
    outputs.write(report)
