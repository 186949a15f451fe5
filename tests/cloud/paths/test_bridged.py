"""Bridges as paths of a worker, under the names that the configuration gives them."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cloud.models import Models
from cloud.paths.catalogue import path_factory
from cloud.paths.path import DecodedFrame, LoadedModel
from shared_models.bitstream.limits import Limits
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.errors import ConfigError, InputError
from shared_models.packages.package import ModelPackage
from tests.cloud.codec import TestCodec
from tests.tiny_bridges import write_tiny_bridge
from tests.tiny_models import CLASSES, write_classifier, write_detector, write_segmenter


@pytest.fixture
def batch(dct_package: ModelPackage) -> list[DecodedFrame]:
    decoder, codec = SlimCodec.load(dct_package), TestCodec(dct_package)
    bases = [codec.base(seed) for seed in range(2)]
    return [DecodedFrame(base, decoder.latents(base.symbols, base.packet.quality_code)) for base in bases]


@pytest.mark.parametrize("write", [write_detector, write_classifier, write_segmenter])
def test_a_bridge_runs_as_a_path_and_names_itself_and_its_model(
    write: Callable[[Path], Path], dct_package: ModelPackage, batch: list[DecodedFrame], tmp_path: Path
) -> None:
    info = write_tiny_bridge(tmp_path, write, dct_package)
    model = LoadedModel(dct_package, SlimCodec.load(dct_package), BackendOptions())
    models = Models([model], ["yard"], Limits(), {"yard": str(tmp_path)})
    path = models.path(dct_package.fingerprint, "yard")
    assert (path.name, path.model) == ("yard", f"tiny@{info.model_sha256[:16]}")
    assert not path.makes_pictures
    findings = path.run(batch)
    assert len(findings) == 2
    if info.task == "classify":
        assert all(len(found.classifications) == CLASSES for found in findings)
    if info.task == "segment":
        for found, frame in zip(findings, batch, strict=True):
            assert found.segmentation is not None
            assert sum(share.share for share in found.segmentation.shares) == pytest.approx(1)
            with Image.open(io.BytesIO(found.segmentation.png())) as image:
                assert image.size == frame.size
                assert np.array_equal(np.asarray(image), found.segmentation.labels)


def test_a_bridge_that_is_not_there_is_refused(dct_package: ModelPackage) -> None:
    model = LoadedModel(dct_package, SlimCodec.load(dct_package), BackendOptions())
    with pytest.raises(InputError, match="there is no bridge '/nowhere'"):
        path_factory("yard", {"yard": "/nowhere"})(model)


def test_a_path_without_a_bridge_is_told_of_those_that_have_a_name() -> None:
    with pytest.raises(ConfigError, match=r"there are: .*detect.*yard"):
        path_factory("barn", {"yard": "somewhere"})
