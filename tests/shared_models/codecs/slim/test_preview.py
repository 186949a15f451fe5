from pathlib import Path

import pytest
import torch

from shared_models.codecs.slim.config import SlimConfig
from shared_models.codecs.slim.preview import DeepPreviewDecoder, load_preview
from shared_models.codecs.slim.transforms import PreviewDecoder
from shared_models.errors import InputError

SMALL = SlimConfig(preview_channels=16)


def test_a_deepened_preview_starts_as_the_one_it_is_given() -> None:
    plain = PreviewDecoder(SMALL).eval()
    y_hat = torch.randn(2, 64, 3, 5)
    with torch.no_grad():
        expected = plain(y_hat)
        actual = DeepPreviewDecoder(SMALL, plain)(y_hat)
    assert actual.shape == (2, 3, 48, 80)
    torch.testing.assert_close(actual, expected)


def test_a_checkpoint_gives_the_decoder_back(tmp_path: Path) -> None:
    trained = DeepPreviewDecoder(SMALL, PreviewDecoder(SMALL)).eval()
    torch.save({"preview": trained.state_dict()}, tmp_path / "latest.pt")
    y_hat = torch.randn(1, 64, 2, 2)
    with torch.no_grad():
        torch.testing.assert_close(load_preview(tmp_path / "latest.pt", SMALL)(y_hat), trained(y_hat))


def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no checkpoint of the preview"):
        load_preview(tmp_path / "absent.pt", SMALL)
