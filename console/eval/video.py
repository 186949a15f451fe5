"""`slimstream eval video`: bytes a frame against what a detector still sees, beside video encoders."""

from pathlib import Path
from typing import Annotated

import typer

from console.eval import options
from console.eval.outputs import Outputs
from console.options import LONG_SIDE_PX, Model
from shared_models.packages.registry import DEFAULT_PACKAGE


def video(
    *,
    clip: Annotated[
        Path, typer.Option(metavar="FILE|DIR", help="A video, or a directory of frames in their order.")
    ],
    detector: Annotated[
        Path,
        typer.Option(metavar="ONNX", help="The detector that looks at frames, decoded and uncompressed."),
    ],
    path: Annotated[
        list[str] | None, options.bridge_into("detector", "The built-in detector is measured anyway.")
    ] = None,
    gt: Annotated[
        Path | None,
        typer.Option(
            metavar="COCO.json|gt.txt",
            help="Boxes by frame: COCO (frames by file name, or by `frame_index` from 0), or MOT's gt.txt. "
            "Without it: what the detector itself is sure of on the pixels.",
        ),
    ] = None,
    confident: Annotated[
        float, typer.Option(min=0.05, max=0.95, help="Without --gt: the score from which a box counts.")
    ] = 0.3,
    fps: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="F", help="Take so many frames a second. Without it: all of them."),
    ] = None,
    source_fps: Annotated[
        float | None,
        typer.Option(min=0.01, metavar="F", help="The rate of a directory of frames. Without it: 25."),
    ] = None,
    keyframe_interval: Annotated[
        int,
        typer.Option(min=1, metavar="N", help="Frames from one key frame of a video encoder to the next."),
    ] = 250,
    codecs: Annotated[
        str,
        typer.Option(
            metavar="NAME,…",
            help="Codecs to measure: slim, slim@0.25 (a narrower encoder), x264, x265, svtav1. One that is "
            "not installed is reported as missing.",
        ),
    ] = "slim,x264,x265,svtav1",
    qualities: options.Qualities = None,
    points: options.Points = None,
    side: options.Side = LONG_SIDE_PX,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first frames that are taken.")] = None,
    model: Model = DEFAULT_PACKAGE,
    jobs: options.Jobs = None,
    cache: options.CacheDirectory = None,
    json: options.JsonFile = None,
    plot: options.PlotFile = None,
    table: options.TableFile = None,
) -> None:
    """Measure bytes a frame against what a detector still sees in moving pictures.

    Video encoders run as a camera runs them: low delay, no look-ahead, real-time presets; the report states
    every setting. Their frames are decoded and shown to the detector; ours reach it as latents, through a
    bridge, or the built-in detector. Figures: bytes a frame and kbit/s at the frame rate, AP and AP50
    against labels or against the detector on the pixels, bytes at 50, 80, 90 and 95 % of the AP on pixels,
    BD-rate and BD-accuracy of ours against each encoder.

    Examples:
      slimstream eval video --clip street.mp4 --fps 2 --detector yolox.onnx --path yolox-nano
      slimstream eval video --clip MOT17-09/img1 --gt MOT17-09/gt/gt.txt --source-fps 30 --detector yolox.onnx
      slimstream eval video --clip street.mp4 --detector yolox.onnx --codecs slim,svtav1 --plot out.png
    """
    from shared_models.evaluation.video.clips import ClipChoice
    from shared_models.evaluation.video.request import VideoRequest
    from shared_models.evaluation.video.run import evaluate_video

    outputs = Outputs(json, plot, table)
    request = VideoRequest(
        clip=ClipChoice(clip, fps, source_fps),
        detector=detector,
        sweep=options.sweep_of(codecs, qualities, points, side, limit, model, jobs, cache),
        labels=gt,
        confident=confident,
        bridges=tuple(path or ()),
        keyframe_interval=keyframe_interval,
    )
    with options.progress("coding and looking") as on_done:
        report = evaluate_video(request, on_done)
    outputs.write(report)
