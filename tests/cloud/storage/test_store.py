"""The store: what is handed in is there afterwards, once, and the index says so again after it was lost."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.greeting import CameraEpoch
from cloud.storage import frame_queries, result_queries
from cloud.storage.records import PACKETS_LOG, Entry
from cloud.storage.result_queries import ResultScope
from cloud.storage.store import INDEX_FILE, Store, StoreOptions
from shared_models.errors import NotHeldError, StorageError
from slimstream.v1.frame_pb2 import LAYER_ENHANCEMENT
from tests.cloud.storage.entries import (
    MODEL,
    PATIENCE_S,
    SECOND_NS,
    base,
    enhancement,
    failure,
    gap,
    result,
)

SEGMENT_BYTES = 64 << 10


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(StoreOptions(tmp_path, SEGMENT_BYTES)) as opened:
        yield opened


def write(store: Store, *entries: Entry) -> list[bool]:
    """Store entries and say of each whether it was new."""
    futures = [store.submit(entry) for entry in entries]
    return [future.result(timeout=PATIENCE_S).record_id is not None for future in futures]


def snapshot(store: Store) -> object:
    """Return everything the index can be asked."""
    with store.reading() as connection:
        frames = list(frame_queries.frames_between(connection, "door", 0, 2**62, 10_000))
        return (
            frames,
            [frame_queries.layers_of(connection, row.frame_id) for row in frames],
            list(frame_queries.coverage_of(connection, CameraEpoch("door", 1))),
            [gap.gap_id for gap in frame_queries.gaps_between(connection, "door", 0, 2**62, 10_000)],
            result_queries.results_after(connection, 0, ResultScope(), 10_000),
            frame_queries.frames_without(connection, "detect", [MODEL], None, 10_000),
        )


def test_the_same_frame_layer_gap_or_result_is_stored_once(store: Store) -> None:
    entries: list[Entry] = [base(0), enhancement(0), gap(1, 4), result(0), failure(5)]
    assert write(store, *entries, *entries) == [True] * 5 + [False] * 5
    assert write(store, *entries) == [False] * 5
    assert write(store, enhancement(0, quality_code=3200), result(0, path="classify")) == [True, True]


def test_what_was_handed_in_is_in_the_index_once_it_is_settled(store: Store) -> None:
    written = [store.submit(base(seq)) for seq in range(700)]  # more than one commit takes
    store.settled(PACKETS_LOG).result(timeout=PATIENCE_S)
    assert all(future.done() for future in written)
    with store.reading() as connection:
        assert list(frame_queries.coverage_of(connection, CameraEpoch("door", 1))) == [(0, 699)]


def test_whoever_stops_waiting_for_the_store_stops_nobody_else(store: Store) -> None:
    assert not store.settled(PACKETS_LOG).cancel()
    assert write(store, base(0)) == [True]


def test_frames_are_found_by_number_by_time_and_by_being_newest(store: Store) -> None:
    write(store, *(base(seq) for seq in (1, 2, 3, 8)), base(2, epoch=2))
    with store.reading() as connection:
        by_seq = frame_queries.frame_by_seq(connection, "door", 2, None)
        assert by_seq is not None
        assert by_seq.frame_id.epoch == 2
        first = frame_queries.frame_by_seq(connection, "door", 2, 1)
        assert first is not None
        assert first.frame_id.epoch == 1
        near = frame_queries.frame_by_time(connection, "door", 6 * SECOND_NS)
        assert near is not None
        assert near.frame_id.seq == 8
        newest = frame_queries.newest_frame(connection, "door")
        assert newest is not None
        assert (newest.frame_id.epoch, newest.frame_id.seq) == (2, 2)
        nearest = frame_queries.nearest_by_seq(connection, "door", 5, 1, 2)
        assert [row.frame_id.seq for row in nearest] == [3, 2]
        assert frame_queries.newest_frame(connection, "hall") is None


def test_layers_are_listed_best_first_with_what_they_cost(store: Store) -> None:
    write(store, base(0), enhancement(0, 1600, 4000), enhancement(0, 3200, 9000))
    with store.reading() as connection:
        frame = frame_queries.frame_by_seq(connection, "door", 0, None)
        assert frame is not None
        layers = frame_queries.layers_of(connection, frame.frame_id)
    assert [(row.layer, row.quality_code, row.layer_bytes, row.psnr_db) for row in layers] == [
        (LAYER_ENHANCEMENT, 3200, 9000, 33.0),
        (LAYER_ENHANCEMENT, 1600, 4000, 33.0),
    ]
    described, data = store.read_layer(layers[0].record_id)
    assert (described.quality_code, len(data)) == (3200, 9000)


def test_cursors_rise_with_every_result_and_go_on_after_a_restart(tmp_path: Path) -> None:
    options = StoreOptions(tmp_path, SEGMENT_BYTES)
    with Store.open(options) as store:
        write(store, *(result(seq) for seq in range(3)))
    with Store.open(options) as store:
        write(store, result(3))
        with store.reading() as connection:
            rows = result_queries.results_after(connection, 1, ResultScope(), 10)
            assert result_queries.newest_cursor(connection) == rows[-1].cursor
        found = list(store.read_results([row.record_id for row in rows]))
    assert [row.cursor for row in rows] == [2, 3, 4, 5]
    assert [(found.cursor, found.frame.seq) for found in found] == [(2, 0), (3, 1), (4, 2), (5, 3)]


def test_results_are_scoped_by_camera_and_path(store: Store) -> None:
    write(store, result(0), result(1, path="classify"))
    with store.reading() as connection:
        rows = result_queries.results_after(connection, 0, ResultScope(paths=("classify",)), 10)
        assert len(rows) == 1
        assert result_queries.results_after(connection, 0, ResultScope(cameras=("hall",)), 10) == []


def test_work_is_what_has_neither_a_result_nor_a_failure(store: Store) -> None:
    write(store, *(base(seq) for seq in range(4)), result(1), failure(2))
    with store.reading() as connection:
        left = frame_queries.frames_without(connection, "detect", [MODEL], None, 10)
        assert [row.frame_id.seq for _, row in left] == [3, 0]
        assert len(frame_queries.frames_without(connection, "classify", [MODEL], None, 10)) == 4
        assert frame_queries.frames_without(connection, "detect", [b"another!"], None, 10) == []


entries = st.lists(
    st.one_of(
        st.builds(base, st.integers(0, 12)),
        st.builds(enhancement, st.integers(0, 12), st.sampled_from([100, 200])),
        st.builds(lambda first, length: gap(first, first + length), st.integers(0, 12), st.integers(0, 3)),
        st.builds(result, st.integers(0, 12)),
        st.builds(failure, st.integers(0, 12)),
    ),
    max_size=25,
)


@settings(max_examples=8)
@given(entries=entries, loss=st.sampled_from(["deleted", "damaged", "older"]))
def test_an_index_that_is_lost_or_behind_is_the_same_after_the_next_start(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry], loss: str
) -> None:
    directory = tmp_path_factory.mktemp("store")
    options, index = StoreOptions(directory, SEGMENT_BYTES), directory / INDEX_FILE
    with Store.open(options) as store:
        write(store, *entries[: len(entries) // 2])
    older = index.read_bytes()
    with Store.open(options) as store:
        write(store, *entries[len(entries) // 2 :])
        before = snapshot(store)
    for file in directory.glob(f"{INDEX_FILE}*"):
        file.unlink()
    if loss == "damaged":
        index.write_bytes(b"not a database" * 100)
    elif loss == "older":
        index.write_bytes(older)
    with Store.open(options) as store:
        assert snapshot(store) == before


def test_a_store_over_its_budget_gives_up_the_oldest_and_the_index_forgets_them(tmp_path: Path) -> None:
    options = StoreOptions(tmp_path, SEGMENT_BYTES, packets_budget_bytes=8 * SEGMENT_BYTES)
    with Store.open(options) as store:
        for begin in range(0, 800, 100):
            write(store, *(base(seq, size_bytes=2000) for seq in range(begin, begin + 100)))
        with store.reading() as connection:
            rows = list(frame_queries.frames_between(connection, "door", 0, 2**62, 10_000))
            assert list(frame_queries.coverage_of(connection, CameraEpoch("door", 1))) == [(0, 799)]
        assert 0 < len(rows) < 800
        assert [row.frame_id.seq for row in rows] == list(range(800 - len(rows), 800))
        for row in rows:
            store.read_layer(row.base)
        assert store.stats()["packets"].size_bytes <= 8 * SEGMENT_BYTES
        first = rows[0]
    with Store.open(options) as store, store.reading() as connection:
        held = list(frame_queries.frames_between(connection, "door", 0, 2**62, 10_000))
        assert held[0] == first


def test_pulled_layers_are_given_up_before_base_packets(tmp_path: Path) -> None:
    options = StoreOptions(tmp_path, SEGMENT_BYTES, packets_budget_bytes=8 * SEGMENT_BYTES)
    with Store.open(options) as store:
        write(store, *(base(seq, size_bytes=1000) for seq in range(100)))
        for code in range(1, 60):
            write(store, enhancement(0, code, 20_000))
        with store.reading() as connection:
            assert len(list(frame_queries.frames_between(connection, "door", 0, 2**62, 1000))) == 100
            frame = frame_queries.frame_by_seq(connection, "door", 0, None)
            assert frame is not None
            assert len(frame_queries.layers_of(connection, frame.frame_id)) < 59


def test_a_record_that_was_given_up_is_not_held(tmp_path: Path) -> None:
    with Store.open(StoreOptions(tmp_path, SEGMENT_BYTES)) as store:
        write(store, base(0))
        with store.reading() as connection:
            frame = frame_queries.frame_by_seq(connection, "door", 0, None)
        assert frame is not None
        with pytest.raises(NotHeldError):
            store.read_layer(frame.base._replace(segment=99))


def test_a_store_is_opened_by_one_process_at_a_time(tmp_path: Path) -> None:
    with Store.open(StoreOptions(tmp_path)), pytest.raises(StorageError):
        Store.open(StoreOptions(tmp_path))
