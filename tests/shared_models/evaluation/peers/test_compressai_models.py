import sys
from types import ModuleType
from urllib.error import URLError

import numpy as np
import pytest
import torch

from shared_models.errors import InputError
from shared_models.evaluation.peers.codec import Missing
from shared_models.evaluation.peers.compressai_models import (
    QUALITIES,
    CompressaiCodec,
    Network,
    import_compressai,
    open_compressai,
)

pytestmark = pytest.mark.slow  # the library takes many seconds to import


@pytest.fixture(scope="module", autouse=True)
def compressai() -> ModuleType:
    try:
        return import_compressai()
    except ImportError as error:
        pytest.skip(f"CompressAI needs {error.name}")


def untrained(name: str) -> CompressaiCodec:
    library = import_compressai()

    def load(quality: int) -> Network:
        torch.manual_seed(quality)
        return library.zoo.image_models[name](quality=quality, pretrained=False)

    return CompressaiCodec(name, library.__version__, load, (1.0, 2.0))


@pytest.mark.parametrize("name", ["bmshj2018-factorized", "bmshj2018-hyperprior", "mbt2018-mean"])
def test_bytes_alone_give_the_picture_that_the_network_makes(name: str) -> None:
    codec = untrained(name)
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    data = codec.encode(pixels, 2)
    decoded = codec.decode(data, 90, 70)
    assert decoded.shape == pixels.shape
    whole = np.pad(pixels, ((0, 58), (0, 38), (0, 0)), mode="edge")
    x = torch.from_numpy(whole).permute(2, 0, 1).unsqueeze(0) / 255
    with torch.inference_mode():
        coded = codec.network(2).compress(x)
        x_hat = codec.network(2).decompress(coded["strings"], coded["shape"])["x_hat"]
    expected = (x_hat[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).numpy()[:70, :90]
    assert np.array_equal(decoded, expected)
    strings = sum(len(string) for (string,) in coded["strings"])
    assert strings + 1 <= len(data) <= strings + 4  # the quality, and the length of a string


@pytest.mark.parametrize("quality", [0, 9, 1.5])
def test_a_quality_without_a_network_is_refused(quality: float) -> None:
    with pytest.raises(InputError, match="it takes whole numbers from 1 to 8"):
        untrained("bmshj2018-factorized").network(quality)


def test_every_architecture_is_known_to_the_library(compressai: ModuleType) -> None:
    assert set(QUALITIES) <= set(compressai.zoo.image_models)


def test_weights_that_cannot_be_fetched_make_the_codec_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise URLError(OSError(-2, "Name or service not known"))

    monkeypatch.setattr("compressai.zoo.image.load_state_dict_from_url", unreachable)
    found = open_compressai("mbt2018-mean")
    sentence = "the weights of mbt2018-mean 1 cannot be fetched: Name or service not known"
    assert found == Missing(sentence)


def test_a_library_that_is_not_there_makes_the_codec_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "compressai", None)
    found = open_compressai("mbt2018-mean")
    assert isinstance(found, Missing)
    assert "pip install --no-deps compressai" in found.reason


def test_no_placeholder_for_torchvision_stays_behind() -> None:
    assert getattr(sys.modules.get("torchvision"), "__file__", "none") is not None
