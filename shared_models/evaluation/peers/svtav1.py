"""AV1 intra pictures through SVT-AV1, decoded by dav1d."""

import os

from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.peers.intra import IntraCodec, unless_missing


def svtav1() -> IntraCodec | Missing:
    """Preset 4 in the encoder's still-picture mode, one thread."""
    os.environ.setdefault("SVT_LOG", "0")  # it would report its configuration for every picture
    return unless_missing(
        IntraCodec(
            name="svtav1",
            encoder="libsvtav1",
            decoder="libdav1d",
            options={"preset": "4", "svtav1-params": "lp=1:avif=1"},
            qualities=(63, 58, 52, 46, 40, 34, 28),
            crf_max=63,
            side_min=64,
        )
    )
