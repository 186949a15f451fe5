"""ResultsService: what the workers found, as it comes or as it is stored."""

import asyncio
from collections.abc import AsyncIterator

import grpc

from cloud.access import may_read
from cloud.api.callers import Callers, end
from cloud.bell import Bell
from cloud.storage import result_queries
from cloud.storage.result_queries import ResultRow, ResultScope
from cloud.storage.store import Store
from runtime.clock import Clock
from runtime.credentials import Grant
from slimstream.v1.control_pb2 import (
    QueryRequest,
    QueryResponse,
    Result,
    ResultFilter,
    SubscribeRequest,
    SubscribeResponse,
)
from slimstream.v1.control_pb2_grpc import ResultsServiceServicer

_PAGE_ROWS = 256
_POLL_S = 1.0
"""How often to look without having heard the bell: workers may be in another process."""


class ResultsApi(ResultsServiceServicer):
    """Answers calls about results. A slow subscriber reads the store at its own pace: nothing piles up."""

    def __init__(
        self,
        *,
        callers: Callers,
        store: Store,
        bell: Bell,
        clock: Clock,
        subscribers_max: int,
        results_max: int,
    ) -> None:
        """Look for more whenever `bell` rings."""
        self._callers = callers
        self._store = store
        self._bell = bell
        self._clock = clock
        self._subscribers_max = subscribers_max
        self._results_max = results_max
        self._subscribers = 0

    async def Subscribe(  # noqa: N802 - gRPC's name
        self,
        request: SubscribeRequest,
        context: grpc.aio.ServicerContext[SubscribeRequest, SubscribeResponse],
    ) -> AsyncIterator[SubscribeResponse]:
        """Yield results from a cursor on, in the order they were stored, while the caller listens."""
        grant = await self._callers.grant_of(context)
        if self._subscribers >= self._subscribers_max:
            detail = f"{self._subscribers_max} subscriptions are open, as many as this cloud takes"
            await end(context, grpc.StatusCode.RESOURCE_EXHAUSTED, detail)
        self._subscribers += 1
        try:
            cursor = request.cursor or await asyncio.to_thread(self._newest)
            await context.send_initial_metadata(())  # the caller is subscribed from here on
            while True:
                rings = self._bell.rings
                cursor, found = await asyncio.to_thread(self._after, cursor, request.filter, grant)
                for result in found:
                    yield SubscribeResponse(result=result)
                if not found:
                    await self._bell.wait_beyond(rings, _POLL_S)
        finally:
            self._subscribers -= 1

    def _newest(self) -> int:
        with self._store.reading() as connection:
            return result_queries.newest_cursor(connection)

    def _after(self, cursor: int, wanted: ResultFilter, grant: Grant) -> tuple[int, list[Result]]:
        """Return where to go on, and the wanted results behind `cursor`, at most a page of rows."""
        scope = ResultScope(tuple(wanted.cameras), tuple(wanted.paths))
        while True:
            with self._store.reading() as connection:
                rows = result_queries.results_after(connection, cursor, scope, _PAGE_ROWS)
            found = self._read(rows, wanted, grant)
            cursor = rows[-1].cursor if rows else cursor
            if found or len(rows) < _PAGE_ROWS:
                return cursor, found

    async def Query(  # noqa: N802
        self, request: QueryRequest, context: grpc.aio.ServicerContext[QueryRequest, QueryResponse]
    ) -> AsyncIterator[QueryResponse]:
        """Yield stored results of an interval by time of capture."""
        grant = await self._callers.grant_of(context)
        left = min(request.limit or self._results_max, self._results_max)
        offset = 0
        while left > 0:
            rows, found = await asyncio.to_thread(self._between, request, grant, offset)
            for result in found[:left]:
                yield QueryResponse(result=result)
            left -= len(found)
            offset += len(rows)
            if len(rows) < _PAGE_ROWS:
                return

    def _between(
        self, request: QueryRequest, grant: Grant, offset: int
    ) -> tuple[list[ResultRow], list[Result]]:
        scope = ResultScope(tuple(request.filter.cameras), tuple(request.filter.paths))
        end_ns = request.end_ns or self._clock.wall_ns()
        with self._store.reading() as connection:
            rows = result_queries.results_between(
                connection, request.start_ns, end_ns, scope, limit=_PAGE_ROWS, offset=offset
            )
        return rows, self._read(rows, request.filter, grant)

    def _read(self, rows: list[ResultRow], wanted: ResultFilter, grant: Grant) -> list[Result]:
        allowed = [row.record_id for row in rows if may_read(grant, row.camera)]
        return [result for result in self._store.read_results(allowed) if _is_wanted(result, wanted)]


def _is_wanted(result: Result, wanted: ResultFilter) -> bool:
    """Whether something in a result has a wanted label and at least the wanted score."""
    if not wanted.labels and wanted.score_min <= 0:
        return True
    labelled = [(found.label, found.score) for found in result.detections]
    labelled += [(found.label, found.score) for found in result.classifications]
    labelled += [(found.label, found.share) for found in result.segmentation.shares]
    return any(
        (not wanted.labels or label in wanted.labels) and score >= wanted.score_min
        for label, score in labelled
    )
