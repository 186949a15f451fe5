from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load, save

from shared_models.entropy.gaussian_tables import ScaleLadder, gaussian_table
from shared_models.entropy.tables import TableSet
from shared_models.errors import ModelError


@pytest.fixture
def arrays() -> dict[str, NDArray[Any]]:
    tables = [gaussian_table(scale, fraction) for scale in (0.11, 1.0, 9.0) for fraction in (0.0, 0.5)]
    return {name: array.copy() for name, array in TableSet.from_tables(tables).to_arrays().items()}


def test_tables_come_back_from_a_file_as_they_were(arrays: dict[str, NDArray[Any]]) -> None:
    again = TableSet.from_arrays(load(save(arrays)))
    assert all(np.array_equal(array, arrays[name]) for name, array in again.to_arrays().items())


def test_the_first_guess_of_a_search_is_never_beyond_its_slot(arrays: dict[str, NDArray[Any]]) -> None:
    tables = TableSet.from_arrays(arrays)
    for index in range(len(tables)):
        cumulative = tables.table(index).cumulative
        for byte in range(256):
            slot = int(tables.first_slot[index, byte])
            assert cumulative[slot] <= byte << 8 < cumulative[slot + 1]


@pytest.mark.parametrize("name", ["cumulative", "offsets", "minimum", "certain"])
def test_a_missing_array_is_named(arrays: dict[str, NDArray[Any]], name: str) -> None:
    del arrays[name]
    with pytest.raises(ModelError, match=name):
        TableSet.from_arrays(arrays)


@pytest.mark.parametrize("name", ["cumulative", "offsets", "minimum", "certain"])
def test_an_array_of_another_type_is_refused(arrays: dict[str, NDArray[Any]], name: str) -> None:
    arrays[name] = arrays[name].astype(np.float32)
    with pytest.raises(ModelError, match=name):
        TableSet.from_arrays(arrays)


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("cumulative", 0, 5),
        ("cumulative", 2, 0),
        ("cumulative", -1, 65535),
        ("offsets", 0, 1),
        ("offsets", 1, 2),
        ("offsets", 1, 4_000_000_000),
        ("offsets", -1, 7),
        ("certain", 0, 2),
    ],
)
def test_a_damaged_entry_is_refused(
    arrays: dict[str, NDArray[Any]], name: str, place: int, value: int
) -> None:
    arrays[name][place] = value
    with pytest.raises(ModelError, match="damaged"):
        TableSet.from_arrays(arrays)


def test_only_a_table_that_is_sure_of_zero_takes_it_for_granted() -> None:
    assert gaussian_table(0.11).is_certain
    assert not gaussian_table(0.11, 0.5).is_certain
    assert not gaussian_table(0.2).is_certain


def test_a_ladder_lists_its_tables_by_level_and_then_fraction() -> None:
    ladder = ScaleLadder(levels=5, mean_bits=1)
    tables = ladder.tables()
    assert len(tables) == 10
    lengths = [len(table.cumulative) for table in tables]
    assert lengths == sorted(lengths)
    assert list(ladder.level_of(ladder.scales)) == [0, 1, 2, 3, 4]
