from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from shared_models.codecs.slim.enhancement import SlimEnhancement, load_enhancement, log_gain_table
from shared_models.codecs.slim.enhancement_config import EnhancementConfig
from shared_models.errors import InputError

SMALL = EnhancementConfig(context_hidden=16, refine_hidden=8, refine_blocks=1)


def picture(height: int = 32, width: int = 48) -> torch.Tensor:
    """Make a smooth picture with one edge, (1, 3, H, W)."""
    row, column = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    x = torch.stack([0.2 + 0.6 * row, 0.9 - 0.5 * column, 0.5 + 0.3 * (row - column)])
    x[:, :, width // 3 :] *= 0.7
    return x.unsqueeze(0)


@torch.no_grad()
def psnr(model: SlimEnhancement, x: torch.Tensor, quality: float) -> float:
    gain = model.gains(torch.tensor([quality]))
    symbols = model.symbols(model.analysis(x), gain)
    y_hat = torch.randn(1, 64, x.shape[2] // 16, x.shape[3] // 16)
    return -10 * float((model.reconstruct(y_hat, symbols, gain) - x).square().mean().log10())


def test_an_untrained_layer_is_plain_dct_coding_whatever_the_base_says() -> None:
    model, x = SlimEnhancement(SMALL), picture()
    with torch.no_grad():
        gain = model.gains(torch.tensor([70.0]))
        symbols = model.symbols(model.analysis(x), gain)
        expected = model.decoder.transform(symbols / gain)
        actual = model.reconstruct(torch.randn(1, 64, 2, 3), symbols, gain)
    assert symbols.shape == (1, 192, 4, 6)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)


def test_more_quality_gives_a_better_picture() -> None:
    model, x = SlimEnhancement(SMALL), picture()
    measured = [psnr(model, x, quality) for quality in (0.0, 33.3, 66.6, 100.0)]
    assert measured == sorted(measured)
    assert measured[-1] > 38


def test_steps_run_geometrically_from_coarse_to_fine() -> None:
    step = 255 * (-log_gain_table(SMALL)).exp()
    assert step.shape == (101, 192)
    torch.testing.assert_close(step[0], torch.full((192,), 64.0))
    torch.testing.assert_close(step[100], torch.full((192,), 9.0))
    torch.testing.assert_close(step[50], torch.full((192,), 24.0))


@given(quality=st.floats(0, 100))
def test_gains_between_whole_qualities_lie_on_the_line_of_their_logarithms(quality: float) -> None:
    gain = SlimEnhancement(SMALL).gains(torch.tensor([quality]))
    expected = 255 / (64 * (9 / 64) ** (quality / 100))
    torch.testing.assert_close(gain.flatten(), torch.full((192,), expected), rtol=1e-4, atol=0)


def test_the_dead_zone_rounds_towards_zero_and_spares_the_means() -> None:
    model = SlimEnhancement(SMALL)
    e = torch.zeros(1, 192, 1, 1)
    e[:, 0], e[:, 3:7, 0, 0] = 0.6, torch.tensor([0.6, -0.6, 0.7, -1.7])
    symbols = model.symbols(e, torch.ones(1, 192, 1, 1))
    assert symbols[0, 0, 0, 0] == 1
    assert symbols[0, 3:7, 0, 0].tolist() == [0, 0, 1, -2]


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    torch.save({"something": 1}, tmp_path / "latest.pt")
    with pytest.raises(InputError, match="no checkpoint of the enhancement layer"):
        load_enhancement(tmp_path / "latest.pt")
