from dataclasses import dataclass

import pytest

from shared_models.evaluation.opened_models import OpenedModels
from shared_models.packages.package import ModelPackage


@dataclass(frozen=True)
class Choice:
    name: str

    def open(self, package: ModelPackage) -> list[str]:
        return [self.name, package.name]


def test_a_model_is_opened_once(dct_package: ModelPackage) -> None:
    models: OpenedModels[list[str]] = OpenedModels(None)
    first = models.on_latents(Choice("a"), dct_package)
    assert first == ["a", "dct"]
    assert models.on_latents(Choice("a"), dct_package) is first
    assert models.on_latents(Choice("b"), dct_package) is not first


def test_nothing_looks_at_pixels_where_no_model_was_chosen_for_it() -> None:
    with pytest.raises(AssertionError, match="there is a model on pixels"):
        _ = OpenedModels[list[str]](None).on_pixels
