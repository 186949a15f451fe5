"""FramesService: pictures of frames from what is stored, or pulled from the edge."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import grpc

from cloud.api.callers import Callers, end
from cloud.export import exported_slim
from cloud.pictures import Pictures, capture_time
from cloud.pulls import PullFailedError, PullNotHeldError, Pulls, Wanted
from cloud.storage import frame_queries
from cloud.storage.frame_queries import FrameRow, LayerRow
from cloud.storage.store import Store
from cloud.worker import frame_message
from runtime.clock import Clock
from shared_models.errors import BitstreamError, InputError, ModelError, NotHeldError, StorageError
from slimstream.v1.control_pb2 import (
    ExportRequest,
    ExportResponse,
    FrameNotHeld,
    GetRequest,
    GetResponse,
    ListRequest,
    ListResponse,
    StoredFrame,
)
from slimstream.v1.control_pb2_grpc import FramesServiceServicer

_PULL_TIMEOUT_S_MAX = 300.0


@dataclass(frozen=True, slots=True)
class FramesOptions:
    """How far a request may go."""

    pull_timeout_s: float
    list_frames_max: int


class FramesApi(FramesServiceServicer):
    """Answers calls about frames."""

    def __init__(
        self,
        *,
        callers: Callers,
        store: Store,
        pictures: Pictures,
        pulls: Pulls | None,
        executor: Executor,
        options: FramesOptions,
        clock: Clock,
    ) -> None:
        """Make pictures in `executor`; without `pulls` only what is stored is shown."""
        self._callers = callers
        self._store = store
        self._pictures = pictures
        self._pulls = pulls
        self._executor = executor
        self._options = options
        self._clock = clock

    async def Get(  # noqa: N802 - gRPC's name
        self, request: GetRequest, context: grpc.aio.ServicerContext[GetRequest, GetResponse]
    ) -> GetResponse:
        """Return a picture of one frame."""
        await self._callers.reader_of(request.frame.camera, context)
        loop = asyncio.get_running_loop()
        try:
            found = await asyncio.to_thread(self._pictures.find, request.frame)
            frame = found.frame
            if frame is None:
                await end(
                    context, grpc.StatusCode.NOT_FOUND, found.reason, _not_held(found.reason, found.nearest)
                )
            layer, is_fetched = await self._layer(frame, request)
            return await loop.run_in_executor(
                self._executor, lambda: self._pictures.make(frame, layer, is_fetched=is_fetched)
            )
        except InputError as error:
            await end(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except PullNotHeldError as error:
            detail = f"the edge no longer holds frame {request.frame.seq} of {request.frame.camera}: {error}"
            not_held = FrameNotHeld(reason=str(error), has_preview=True)
            not_held.nearest.extend(frame_message(near) for near in error.nearest)
            await end(context, grpc.StatusCode.NOT_FOUND, detail, not_held)
        except PullFailedError as error:
            await end(context, grpc.StatusCode.UNAVAILABLE, str(error))
        except NotHeldError as error:
            await end(context, grpc.StatusCode.NOT_FOUND, str(error), FrameNotHeld(reason=str(error)))
        except (BitstreamError, ModelError) as error:
            await end(context, grpc.StatusCode.DATA_LOSS, f"the frame cannot be decoded: {error}")
        except StorageError as error:
            await end(context, grpc.StatusCode.UNAVAILABLE, str(error))

    async def _layer(self, frame: FrameRow, request: GetRequest) -> tuple[LayerRow | None, bool]:
        """Return the layer that the wanted quality needs, and whether it was fetched for this request."""
        wanted = self._pictures.wanted(frame, request.quality)
        if wanted is None:
            return None, False
        stored = await asyncio.to_thread(self._pictures.stored_layer, wanted, is_pulled=False)
        if stored is not None:
            return stored, False
        await self._pull(wanted, request.timeout_ms / 1000 or self._options.pull_timeout_s)
        fetched = await asyncio.to_thread(self._pictures.stored_layer, wanted, is_pulled=True)
        if fetched is None:
            raise NotHeldError(
                f"the pulled layer of frame {frame.frame_id} was given up at once; raise store.budget_bytes"
            )
        return fetched, True

    async def _pull(self, wanted: Wanted, timeout_s: float) -> None:
        if self._pulls is None:
            raise PullFailedError(
                "no agent is connected to this process; pull from the one with the roles gateway and api"
            )
        await self._pulls.pull(wanted, min(timeout_s, _PULL_TIMEOUT_S_MAX))

    async def List(  # noqa: N802
        self, request: ListRequest, context: grpc.aio.ServicerContext[ListRequest, ListResponse]
    ) -> AsyncIterator[ListResponse]:
        """Yield frames of a camera by time, and the gaps between them."""
        await self._callers.reader_of(request.camera, context)
        for item in await asyncio.to_thread(self._list, request):
            yield item

    def _list(self, request: ListRequest) -> Sequence[ListResponse]:
        end_ns = request.end_ns or self._clock.wall_ns()
        limit = min(request.limit or self._options.list_frames_max, self._options.list_frames_max)
        with self._store.reading() as connection:
            rows = list(
                frame_queries.frames_between(connection, request.camera, request.start_ns, end_ns, limit)
            )
            enhanced = frame_queries.enhancement_bytes_between(
                connection, request.camera, request.start_ns, end_ns
            )
            gaps = (
                frame_queries.gaps_between(connection, request.camera, request.start_ns, end_ns, limit)
                if request.with_gaps
                else []
            )
        timed = [(row.capture_ns, _listed(row, enhanced.get(row.frame_id, 0))) for row in rows]
        timed += [(gap.start_ns, ListResponse(gap=gap)) for gap in gaps]
        return [item for _, item in sorted(timed, key=lambda pair: pair[0])]

    async def Export(  # noqa: N802
        self, request: ExportRequest, context: grpc.aio.ServicerContext[ExportRequest, ExportResponse]
    ) -> AsyncIterator[ExportResponse]:
        """Yield the `.slim` file of each epoch in an interval, piece by piece."""
        await self._callers.reader_of(request.camera, context)
        end_ns = request.end_ns or self._clock.wall_ns()
        pieces = exported_slim(
            self._store, request.camera, request.start_ns, end_ns, self._options.list_frames_max
        )
        try:
            while (piece := await asyncio.to_thread(_next_piece, pieces)) is not None:
                epoch, data = piece
                yield ExportResponse(epoch=epoch, data=data)
        except NotHeldError as error:
            await end(context, grpc.StatusCode.NOT_FOUND, str(error), FrameNotHeld(reason=str(error)))
        except InputError as error:
            await end(context, grpc.StatusCode.FAILED_PRECONDITION, str(error))


def _next_piece(pieces: Iterator[tuple[int, bytes]]) -> tuple[int, bytes] | None:
    return next(pieces, None)


def _not_held(reason: str, nearest: Sequence[FrameRow]) -> FrameNotHeld:
    not_held = FrameNotHeld(reason=reason)
    not_held.nearest.extend(frame_message(row.frame_id) for row in nearest)
    return not_held


def _listed(row: FrameRow, enhancement_bytes: int) -> ListResponse:
    return ListResponse(
        frame=StoredFrame(
            frame=frame_message(row.frame_id),
            time=capture_time(row),
            base_bytes=row.base_bytes,
            enhancement_bytes=enhancement_bytes,
            width=row.width,
            height=row.height,
        )
    )
