import pytest

from shared_models.errors import InputError
from shared_models.evaluation.workers import Workers, cores


class Bench:
    """Adds a number that it was prepared with."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def add(self, item: int) -> int:
        if item < 0:
            raise InputError(f"{item} is below zero")
        return item + self.offset


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_items_and_progress_ends_at_all(jobs: int) -> None:
    seen: list[tuple[int, int]] = []
    with Workers(Bench, 100, jobs) as workers:
        assert workers.map(Bench.add, range(9), lambda done, of: seen.append((done, of))) == list(
            range(100, 109)
        )
        assert workers.map(Bench.add, []) == []
    assert seen[-1] == (9, 9)


def test_an_error_in_another_process_is_the_same_error_here() -> None:
    with pytest.raises(InputError, match="-1 is below zero"), Workers(Bench, 0, 2) as workers:
        workers.map(Bench.add, [1, -1, 2])


def test_there_is_at_least_one_core() -> None:
    assert cores() >= 1
