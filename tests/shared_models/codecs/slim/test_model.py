from pathlib import Path

import pytest
import torch

from shared_models.codecs.slim.model import SlimModel, load_slim_base
from shared_models.codecs.slim.narrow_encoder import NarrowEncoder
from shared_models.errors import InputError


@pytest.fixture(scope="module")
def model() -> SlimModel:
    torch.manual_seed(0)
    model = SlimModel()
    for parameter in model.encoder.parameters():  # residual branches start at zero; let them speak
        torch.nn.init.normal_(parameter, std=0.05)
    return model.eval()


def test_every_width_emits_the_same_latent_space(model: SlimModel) -> None:
    x = torch.rand(1, 3, 32, 48)
    shapes = {tuple(model.latents(x, width).shape) for width in range(model.config.widths)}
    assert shapes == {(1, 64, 2, 3)}


@torch.no_grad()
@pytest.mark.parametrize("width", range(4))
def test_a_width_taken_out_computes_what_the_slimmable_encoder_does(model: SlimModel, width: int) -> None:
    x = torch.rand(2, 3, 32, 48)
    torch.testing.assert_close(
        NarrowEncoder(model.encoder, width)(x), model.latents(x, width), atol=1e-4, rtol=1e-4
    )


def test_task_latents_are_symbols_over_gains(model: SlimModel) -> None:
    y, quality = torch.randn(2, 64, 3, 4), torch.tensor([10.0, 90.0])
    symbols = model.symbols(y, quality)
    assert (symbols == symbols.round()).all()
    torch.testing.assert_close(model.measure(y, quality).y_hat, symbols / model.gains(quality))


def test_rounding_lets_gradients_through(model: SlimModel) -> None:
    y = torch.randn(1, 64, 2, 2, requires_grad=True)
    model.quantise(y, torch.tensor([50.0])).y_hat.sum().backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(y.grad, torch.ones_like(y))


def test_the_preview_has_the_size_of_the_picture(model: SlimModel) -> None:
    assert model.preview(torch.randn(1, 64, 3, 5)).shape == (1, 3, 48, 80)


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latest.pt"
    torch.save({"something": 1}, path)
    with pytest.raises(InputError, match=r"latest\.pt is not a checkpoint"):
        load_slim_base(path)


def test_a_saved_model_comes_back(model: SlimModel, tmp_path: Path) -> None:
    torch.save({"model": model.state_dict()}, tmp_path / "latest.pt")
    x = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(load_slim_base(tmp_path / "latest.pt").latents(x, 0), model.latents(x, 0))
