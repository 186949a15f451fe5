"""Settings and fixtures for all tests.

A busy core must not fail a property, and two runs try the same examples.
"""

import random
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from shared_models.packages.package import ModelPackage

settings.register_profile("slimstream", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("slimstream")


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Begin every test with the same random numbers, whichever tests ran before it."""
    random.seed(0)
    if (numpy := sys.modules.get("numpy")) is not None:
        numpy.random.seed(0)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def dct_package(tmp_path_factory: pytest.TempPathFactory) -> ModelPackage:
    """A whole `slim` package that needs no training; see tests/dct_package.py."""
    from tests.dct_package import write_dct_package

    return write_dct_package(tmp_path_factory.mktemp("models") / "dct")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return the development data beside the checkout; skip where it is absent."""
    path = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the development data is not beside this checkout")
    return path
