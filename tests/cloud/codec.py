"""Real packets for tests: made by a codec from the package that needs no training."""

import numpy as np

from shared_models.codecs.codec import CodedLayer
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage


def picture(seed: int, height: int = 48, width: int = 64) -> Pixels:
    """A smooth picture that differs from seed to seed."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [
        127 + 100 * np.sin(rows / (5 + plane) + seed) * np.cos(columns / (7 + plane)) for plane in range(3)
    ]
    return np.stack(planes, axis=-1).astype(np.uint8)


class TestCodec:
    """Codes pictures into base and enhancement layers."""

    __test__ = False

    def __init__(self, package: ModelPackage) -> None:
        self._codec = SlimCodec.load(package)

    def base(self, seed: int) -> CodedLayer:
        return self._codec.encode_base(picture(seed), quality=50, width=self._codec.widths[0])

    def enhancement(self, seed: int, base: CodedLayer, seq: int, quality: float = 60) -> CodedLayer:
        return self._codec.encode_enhancement(picture(seed), base, quality=quality, seq=seq)
