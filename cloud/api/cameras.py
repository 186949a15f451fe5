"""CamerasService: the cameras the cloud knows, and how they are."""

import asyncio

import grpc

from cloud.access import may_read
from cloud.api.callers import Callers
from cloud.live import LiveAgents
from cloud.storage import frame_queries
from cloud.storage.frame_queries import CameraRow
from cloud.storage.store import Store
from slimstream.v1.control_pb2 import Camera, CamerasServiceListRequest, CamerasServiceListResponse
from slimstream.v1.control_pb2_grpc import CamerasServiceServicer


class CamerasApi(CamerasServiceServicer):
    """Answers calls about cameras."""

    def __init__(self, *, callers: Callers, store: Store, live: LiveAgents) -> None:
        """Say of the agents in `live` that they are connected."""
        self._callers = callers
        self._store = store
        self._live = live

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
