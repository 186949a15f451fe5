"""CamerasService: the cameras the cloud knows, and how they are."""

import asyncio

import grpc

from cloud.access import may_read
from cloud.api.callers import Callers, end
from cloud.directions import Directions
from cloud.live import LiveAgents
from cloud.storage import frame_queries
from cloud.storage.frame_queries import CameraRow
from cloud.storage.store import Store
from shared_models.errors import LinkError, RefusedError
from slimstream.v1.control_pb2 import (
    Camera,
    CamerasServiceListRequest,
    CamerasServiceListResponse,
    ChangeSettingsRequest,
    ChangeSettingsResponse,
)
from slimstream.v1.control_pb2_grpc import CamerasServiceServicer
from slimstream.v1.ingest_pb2 import Settings


class CamerasApi(CamerasServiceServicer):
    """Answers calls about cameras."""

    def __init__(
        self,
        *,
        callers: Callers,
        store: Store,
        live: LiveAgents,
        directions: Directions | None,
        agent_timeout_s: float,
    ) -> None:
        """Say of the agents in `live` that they are connected; None for `directions` without a gateway."""
        self._callers = callers
        self._store = store
        self._live = live
        self._directions = directions
        self._agent_timeout_s = agent_timeout_s

    async def List(  # noqa: N802 - gRPC's name
        self,
        request: CamerasServiceListRequest,
        context: grpc.aio.ServicerContext[CamerasServiceListRequest, CamerasServiceListResponse],
    ) -> CamerasServiceListResponse:
        """Return every camera that the caller may read."""
        grant = await self._callers.grant_of(context)
        rows = await asyncio.to_thread(self._rows)
        cameras = [self._camera(row) for row in rows if may_read(grant, row.camera)]
        return CamerasServiceListResponse(cameras=cameras)

    async def ChangeSettings(  # noqa: N802 - gRPC's name
        self,
        request: ChangeSettingsRequest,
        context: grpc.aio.ServicerContext[ChangeSettingsRequest, ChangeSettingsResponse],
    ) -> ChangeSettingsResponse:
        """Change what a camera sends; without anything to change, say what it goes by."""
        settings = Settings(is_reset=request.is_reset)
        for name in ("quality", "width", "frames_per_second"):
            if request.HasField(name):
                setattr(settings, name, getattr(request, name))
        if settings == Settings():
            await self._callers.reader_of(request.camera, context)
        else:
            await self._callers.controller_of(request.camera, context)
        if self._directions is None:
            detail = "no agent is connected to this process; ask the one with the gateway role"
            await end(context, grpc.StatusCode.UNAVAILABLE, detail)
        timeout_s = request.timeout_ms / 1000 or self._agent_timeout_s
        try:
            answer = await self._directions.change(request.camera, settings, timeout_s)
        except RefusedError as error:
            await end(context, grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except LinkError as error:
            await end(context, grpc.StatusCode.UNAVAILABLE, str(error))
        return ChangeSettingsResponse(
            quality=answer.quality,
            width=answer.width,
            frames_per_second=answer.frames_per_second,
            directed=answer.directed,
        )

    def _rows(self) -> list[CameraRow]:
        with self._store.reading() as connection:
            return frame_queries.camera_rows(connection)

    def _camera(self, row: CameraRow) -> Camera:
        camera = Camera(
            camera=row.camera,
            agent=row.agent,
            epoch=row.epoch,
            newest_seq=row.newest_seq,
            newest_capture_ns=row.newest_capture_ns,
            stored_frames=row.stored_frames,
            stored_bytes=row.stored_bytes,
        )
        agent = self._live.of_camera(row.camera)
        if agent is not None:
            camera.agent, camera.is_connected = agent.name, True
            if row.camera in agent.statuses:
                camera.last_error = agent.statuses[row.camera].last_error
            if agent.clock_offset_ns is not None:
                camera.clock_offset_ns = agent.clock_offset_ns
        return camera
