"""Counting what the gRPC library refuses by itself: requests that do not parse, methods that do not exist."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from cloud.rejects import RejectReason


class RejectCounter(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs alone
    """Calls `count` with the reason of each refusal."""

    def __init__(self, count: Callable[[RejectReason], object]) -> None:
        """Count by `count`."""
        self._count = count

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 - the library's handlers have no common type
        """Return the method's handler, with a parser that counts; None for a method that does not exist."""
        handler = await continuation(handler_call_details)
        if handler is None:
            self._count(RejectReason.METHOD_UNKNOWN)
            return None
        parse = handler.request_deserializer
        return handler if parse is None else handler._replace(request_deserializer=self._counted(parse))

    def _counted(self, parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
        def counted(data: bytes) -> Any:  # noqa: ANN401
            try:
                return parse(data)
            except DecodeError:
                self._count(RejectReason.MESSAGE_MALFORMED)
                raise

        return counted
