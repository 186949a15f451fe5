"""HEVC intra pictures through x265."""

from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.peers.intra import IntraCodec, unless_missing


def x265() -> IntraCodec | Missing:
    """Preset slow; `info=0` keeps x265 from writing its options into the stream."""
    return unless_missing(
        IntraCodec(
            name="x265",
            encoder="libx265",
            decoder="hevc",
            options={
                "preset": "slow",
                "x265-params": "info=0:log-level=none:pools=none:frame-threads=1:keyint=1",
            },
            qualities=(51, 47, 43, 39, 35, 31, 27),
            crf_max=51,
            side_min=32,
        )
    )
