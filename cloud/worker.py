"""A worker: claims frames of one shape, decodes each once, runs the wanted paths, stores what they find.

A frame that cannot be read is marked as failed and never stops the worker, nor the frames beside it.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Final

from cloud.broker import Broker, Job
from cloud.latency import WorkTimes, latency_chain
from cloud.metrics import WorkerMetrics
from cloud.models import Models
from cloud.paths.path import DecodedFrame, Findings, Path
from cloud.storage.committer import Written
from cloud.storage.records import FailureEntry, ResultEntry
from cloud.storage.store import Store
from runtime.clock import Clock
from runtime.logs import get_logger
from shared_models.bitstream.limits import Limits
from shared_models.bitstream.reader import read_packet
from shared_models.errors import BitstreamError, NotHeldError, SlimstreamError
from shared_models.frames import FrameId
from shared_models.tasks.results import Detection
from shared_models.tasks.segmentation import Segmentation
from slimstream.v1 import control_pb2, frame_pb2
from slimstream.v1.store_pb2 import StoredFailure, StoredLayer

_CLAIM_WAIT_S: Final = 0.25
_DETAIL_CHARACTERS_MAX: Final = 300
_log = get_logger("cloud.worker")


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works."""

    paths: tuple[str, ...]
    batch_max: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class _Ready:
    """A frame that was decoded."""

    job: Job
    layer: StoredLayer
    frame: DecodedFrame
    claimed_ns: int
    decode_us: int


class Worker:
    """One thread's work. `run` goes on until `stop` is set."""

    def __init__(
        self,
        *,
        store: Store,
        broker: Broker,
        models: Models,
        options: WorkerOptions,
        metrics: WorkerMetrics,
        clock: Clock,
        on_results: Callable[[], None],
    ) -> None:
        """Work on what `broker` hands out; call `on_results` whenever results became readable."""
        self._store = store
        self._broker = broker
        self._models = models
        self._options = options
        self._metrics = metrics
        self._clock = clock
        self._on_results = on_results

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; a batch in hand is finished first."""
        while not stop.is_set():
            jobs = self._broker.claim(self._options.batch_max, _CLAIM_WAIT_S)
            if jobs:
                self.work(jobs)

    def work(self, jobs: Sequence[Job]) -> None:
        """Process claimed jobs of one shape and finish them, whatever happens."""
        are_stored = False
        try:
            writes = self._process(jobs)
            wait(writes)
            for write in writes:
                write.result()
            are_stored = True
        except SlimstreamError as error:  # the store: the frames stay in the index as not worked on
            _log.error("batch_not_stored", frames=len(jobs), reason=error.reason, detail=str(error))
        except Exception:
            _log.exception("batch_failed", frames=len(jobs))
        finally:
            self._broker.finish(jobs, are_stored=are_stored)
            self._on_results()

    def _process(self, jobs: Sequence[Job]) -> list[Future[Written]]:
        claimed_ns = self._clock.wall_ns()
        ready: list[_Ready] = []
        writes: list[Future[Written]] = []
        for job in jobs:
            try:
                ready.append(self._decode(job, claimed_ns))
            except NotHeldError:
                self._metrics.frames.labels(outcome="evicted").inc()
            except BitstreamError as error:
                writes += [self._fail(job, path, error.reason, str(error)) for path in self._options.paths]
        if ready:
            self._metrics.batch_frames.observe(len(ready))
            for name in self._options.paths:
                writes += self._run_path(self._models.path(jobs[0].shape.model, name), ready)
        return writes

    def _decode(self, job: Job, claimed_ns: int) -> _Ready:
        layer, payload = self._store.read_layer(job.base)
        started_ns = self._clock.monotonic_ns()
        frame = self._models.decode(read_packet(payload, self._options.limits))
        elapsed_ns = self._clock.monotonic_ns() - started_ns
        self._metrics.decode_seconds.observe(elapsed_ns / 1e9)
        return _Ready(job, layer, frame, claimed_ns, elapsed_ns // 1000)

    def _run_path(self, path: Path, batch: Sequence[_Ready]) -> list[Future[Written]]:
        """Run a path on a batch, and on each frame alone where the batch fails."""
        started_ns = self._clock.monotonic_ns()
        try:
            findings = path.run([ready.frame for ready in batch])
        except Exception as error:  # a plug-in's code: whatever it raises is about these frames
            if len(batch) > 1:
                return [write for ready in batch for write in self._run_path(path, [ready])]
            _log.warning("path_failed", path=path.name, frame=str(batch[0].job.frame_id), detail=str(error))
            reason = error.reason if isinstance(error, SlimstreamError) else "path_error"
            return [self._fail(batch[0].job, path.name, reason, str(error))]
        elapsed_ns = self._clock.monotonic_ns() - started_ns
        self._metrics.path_seconds.labels(path=path.name).observe(elapsed_ns / 1e9 / len(batch))
        path_us = elapsed_ns // 1000 // len(batch)
        return [
            self._store.submit(ResultEntry(self._result(path, ready, found, path_us)))
            for ready, found in zip(batch, findings, strict=True)
        ]

    def _result(self, path: Path, ready: _Ready, found: Findings, path_us: int) -> control_pb2.Result:
        finished_ns = self._clock.wall_ns()
        times = WorkTimes(ready.job.stored_ns, ready.claimed_ns, finished_ns, ready.decode_us, path_us)
        latency = latency_chain(ready.layer, times)
        self._metrics.frames.labels(outcome="done").inc()
        if ready.job.stored_ns and ready.layer.HasField("clock_offset_ns"):
            self._metrics.latency_seconds.observe(max(0, latency.total_us) / 1e6)
        return control_pb2.Result(
            frame=ready.layer.frame,
            time=ready.layer.time,
            path=path.name,
            model=path.model,
            detections=[_detection(box) for box in found.detections],
            classifications=[
                control_pb2.Classification(label=c.label, class_index=c.class_index, score=c.score)
                for c in found.classifications
            ],
            segmentation=_segmentation(found.segmentation),
            latency=latency,
            frame_width=ready.layer.frame_width,
            frame_height=ready.layer.frame_height,
        )

    def _fail(self, job: Job, path: str, reason: str, detail: str) -> Future[Written]:
        self._metrics.frames.labels(outcome="failed").inc()
        self._metrics.failed.labels(reason=reason).inc()
        failure = StoredFailure(
            frame=frame_message(job.frame_id),
            path=path,
            reason=reason,
            detail=detail[:_DETAIL_CHARACTERS_MAX],
        )
        return self._store.submit(FailureEntry(failure))


def frame_message(frame_id: FrameId) -> frame_pb2.FrameId:
    """Write a frame's name as a message."""
    return frame_pb2.FrameId(camera=frame_id.camera, epoch=frame_id.epoch, seq=frame_id.seq)


def _segmentation(found: Segmentation | None) -> control_pb2.Segmentation | None:
    if found is None:
        return None
    shares = [
        control_pb2.ClassShare(label=s.label, class_index=s.class_index, share=s.share) for s in found.shares
    ]
    return control_pb2.Segmentation(labels_png=found.png(), shares=shares)


def _detection(box: Detection) -> control_pb2.Detection:
    return control_pb2.Detection(
        x_min=box.x_min,
        y_min=box.y_min,
        x_max=box.x_max,
        y_max=box.y_max,
        score=box.score,
        label=box.label,
        category_id=box.category_id,
    )
