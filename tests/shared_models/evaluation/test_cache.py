from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_models.errors import InputError
from shared_models.evaluation.cache import Cache, default_directory, key, source_key

parts = st.lists(
    st.one_of(st.text(max_size=4), st.integers(), st.floats(), st.binary(max_size=4)), max_size=4
)


@given(first=parts, second=parts)
def test_different_parts_have_different_keys(first: list[str], second: list[str]) -> None:
    same = [(type(part), repr(part)) for part in first] == [(type(part), repr(part)) for part in second]
    assert (key(*first) == key(*second)) == same


def test_what_was_put_is_found_by_another_process(tmp_path: Path) -> None:
    Cache(tmp_path).put(key("a"), b"value")
    assert Cache(tmp_path).get(key("a")) == b"value"
    assert Cache(tmp_path).get(key("b")) is None


@pytest.mark.parametrize("damage", [b"", b"short", b"\0" * 64])
def test_a_torn_or_foreign_file_reads_as_absent(tmp_path: Path, damage: bytes) -> None:
    cache = Cache(tmp_path)
    cache.put(key("a"), b"value")
    (file,) = (path for path in tmp_path.rglob("*") if path.is_file())
    file.write_bytes(damage)
    assert cache.get(key("a")) is None
    cache.put(key("a"), b"again")
    assert cache.get(key("a")) == b"again"


def test_many_writers_of_one_key_leave_one_whole_value_and_nothing_else(tmp_path: Path) -> None:
    values = [bytes([i]) * 10_000 for i in range(32)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda value: Cache(tmp_path).put(key("a"), value), values))
    assert Cache(tmp_path).get(key("a")) in values
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_a_place_that_cannot_hold_a_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file cannot hold a cache"):
        Cache(tmp_path / "file")


def test_the_usual_place_follows_the_environment() -> None:
    assert default_directory({"XDG_CACHE_HOME": "/x"}) == Path("/x/slimstream/eval")
    assert default_directory({}).parts[-3:] == (".cache", "slimstream", "eval")


def test_the_key_of_a_package_covers_all_its_modules() -> None:
    assert source_key("shared_models.tasks") != source_key("shared_models.tasks.coco")
    assert source_key("shared_models.tasks.coco") == source_key("shared_models.tasks.coco")
