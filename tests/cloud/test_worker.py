"""A worker over a store: batches, failures, and work that is found again in the index."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cloud.broker import LocalBroker
from cloud.feeder import Feeder
from cloud.metrics import WorkerMetrics
from cloud.models import Models
from cloud.paths import catalogue
from cloud.paths.path import DecodedFrame, Findings, LoadedModel
from cloud.storage import frame_queries, result_queries
from cloud.storage.records import LayerEntry
from cloud.storage.result_queries import ResultScope
from cloud.storage.store import Store, StoreOptions
from cloud.worker import Worker, WorkerOptions
from runtime.clock import ManualClock
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.writer import write_packet
from shared_models.codecs.backend import BackendOptions
from shared_models.codecs.slim.codec import SlimCodec
from shared_models.packages.package import ModelPackage
from shared_models.tasks.results import Detection
from slimstream.v1.control_pb2 import Result
from slimstream.v1.frame_pb2 import LAYER_BASE, CaptureTime, FrameId
from slimstream.v1.store_pb2 import StoredLayer
from tests.cloud.codec import TestCodec
from tests.cloud.fake_agent import made_up_packet
from tests.cloud.storage.entries import PATIENCE_S

BATCHES: list[int] = []
STUMBLES_AT = 3
"""The picture whose latents the path cannot bear."""


class StumblingPath:
    """Finds one box a frame, and raises for batches that hold a certain one."""

    name = "stumble"
    model = "test/stumble"
    needs_enhancement = False
    makes_pictures = False

    def __init__(self, model: LoadedModel) -> None:
        codec = TestCodec(model.package)
        self._poison = codec.base(STUMBLES_AT).packet.symbols_crc32c

    def run(self, batch: Sequence[DecodedFrame]) -> Sequence[Findings]:
        BATCHES.append(len(batch))
        if any(frame.base.packet.symbols_crc32c == self._poison for frame in batch):
            raise ValueError("these latents are unbearable")
        return [Findings(detections=[Detection(0, 0, 1, 1, 0.9, "box", 1)]) for _ in batch]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(StoreOptions(tmp_path, 1 << 20)) as opened:
        yield opened


@pytest.fixture
def worker_and_feeder(
    store: Store, dct_package: ModelPackage, monkeypatch: pytest.MonkeyPatch
) -> tuple[Worker, Feeder, LocalBroker]:
    monkeypatch.setitem(catalogue._BUILT_IN, "stumble", StumblingPath)
    BATCHES.clear()
    backend = BackendOptions()
    model = LoadedModel(dct_package, SlimCodec.load(dct_package), backend)
    models = Models([model], ["stumble"], Limits())
    broker = LocalBroker(capacity=4)
    worker = Worker(
        store=store,
        broker=broker,
        models=models,
        options=WorkerOptions(("stumble",), batch_max=8, limits=Limits()),
        metrics=WorkerMetrics(CollectorRegistry()),
        clock=ManualClock(),
        on_results=lambda: None,
    )
    return worker, Feeder(store, broker, models.fingerprints, ["stumble"]), broker


def put(store: Store, package: ModelPackage, seqs: Sequence[int], poisoned: Sequence[int] = ()) -> None:
    codec = TestCodec(package)
    futures = []
    for seq in seqs:
        packet = made_up_packet(package.fingerprint) if seq in poisoned else codec.base(seq).packet
        layer = StoredLayer(
            frame=FrameId(camera="door", epoch=1, seq=seq),
            layer=LAYER_BASE,
            time=CaptureTime(capture_ns=seq),
            frame_width=packet.frame_width,
            frame_height=packet.frame_height,
            model_fingerprint=packet.fingerprint,
        )
        futures.append(store.submit(LayerEntry(layer, write_packet(packet))))
    for future in futures:
        future.result(timeout=PATIENCE_S)


def found(store: Store) -> list[Result]:
    with store.reading() as connection:
        rows = result_queries.results_after(connection, 0, ResultScope(), 100)
    return list(store.read_results([row.record_id for row in rows]))


def test_a_frame_that_a_path_cannot_bear_fails_alone(
    store: Store, dct_package: ModelPackage, worker_and_feeder: tuple[Worker, Feeder, LocalBroker]
) -> None:
    worker, feeder, broker = worker_and_feeder
    put(store, dct_package, range(2, 5))
    assert feeder.feed() == 3
    worker.work(broker.claim(8, wait_s=0))
    assert BATCHES == [3, 1, 1, 1]
    assert sorted(result.frame.seq for result in found(store)) == [2, 4]
    assert feeder.feed() == 0


def test_a_packet_that_cannot_be_decoded_fails_alone_and_is_not_tried_again(
    store: Store, dct_package: ModelPackage, worker_and_feeder: tuple[Worker, Feeder, LocalBroker]
) -> None:
    worker, feeder, broker = worker_and_feeder
    put(store, dct_package, range(3), poisoned=[1])
    feeder.feed()
    worker.work(broker.claim(8, wait_s=0))
    assert sorted(result.frame.seq for result in found(store)) == [0, 2]
    assert feeder.feed() == 0
    assert broker.depth == 0


def test_work_that_did_not_fit_the_queue_is_found_in_the_index_newest_first(
    store: Store, dct_package: ModelPackage, worker_and_feeder: tuple[Worker, Feeder, LocalBroker]
) -> None:
    worker, feeder, broker = worker_and_feeder
    put(store, dct_package, range(10, 20))
    order: list[int] = []
    while feeder.feed():
        while jobs := broker.claim(8, wait_s=0):
            order += [job.frame_id.seq for job in jobs]
            worker.work(jobs)
    assert order == list(range(19, 9, -1))
    assert len(found(store)) == 10


def test_a_worker_apart_from_the_gateway_follows_what_is_stored(
    store: Store, dct_package: ModelPackage, worker_and_feeder: tuple[Worker, Feeder, LocalBroker]
) -> None:
    _, feeder, broker = worker_and_feeder
    feeder.feed()
    put(store, dct_package, range(2))
    feeder.follow()
    assert [job.frame_id.seq for job in broker.claim(8, wait_s=0)] == [0, 1]
    feeder.follow()
    assert broker.claim(8, wait_s=0) == []


def test_a_frame_that_was_given_up_meanwhile_is_passed_over(
    store: Store, dct_package: ModelPackage, worker_and_feeder: tuple[Worker, Feeder, LocalBroker]
) -> None:
    worker, feeder, broker = worker_and_feeder
    put(store, dct_package, [0])
    feeder.feed()
    [job] = broker.claim(8, wait_s=0)
    gone = type(job)(job.frame_id, job.shape, job.base._replace(segment=77), job.stored_ns)
    worker.work([gone])
    assert found(store) == []
    with store.reading() as connection:
        assert frame_queries.newest_frame(connection, "door") is not None
