"""Baseline JPEG through libjpeg-turbo, with the Huffman tables fitted to the picture."""

from PIL import features

from shared_models.evaluation.peers.pillow_codec import PillowCodec


def jpeg() -> PillowCodec:
    """4:2:0, optimised."""
    return PillowCodec(
        name="jpeg",
        format="JPEG",
        library=f"libjpeg-turbo {features.version('libjpeg_turbo')}",
        options={"subsampling": "4:2:0", "optimize": True},
        qualities=(5, 8, 12, 20, 30, 50, 75),
    )
