"""`slimstream eval segmentation`: bytes against what a segmenter still finds."""

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
        list[str] | None,
        typer.Option(
            metavar="BRIDGE",
            help="A bridge from latents into that segmenter: a directory of `slimstream fit-bridge`, or the "
            "name of a ready-made one; repeat it for several. Without one, ours cannot be measured.",
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
    """Measure bytes against what a segmenter still finds.

    Figures: mean intersection over union of the classes that occur in the labels, the share of labelled
    pixels that are right, agreement with the segmenter on uncompressed pixels, bytes at 90, 95 and 97 % of
    the mIoU on pixels, BD-rate and BD-accuracy of ours against each peer. A class map looks like
    docs/guide/camvid-from-cityscapes.json.

    Examples:
      slimstream eval segmentation --images i/ --labels l/ --classes m.json --segmenter s.onnx
      slimstream eval segmentation --images i/ --labels l/ --classes m.json --segmenter s.onnx --path b/
    """
    from shared_models.evaluation.cache import default_directory
    from shared_models.evaluation.peers.catalogue import CodecOptions
    from shared_models.evaluation.segmenters.run import SegmentationRequest, evaluate_segmentation
    from shared_models.evaluation.workers import cores

    names = split_names(codecs)
    request = SegmentationRequest(
        images=images,
        labels=labels,
        classes=classes,
        segmenter=segmenter,
        command=typed_command(),
        cache=cache or default_directory(),
        codecs=names,
        qualities=parse_qualities(qualities, names),
        points=points,
        bridges=tuple(path or ()),
        side=side,
        limit=limit,
        model=CodecOptions(model),
        jobs=jobs or cores(),
    )
    with progress("coding and segmenting") as on_done:
        report = evaluate_segmentation(request, on_done)
    write_outputs(report, json, plot, table)
