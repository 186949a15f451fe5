"""Places on the network that a test may name before anybody listens there."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port of loopback for servers that come and go within the block.

    The socket is bound and never listens: a connection is refused until a server that allows reuse, as those
    of gRPC and Python do, listens beside it. Nobody else is given the port meanwhile, by the kernel neither.
    """
    with socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        yield int(place.getsockname()[1])
