"""`slimstream eval rd`: bytes against fidelity to the source."""

from pathlib import Path
from typing import Annotated

import typer

from console.eval import options
from console.eval.outputs import Outputs
from console.options import Model
from shared_models.packages.registry import DEFAULT_PACKAGE


def rd(
    *,
    images: Annotated[
        Path, typer.Option(metavar="DIR", help="The pictures: Kodak's, say, as they were published.")
    ],
    codecs: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help="Codecs to measure: slim (the preview, from the base layer), slim-full (both layers), jpeg, "
            "webp, avif, jxl, x264, x265, svtav1, and with the `peers` extra CompressAI's: "
            "bmshj2018-factorized, bmshj2018-hyperprior, mbt2018-mean, mbt2018, cheng2020-anchor, "
            "cheng2020-attn. One that cannot run is reported as missing.",
        ),
    ] = "slim,slim-full,jpeg,webp,avif,jxl",
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
    """Measure bytes against fidelity: PSNR, MS-SSIM and SSIMULACRA2 on RGB.

    Whole files, headers included. Ours is measured twice: the preview that the base layer allows by itself,
    and the full picture, base layer at the model's default quality with the enhancement layer at each
    quality. Figures: means over the pictures, and BD-rate of ours against each peer by each measure.

    Examples:
      slimstream eval rd --images kodak/ --json rd.json --plot rd.png
      slimstream eval rd --images kodak/ --codecs slim-full,avif,mbt2018-mean --qualities avif:20,40,60,80
    """
    from shared_models.evaluation.rate_distortion.run import (
        RateDistortionRequest,
        evaluate_rate_distortion,
    )

    outputs = Outputs(json, plot, table)
    request = RateDistortionRequest(
        images=images,
        sweep=options.sweep_of(codecs, qualities, points, side, limit, model, jobs, cache),
    )
    with options.progress("coding and comparing") as on_done:
        report = evaluate_rate_distortion(request, on_done)
    outputs.write(report)
