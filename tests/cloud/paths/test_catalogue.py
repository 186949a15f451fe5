"""Finding paths: built in, or brought by an installed package."""

from importlib.metadata import EntryPoint, EntryPoints

import pytest

from cloud.paths import catalogue
from cloud.paths.catalogue import path_factory, path_names
from cloud.paths.classify import ClassifyPath
from cloud.paths.detect import DetectPath
from cloud.paths.path import DecodedFrame, LoadedModel
from cloud.paths.preview import PreviewPath
from cloud.paths.reconstruct import ReconstructPath
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.errors import ConfigError, MissingReferenceError
from shared_models.packages.package import ModelPackage
from tests.cloud.codec import TestCodec, picture


class Brought:
    """What a package would bring."""

    name = "brought"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment in which one package brings a path, and another one a broken path."""
    here = __name__
    points = EntryPoints(
        [
            EntryPoint("brought", f"{here}:Brought", catalogue.ENTRY_POINTS),
            EntryPoint("broken", f"{here}:Nothing", catalogue.ENTRY_POINTS),
        ]
    )
    monkeypatch.setattr(catalogue, "entry_points", points.select)


@pytest.mark.usefixtures("installed")
def test_a_path_is_found_among_the_built_in_and_the_installed() -> None:
    assert path_factory("detect") is DetectPath
    assert path_names() == ["broken", "brought", "classify", "detect", "preview", "reconstruct"]


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "sentence"), [("guess", "there are: broken, brought"), ("broken", "cannot be loaded")]
)
def test_a_path_that_is_absent_or_broken_is_a_mistake_of_the_configuration(name: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        path_factory(name)


def test_every_built_in_path_turns_a_batch_into_one_finding_a_frame(dct_package: ModelPackage) -> None:
    decoder = SlimCodec.load(dct_package)
    model = LoadedModel(dct_package, decoder, BackendOptions())
    codec = TestCodec(dct_package)
    bases = [codec.base(seed) for seed in range(3)]
    batch = [
        DecodedFrame(
            base=base,
            latents=decoder.latents(base.symbols, base.packet.quality_code),
            enhancement=codec.enhancement(seed, base, seq=0),
        )
        for seed, base in enumerate(bases)
    ]
    assert [len(found.classifications) for found in ClassifyPath(model).run(batch)] == [5, 5, 5]
    assert len(DetectPath(model).run(batch)) == 3
    for path in (PreviewPath(model), ReconstructPath(model)):
        pictures = [found.picture for found in path.run(batch)]
        assert all(made is not None and made.shape == picture(0).shape for made in pictures)
    with pytest.raises(MissingReferenceError):
        ReconstructPath(model).run([DecodedFrame(batch[0].base, batch[0].latents)])
