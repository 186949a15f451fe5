"""The bridges and the trunk that are shipped: complete, small, and for the shipped package's latents."""

from pathlib import Path

import numpy as np
import pytest

from shared_models.bridges.bridge_start import open_start
from shared_models.bridges.ready_made import prepare_tail
from shared_models.codecs.backend import BackendOptions, Network
from shared_models.packages.download import ExpectedFile, import_file
from shared_models.packages.registry import builtin_package
from shared_models.packages.third_party import store_path, third_party_model, third_party_models
from shared_models.tasks.bridge_info import NETWORK_FILE, PAD_FILE, TAIL_FILE, read_info, read_part
from shared_models.tasks.bridged import open_bridge, read_pad
from shared_models.tasks.feature_placement import FRAME_PLANES
from shared_models.tasks.ready_made import find_bridge, ready_made_names

BYTES_MAX = 1_500_000
WEIGHTS = Path(__file__).parents[4] / "shared" / "weights"
FILES = {
    "yolox-nano": "yolox_nano_416.onnx",
    "mobilenet-v2": "mobilenet_v2_224.onnx",
    "nanodet-m": "nanodet_m_416.onnx",
    "deeplab-cityscapes": "deeplab_cityscapes_513.onnx",
}


def test_every_shipped_bridge_is_for_a_model_that_can_be_had() -> None:
    assert set(FILES) == set(ready_made_names())
    assert set(FILES) <= set(third_party_models())


@pytest.mark.parametrize("name", ready_made_names())
def test_a_shipped_bridge_is_whole_without_anything_of_its_model(name: str) -> None:
    directory = find_bridge(name)
    info = read_info(directory)
    assert info.latents == builtin_package().fingerprint.hex()
    assert info.model_sha256 == third_party_model(name).sha256
    assert info.task == third_party_model(name).task
    assert info.card
    assert not (directory / TAIL_FILE).exists()
    assert sum(file.stat().st_size for file in directory.iterdir()) < BYTES_MAX
    bridge = Network(read_part(directory / NETWORK_FILE), "bridge", BackendOptions())
    made = bridge.run(np.zeros((1, 64 + FRAME_PLANES, 5, 6), np.float32))
    for features, pad, tensor in zip(made, read_pad(directory / PAD_FILE, info), info.cut, strict=True):
        assert features.shape[1] == len(pad) == tensor.channels


def test_new_fits_start_from_what_is_shipped_for_these_latents() -> None:
    start = open_start(builtin_package().fingerprint.hex())
    assert start is not None
    assert start.rise


@pytest.mark.slow
@pytest.mark.parametrize("name", ready_made_names())
def test_a_shipped_bridge_runs_behind_the_fetched_model(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = WEIGHTS / FILES[name]
    if not file.exists():
        pytest.skip(f"no model at {file}")
    monkeypatch.setenv("SLIMSTREAM_MODELS", str(tmp_path))
    model = third_party_model(name)
    import_file(file, store_path(name), ExpectedFile(name, model.size_bytes, model.sha256))
    prepare_tail(name)
    bridged = open_bridge(find_bridge(name), builtin_package().fingerprint)
    frame, size = np.zeros((1, 64, 15, 20), np.float32), (320, 240)
    if bridged.task == "detect":
        assert len(bridged.detect(frame, [size])) == 1
    elif bridged.task == "classify":
        assert [len(classes) for classes in bridged.classify(frame, [size])] == [5]
    else:
        (labels,) = bridged.segment(frame, [size])
        assert labels.shape == (240, 320)
