"""WebP (VP8 intra) through libwebp."""

from PIL import features

from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.peers.pillow_codec import PillowCodec


def webp() -> PillowCodec | Missing:
    """Method 6, the one that spends the most time."""
    if not features.check("webp"):
        return Missing("this build of Pillow has no WebP")
    return PillowCodec(
        name="webp",
        format="WEBP",
        library=f"libwebp {features.version('webp')}",
        options={"method": 6},
        qualities=(0, 5, 10, 20, 35, 55, 80),
    )
