import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.codec import Latents
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.codecs.slim.layer import Layer, LayerName
from shared_models.evaluation.detection.detectors import OnLatents
from shared_models.evaluation.latency.encoders import compare, int8_encoders
from shared_models.evaluation.latency.int8_accuracy import judged
from shared_models.evaluation.latency.reencoded import ReencodedCodec
from shared_models.evaluation.latency.request import Labels
from shared_models.evaluation.latency.scenes import fit, make_frames
from shared_models.packages.package import ModelPackage
from shared_models.tasks.results import Detection


class Finder:
    """Finds the one car there is, whatever it is shown."""

    def detect(
        self, latents: Latents, sizes: Sequence[tuple[int, int]], *, score_min: float
    ) -> list[list[Detection]]:
        assert np.isfinite(latents).all()
        return [[Detection(10, 20, 40, 36, 0.9, "car", 3)] for _ in sizes]


def labels(folder: Path) -> Labels:
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(folder / "a.png")
    box = {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 16], "area": 480, "iscrowd": 0}
    truth = {
        "images": [{"id": 7, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": [box],
        "categories": [{"id": 3, "name": "car"}],
    }
    (folder / "instances.json").write_text(json.dumps(truth))
    return Labels(folder / "instances.json", None, None, 0)


def test_an_int8_encoder_is_judged_beside_the_float_one(dct_package: ModelPackage, tmp_path: Path) -> None:
    frames = fit(make_frames(None, 3), (64, 48))
    options = BackendOptions()
    plain = SlimCodec.load(dct_package, backend=options)
    encoders = int8_encoders(dct_package, [0.25], 16, frames[:2])
    other = ReencodedCodec(dct_package, options, encoders)
    layer = Layer.load(dct_package, plain.profile, LayerName.BASE, options)
    row = compare(plain, other, layer, 0.25, 50, frames[2:])
    assert 0.5 < row.symbol_agreement < 1
    assert row.latents_snr_db > 10
    codecs = {"fp32": plain, "int8": other}
    (found,) = judged([row], codecs, labels(tmp_path), OnLatents(Finder(), "finder"), lambda done: None)
    assert found.ap == found.ap_float == pytest.approx(1)


def test_a_codec_agrees_with_itself(dct_package: ModelPackage) -> None:
    frames = fit(make_frames(None, 1), (64, 48))
    plain = SlimCodec.load(dct_package)
    layer = Layer.load(dct_package, plain.profile, LayerName.BASE, plain.backend)
    row = compare(plain, plain, layer, 0.25, 50, frames)
    assert (row.symbol_agreement, row.bytes_ratio) == (1.0, 1.0)
