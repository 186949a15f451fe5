"""What every call of the API begins with: who calls, and may they look at this camera."""

from typing import Any, NoReturn

import grpc

from cloud.access import may_control, may_read
from runtime.credentials import Authenticator, Grant
from shared_models.errors import RefusedError
from slimstream.v1.control_pb2 import FrameNotHeld

NOT_HELD_TRAILER = "slimstream-not-held-bin"


class Callers:
    """Checks callers, and ends calls that cannot be answered."""

    def __init__(self, authenticator: Authenticator) -> None:
        """Know whom `authenticator` knows."""
        self._authenticator = authenticator

    async def grant_of(self, call: grpc.aio.ServicerContext[Any, Any]) -> Grant:
        """Return what the caller may do; end the call as UNAUTHENTICATED otherwise."""
        try:
            return self._authenticator.authenticate(call.invocation_metadata() or (), call.auth_context())
        except RefusedError as refused:
            await end(call, grpc.StatusCode.UNAUTHENTICATED, str(refused))

    async def reader_of(self, camera: str, call: grpc.aio.ServicerContext[Any, Any]) -> Grant:
        """Return what the caller may do; end the call as PERMISSION_DENIED if not to look at `camera`."""
        grant = await self.grant_of(call)
        if not may_read(grant, camera):
            await end(
                call, grpc.StatusCode.PERMISSION_DENIED, f"{grant.name} may not read camera {camera[:80]!r}"
            )
        return grant

    async def controller_of(self, camera: str, call: grpc.aio.ServicerContext[Any, Any]) -> Grant:
        """Return what the caller may do; end the call as PERMISSION_DENIED if not to direct `camera`."""
        grant = await self.grant_of(call)
        if not may_control(grant, camera):
            detail = f"{grant.name} may not change the settings of camera {camera[:80]!r}"
            await end(call, grpc.StatusCode.PERMISSION_DENIED, detail)
        return grant


async def end(
    call: grpc.aio.ServicerContext[Any, Any],
    code: grpc.StatusCode,
    detail: str,
    not_held: FrameNotHeld | None = None,
) -> NoReturn:
    """End a call with a status, a sentence, and what is there instead where a frame is not."""
    trailer = () if not_held is None else ((NOT_HELD_TRAILER, not_held.SerializeToString()),)
    await call.abort(code, detail, trailing_metadata=trailer)
    raise AssertionError("abort raises")
