"""Encoders in int8, beside the float ones."""

from collections.abc import Sequence

import numpy as np

from shared_models.bitstream.packet import quality_code_of
from shared_models.bridges.quantised import quantised
from shared_models.codecs.pictures import to_tensor
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.codecs.slim.layer import Layer
from shared_models.codecs.slim.profile import encoder_part
from shared_models.evaluation.latency.report import Int8Row
from shared_models.frames import Pixels
from shared_models.packages.package import ModelPackage


def int8_encoders(
    package: ModelPackage, widths: Sequence[float], stride: int, pictures: Sequence[Pixels]
) -> dict[str, bytes]:
    """Quantise the encoders of these widths with ranges from `pictures`; raise ModelError."""
    samples = [[to_tensor(picture, stride)] for picture in pictures]
    parts = [encoder_part(width) for width in widths]
    return {part: quantised(package.read(part), samples) for part in parts}


def compare(  # noqa: PLR0917 - two codecs, and what they are compared at
    plain: SlimCodec, other: SlimCodec, layer: Layer, width: float, quality: float, pictures: Sequence[Pixels]
) -> Int8Row:
    """Measure how the symbols of two codecs differ on pictures that fixed nobody's ranges."""
    code, part = quality_code_of(quality), encoder_part(width)
    signal = noise = equal = count = bytes_plain = bytes_other = 0.0
    for picture in pictures:
        x = to_tensor(picture, plain.profile.decoding.base.stride)
        (y,), (y_other,) = plain.network(part).run(x), other.network(part).run(x)
        signal += float(np.square(y, dtype=np.float64).sum())
        noise += float(np.square(y - y_other, dtype=np.float64).sum())
        symbols, symbols_other = layer.quantiser.symbols(y, code), layer.quantiser.symbols(y_other, code)
        equal += float(np.count_nonzero(symbols == symbols_other))
        count += symbols.size
        bytes_plain += len(layer.encode(y, None, code).payload)
        bytes_other += len(layer.encode(y_other, None, code).payload)
    return Int8Row(
        width=width,
        quality=quality,
        latents_snr_db=10 * float(np.log10(signal / noise)) if noise else float("inf"),
        symbol_agreement=equal / count,
        bytes_ratio=bytes_other / bytes_plain,
    )
