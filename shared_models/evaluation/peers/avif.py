"""AVIF (AV1 intra in a HEIF container) through libavif and libaom."""

from PIL import features

from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.peers.pillow_codec import PillowCodec


def avif() -> PillowCodec | Missing:
    """4:2:0, speed 6; about 300 bytes of a small file are its container."""
    if not features.check("avif"):
        return Missing("this build of Pillow has no AVIF")
    return PillowCodec(
        name="avif",
        format="AVIF",
        library=f"libavif {features.version('avif')} with libaom",
        options={"codec": "aom", "subsampling": "4:2:0", "speed": 6, "max_threads": 1},
        qualities=(0, 5, 10, 20, 30, 40, 55, 75),
    )
