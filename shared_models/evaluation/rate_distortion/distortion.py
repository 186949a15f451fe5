"""How far a picture is from its source: PSNR, MS-SSIM and SSIMULACRA2, all on RGB."""

import io
import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared_models.errors import InputError
from shared_models.frames import Pixels, psnr_db

MS_SSIM_SIDE_MIN: Final = 161
"""Five scales under a window of 11 pixels (Wang et al. 2003) need more than (11 − 1) · 2⁴ a side."""
PSNR_DB_MAX: Final = 100.0
"""What equal pictures count as, so that means stay finite."""


@dataclass(frozen=True, slots=True)
class Distortion:
    """One picture against its source; larger is better in all four."""

    psnr_db: float
    """Over all RGB samples, 100 at most."""
    ms_ssim: float
    """Mean of the three channels, up to 1."""
    ms_ssim_db: float
    """-10·log10(1 − MS-SSIM), 100 at most."""
    ssimulacra2: float
    """100 is equal, 90 visually lossless, 70 high, 50 medium, 30 low quality; there is no end below."""


def measure_distortion(picture: Pixels, source: Pixels) -> Distortion:
    """Compare two (H, W, 3) uint8 RGB pictures; raise InputError where a side is too short for MS-SSIM."""
    height, width = source.shape[:2]
    if min(height, width) < MS_SSIM_SIDE_MIN:
        raise InputError(
            f"a picture of {width}×{height} pixels is too small for MS-SSIM; "
            f"give pictures of {MS_SSIM_SIDE_MIN} pixels a side or more"
        )
    similarity = _ms_ssim(picture, source)
    return Distortion(
        psnr_db=min(psnr_db(picture, source), PSNR_DB_MAX),
        ms_ssim=similarity,
        ms_ssim_db=_decibels(similarity),
        ssimulacra2=_ssimulacra2(picture, source),
    )


def _decibels(similarity: float) -> float:
    return PSNR_DB_MAX if similarity >= 1 else min(-10 * math.log10(1 - similarity), PSNR_DB_MAX)


def _ms_ssim(picture: Pixels, source: Pixels) -> float:
    import torch
    from pytorch_msssim import ms_ssim

    def tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
        return torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1).unsqueeze(0)  # (1, 3, H, W)

    with torch.inference_mode():
        return float(ms_ssim(tensor(picture), tensor(source), data_range=255.0))


def _ssimulacra2(picture: Pixels, source: Pixels) -> float:
    from ssimulacra2 import compute_ssimulacra2

    return float(compute_ssimulacra2(_file(source), _file(picture)))


def _file(pixels: Pixels) -> io.BytesIO:
    """Wrap pixels as an uncompressed file, which is what the metric's library reads."""
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "BMP")
    sink.seek(0)
    return sink
