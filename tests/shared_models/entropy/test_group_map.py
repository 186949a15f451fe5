import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.entropy.group_map import GroupMap, from_cells, inside_picture, to_cells
from shared_models.errors import ModelError

sides = st.integers(1, 9)


@given(st.integers(1, 4), sides, sides)
def test_cells_hold_every_symbol_once(channels: int, height: int, width: int) -> None:
    symbols = np.arange(1, channels * height * width + 1, dtype=np.int16).reshape(channels, height, width)
    cells = to_cells(symbols)
    assert np.array_equal(from_cells(cells, height, width), symbols)
    is_inside = np.tile(inside_picture(height, width), (channels, 1, 1))
    assert sorted(cells[is_inside].tolist()) == symbols.reshape(-1).tolist()
    assert (cells[~is_inside] == 0).all()


def test_a_member_is_a_channel_at_a_row_and_column_of_its_cell() -> None:
    symbols = np.zeros((3, 4, 4), np.int16)
    symbols[2, 3, 0] = 7  # row 1 and column 0 of cell (1, 0)
    assert to_cells(symbols)[2 * 4 + 1 * 2 + 0, 1, 0] == 7


def test_positions_are_coded_corners_first_and_then_what_they_surround() -> None:
    group_map = GroupMap.by_position(2)
    assert group_map.pass_count == 4
    assert [group_map.members(number).tolist() for number in range(4)] == [[0, 4], [3, 7], [1, 5], [2, 6]]


def test_leading_channels_go_first_at_every_position() -> None:
    group_map = GroupMap.by_position(3, np.array([1]))
    assert group_map.pass_count == 8
    members = [group_map.members(number).tolist() for number in range(8)]
    assert members == [[4], [0, 8], [7], [3, 11], [5], [1, 9], [6], [2, 10]]


def test_bands_are_coded_in_order_of_channels() -> None:
    group_map = GroupMap.by_band((1, 3), 0)
    assert group_map.members(0).tolist() == [0, 1, 2, 3]
    assert group_map.members(1).tolist() == list(range(4, 12))


def test_a_split_band_is_coded_as_a_checkerboard() -> None:
    group_map = GroupMap.by_band((1, 2, 3), 2)
    members = [group_map.members(number).tolist() for number in range(group_map.pass_count)]
    assert members == [[0, 3], [1, 2], [4, 7], [5, 6], [8, 9, 10, 11]]


@pytest.mark.parametrize(
    "passes",
    [
        np.zeros((2, 2), np.uint8),
        np.zeros((1, 2, 2), np.int32),
        np.full((1, 2, 2), 1, np.uint8),
        np.array([[[0, 1], [2, 4]]], np.uint8),
        np.arange(20, dtype=np.uint8).reshape(5, 2, 2),
    ],
)
def test_a_map_with_missing_or_too_many_passes_is_refused(passes: np.ndarray) -> None:
    with pytest.raises(ModelError, match="group map"):
        GroupMap(passes)
