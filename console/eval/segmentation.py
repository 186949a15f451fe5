"""`slimstream eval segmentation`: bytes against what a segmenter still finds."""

from pathlib import Path
from typing import Annotated

import typer

from console.eval import options
from console.eval.outputs import Outputs
from console.options import Model
from shared_models.packages.registry import DEFAULT_PACKAGE


def segmentation(
    *,
    images: Annotated[Path, typer.Option(metavar="DIR", help="The pictures.")],
    labels: Annotated[
        Path,
        typer.Option(
            metavar="DIR", help="Their labels: PNGs of the same names and sizes, one class index a pixel."
        ),
    ],
    classes: Annotated[
        Path,
        typer.Option(
            metavar="MAP.json",
            help="The names of the labels' classes, and which of them each class of the segmenter is.",
        ),
    ],
    segmenter: Annotated[
        Path, typer.Option(metavar="ONNX", help="The segmenter that looks at decoded pixels.")
    ],
    path: Annotated[
        list[str] | None, options.bridge_into("segmenter", "Without one, ours cannot be measured.")
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
    """Measure bytes against what a segmenter still finds.

    Figures: mean intersection over union of the classes that occur in the labels, the share of labelled
    pixels that are right, agreement with the segmenter on uncompressed pixels, bytes at 90, 95 and 97 % of
    the mIoU on pixels, BD-rate and BD-accuracy of ours against each peer. A class map looks like
    docs/guide/camvid-from-cityscapes.json.

    Examples:
      slimstream eval segmentation --images i/ --labels l/ --classes m.json --segmenter s.onnx
      slimstream eval segmentation --images i/ --labels l/ --classes m.json --segmenter s.onnx --path b/
    """
    from shared_models.evaluation.segmenters.run import SegmentationRequest, evaluate_segmentation

    outputs = Outputs(json, plot, table)
    request = SegmentationRequest(
        images=images,
        labels=labels,
        classes=classes,
        segmenter=segmenter,
        sweep=options.sweep_of(codecs, qualities, points, side, limit, model, jobs, cache),
        bridges=tuple(path or ()),
    )
    with options.progress("coding and segmenting") as on_done:
        report = evaluate_segmentation(request, on_done)
    outputs.write(report)
