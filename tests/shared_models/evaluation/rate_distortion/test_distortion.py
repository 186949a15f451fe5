import numpy as np
import pytest

pytest.importorskip("pytorch_msssim")
pytest.importorskip("ssimulacra2")

from shared_models.errors import InputError
from shared_models.evaluation.rate_distortion.distortion import PSNR_DB_MAX, measure_distortion
from shared_models.frames import Pixels


def picture(seed: int = 0) -> Pixels:
    rough = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return np.kron(rough, np.ones((16, 16, 1), np.uint8))


def test_equal_pictures_have_the_best_figures_and_all_are_finite() -> None:
    found = measure_distortion(picture(), picture())
    assert found.psnr_db == found.ms_ssim_db == PSNR_DB_MAX
    assert found.ms_ssim == pytest.approx(1)
    assert found.ssimulacra2 == 100


def test_more_noise_is_worse_in_every_figure() -> None:
    source = picture()
    noise = np.random.default_rng(1).normal(size=source.shape)
    light, heavy = (
        measure_distortion(np.clip(source + s * noise, 0, 255).astype(np.uint8), source) for s in (3, 30)
    )
    assert light.psnr_db > heavy.psnr_db
    assert light.ms_ssim > heavy.ms_ssim
    assert light.ms_ssim_db > heavy.ms_ssim_db
    assert light.ssimulacra2 > heavy.ssimulacra2


def test_a_picture_too_small_for_five_scales_is_refused() -> None:
    with pytest.raises(InputError, match="160×170 pixels is too small for MS-SSIM"):
        measure_distortion(np.zeros((170, 160, 3), np.uint8), np.zeros((170, 160, 3), np.uint8))
