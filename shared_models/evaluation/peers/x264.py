"""H.264 intra pictures through x264."""

from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.peers.intra import IntraCodec, unless_missing

SEI = "6"  # x264 writes some 690 bytes about itself into an SEI message


def x264() -> IntraCodec | Missing:
    """Preset slow, no tune."""
    return unless_missing(
        IntraCodec(
            name="x264",
            encoder="libx264",
            decoder="h264",
            options={"preset": "slow"},
            qualities=(51, 46, 42, 38, 34, 30, 26),
            crf_max=51,
            removed_units=SEI,
        )
    )
