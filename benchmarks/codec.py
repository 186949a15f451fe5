"""Milliseconds and bytes of every step of the built-in codec, and JPEG's beside them in the same run."""

import argparse
import io
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TypeVar

import numpy as np
from PIL import Image

from shared_models.bitstream.limits import Limits
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.frames import Pixels
from shared_models.packages.registry import builtin_package
from shared_models.tasks.classifier import LatentClassifier
from shared_models.tasks.detector import LatentDetector

T = TypeVar("T")


def timed(what: str, repeats: int, function: Callable[[], T]) -> T:
    """Print the median time of `function` after one call to warm up; return its last result."""
    result = function()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - began)
    print(f"{what:28} {1000 * median(times):9.2f} ms")
    return result


def picture(width: int, height: int) -> Pixels:
    """Make something as hard to code as a photograph: waves, edges and a little noise."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:height, 0:width]
    waves = sum(np.sin(x / a + b) * np.cos(y / c) for a, b, c in random.uniform(4, 80, (6, 3)))
    planes = np.stack([waves * 25 + 128 + 30 * (x // 90 % 2), waves * 20 + 120, 140 - waves * 15], axis=2)
    return np.clip(planes + random.normal(0, 3, planes.shape), 0, 255).astype(np.uint8)


def jpeg(pixels: Pixels) -> bytes:
    """Code a picture as JPEG, quality 75."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def main() -> None:
    """Measure; see --help."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="640x480", help="of the picture, WxH")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    width, height = map(int, arguments.size.split("x"))
    package, options = builtin_package(), BackendOptions(threads=arguments.threads)
    codec, pixels, limits = SlimCodec.load(package, backend=options), picture(width, height), Limits()
    print(
        f"{package.name}, {arguments.size}, {arguments.threads} thread(s), median of {arguments.repeats} runs"
    )

    data = timed("JPEG encode", arguments.repeats, lambda: jpeg(pixels))
    for share in codec.widths:
        encode = partial(codec.encode_base, pixels, quality=50, width=share)
        timed(f"encode base, width {share:g}", arguments.repeats, encode)
    base = codec.encode_base(pixels, quality=50, width=codec.widths[-1])
    symbols = timed("decode base", arguments.repeats, lambda: codec.decode_base(base.packet, limits))
    latents = codec.latents(symbols, base.packet.quality_code)
    timed("preview", arguments.repeats, lambda: codec.preview(latents, width, height))
    detector, classifier = LatentDetector(package, options), LatentClassifier(package, options)
    timed("detect", arguments.repeats, lambda: detector.detect(latents, [(width, height)]))
    timed("classify", arguments.repeats, lambda: classifier.classify(latents))
    enhancement = timed(
        "encode enhancement", arguments.repeats, lambda: codec.encode_enhancement(pixels, base, quality=50)
    )
    timed(
        "decode enhancement",
        arguments.repeats,
        lambda: codec.decode_enhancement(enhancement.packet, base, limits),
    )
    timed("full picture", arguments.repeats, lambda: codec.reconstruct(base, enhancement))
    print(
        f"bytes: base {base.packet.payload_bytes}, enhancement {enhancement.packet.payload_bytes}, "
        f"JPEG quality 75 {len(data)}"
    )


if __name__ == "__main__":
    main()
