"""The list of models of others, and where fetched ones are found."""

from pathlib import Path

import pytest

from shared_models.errors import PackageError
from shared_models.packages.third_party import fetched_model, store_path, third_party_models


def test_every_entry_states_what_a_user_must_know() -> None:
    for name, model in third_party_models().items():
        assert name == model.name
        assert model.licence
        assert model.source
        assert model.url is None or model.url.scheme == "https"


def test_no_two_names_stand_for_one_file() -> None:
    models = third_party_models().values()
    assert len({model.sha256 for model in models}) == len({model.file for model in models}) == len(models)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(PackageError, match="known are yolox-nano, nanodet-m"):
        fetched_model("yolo-zero")


def test_a_model_that_was_not_fetched_names_the_command(tmp_path: Path) -> None:
    environment = {"SLIMSTREAM_MODELS": str(tmp_path)}
    with pytest.raises(PackageError, match="`slimstream models fetch yolox-nano` brings it"):
        fetched_model("yolox-nano", environment)
    with pytest.raises(PackageError, match="fetch mobilenet-v2 --model-file FILE"):
        fetched_model("mobilenet-v2", environment)


def test_a_fetched_file_that_changed_is_refused(tmp_path: Path) -> None:
    environment = {"SLIMSTREAM_MODELS": str(tmp_path)}
    path = store_path("yolox-nano", environment)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(PackageError, match="is not the yolox-nano it was"):
        fetched_model("yolox-nano", environment)


def test_the_development_models_are_the_listed_ones(shared_data: Path) -> None:
    weights = shared_data.parent / "weights"
    found = {path: path.stat().st_size for path in weights.glob("*.onnx")}
    for model in third_party_models().values():
        assert any(model.matches(path) for path, size in found.items() if size == model.size_bytes)
