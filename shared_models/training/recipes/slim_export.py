"""The float networks that pictures and classes come from, out of their checkpoints, as ONNX files.

Each is compared with its module before it is written. The encoders are exported by `slim_package`, the
detector by `slim_detect`.
"""

from pathlib import Path
from typing import Annotated

import typer

from shared_models.bridges.latent_classifier import load_classifier
from shared_models.codecs.slim.enhancement import load_enhancement
from shared_models.codecs.slim.onnx_parts import (
    classifier_part,
    enhancement_encoder_part,
    export_part,
    full_part,
    preview_part,
)
from shared_models.codecs.slim.preview import load_preview
from shared_models.module_commands import told_in_a_sentence


def export(
    *,
    enhancement: Annotated[Path, typer.Option(help="latest.pt of slim_enhancement.")],
    preview: Annotated[Path, typer.Option(help="latest.pt of slim_preview.")],
    classifier: Annotated[Path, typer.Option(help="latest.pt of slim_classify.")],
    classifier_start: Annotated[
        Path | None, typer.Option(help="latest.pt of slim_classify_tail, to mix some of its weights in.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the .onnx files go: the exports of slim_package.")],
) -> None:
    """Write enh_encoder.onnx, full.onnx, preview.onnx and classify.onnx."""
    full = load_enhancement(enhancement)
    parts = (
        enhancement_encoder_part(full),
        full_part(full),
        preview_part(load_preview(preview)),
        classifier_part(load_classifier(classifier, classifier_start)),
    )
    for part in parts:
        path = export_part(part, folder)
        typer.echo(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    with told_in_a_sentence():
        typer.run(export)
