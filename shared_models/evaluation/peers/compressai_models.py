"""Learned codecs of CompressAI (Bégaint et al. 2020, arXiv:2011.03029), with their published weights.

CompressAI fetches the weights when a codec is first asked for.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from shared_models.bitstream.cursor import Cursor, varint
from shared_models.codecs.pictures import padded
from shared_models.errors import InputError
from shared_models.evaluation.peers.codec import Missing, PictureCodec
from shared_models.frames import Pixels

if TYPE_CHECKING:
    from torch import Tensor

Network: TypeAlias = Any
"""A model of CompressAI, which has no types."""

QUALITIES: Final = {
    "bmshj2018-factorized": 8,
    "bmshj2018-hyperprior": 8,
    "mbt2018-mean": 8,
    "mbt2018": 8,
    "cheng2020-anchor": 6,
    "cheng2020-attn": 6,
}
"""Architectures with published weights, and how many qualities of each there are."""
_FACTORIZED: Final = "bmshj2018-factorized"
"""The one without a hyperprior: one string, at stride 16."""
_STRIDE: Final = 64
"""Sides are padded to multiples of it, as CompressAI's own evaluation does."""
_INSTALL: Final = "pip install 'slimstream[peers]', then pip install --no-deps compressai==1.2.8"
_PLACEHOLDERS: Final = ("torchvision", "torchvision.transforms")
"""What CompressAI imports for its data augmentation only."""


@dataclass(frozen=True, slots=True)
class CompressaiCodec:
    """One architecture; each quality, from 1 (fewest bytes), is a network of its own.

    The bytes are a byte for the quality and the entropy coder's strings, each but the last with its length in
    front. The receiver knows a picture's size.
    """

    name: str
    version: str
    load: Callable[[int], Network]
    """Makes the network of a quality; may raise OSError, since it fetches weights."""
    qualities: tuple[float, ...]
    quality_name: str = "quality"
    _networks: dict[int, Network] = field(default_factory=dict, compare=False, repr=False)

    @property
    def settings(self) -> str:
        """Name CompressAI, the architecture and what its weights were trained for."""
        return f"CompressAI {self.version}, {self.name}, weights for MSE; strings with their lengths"

    def network(self, quality: float) -> Network:
        """Return the network of a quality, loaded once; raise InputError where there is none."""
        number = int(quality)
        if quality != number or not 1 <= number <= QUALITIES[self.name]:
            raise InputError(
                f"{self.name} has no quality {quality:g}; it takes whole numbers from 1 to "
                f"{QUALITIES[self.name]}"
            )
        if number not in self._networks:
            try:
                network = self.load(number).eval()
            except OSError as error:
                raise InputError(
                    f"the weights of {self.name} {number} cannot be fetched: {_reason(error)}"
                ) from None
            network.update()  # the tables of the entropy coder
            self._networks[number] = network
        return self._networks[number]

    def encode(self, pixels: Pixels, quality: float) -> bytes:
        """Return the coded picture; raise InputError for a quality there is no network for."""
        import torch

        with torch.inference_mode():
            coded = self.network(quality).compress(_tensor(pixels))
        *sized, last = [string for (string,) in coded["strings"]]
        return b"".join([bytes([int(quality)]), *(varint(len(string)) + string for string in sized), last])

    def decode(self, data: bytes, width: int, height: int) -> Pixels:
        """Return the picture of `width` × `height` pixels."""
        import torch

        cursor = Cursor(data)
        network = self.network(cursor.uint(1, "the quality"))
        strings = []
        if self.name != _FACTORIZED:
            strings.append([bytes(cursor.take(cursor.varint("a length"), "a string"))])
        strings.append([bytes(cursor.take(cursor.left, "a string"))])
        stride = 16 if self.name == _FACTORIZED else _STRIDE
        shape = [padded(side, _STRIDE) // stride for side in (height, width)]
        with torch.inference_mode():
            x_hat = network.decompress(strings, shape)["x_hat"]
            rounded = x_hat[0, :, :height, :width].clamp(0, 1).mul(255).round().to(torch.uint8)
        return np.ascontiguousarray(rounded.permute(1, 2, 0).numpy())


def _tensor(pixels: Pixels) -> "Tensor":
    """(H, W, 3) uint8 -> (1, 3, H', W') in [0, 1], continued by its edge to multiples of the stride."""
    import torch

    below, right = (padded(side, _STRIDE) - side for side in pixels.shape[:2])
    whole = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
    return torch.from_numpy(whole).permute(2, 0, 1).unsqueeze(0).float() / 255


def open_compressai(name: str) -> CompressaiCodec | Missing:
    """Return a codec whose first weights are here, or why it cannot run."""
    try:
        compressai = import_compressai()
    except ImportError as missing:
        return Missing(f"CompressAI needs {missing.name}; {_INSTALL}")

    def load(quality: int) -> Network:
        return compressai.zoo.image_models[name](quality=quality, metric="mse", pretrained=True)

    qualities = tuple(float(quality) for quality in range(1, QUALITIES[name] + 1))
    codec = CompressaiCodec(name, compressai.__version__, load, qualities)
    try:
        codec.network(1)
    except InputError as error:
        return Missing(str(error))
    return codec


COMPRESSAI: Final[Mapping[str, Callable[[], PictureCodec | Missing]]] = {
    name: partial(open_compressai, name) for name in QUALITIES
}


def import_compressai() -> ModuleType:
    """Import CompressAI; raise ImportError. Empty modules stand in for an absent torchvision meanwhile."""
    if importlib.util.find_spec("torchvision"):
        return importlib.import_module("compressai")
    placed = {name: ModuleType(name) for name in _PLACEHOLDERS}
    placed["torchvision"].transforms = placed["torchvision.transforms"]  # type: ignore[attr-defined]
    sys.modules.update(placed)
    try:
        return importlib.import_module("compressai")
    finally:
        for name in placed:
            sys.modules.pop(name, None)


def _reason(error: OSError) -> str:
    cause = getattr(error, "reason", error)  # URLError wraps what went wrong
    return str(getattr(cause, "strerror", None) or cause)
