"""An RTSP camera as a source."""

from typing import Final

from edge.sources.container import ContainerSource
from runtime.secrets import mask_url_passwords

_LOW_LATENCY: Final = {
    "fflags": "nobuffer",
    "flags": "low_delay",
    # H.264 and H.265 cameras describe themselves in the first packets; waiting for more only adds delay.
    "probesize": "32768",
    "analyzeduration": "0",
    "max_delay": "500000",  # microseconds that reordered UDP packets may wait
}


def open_rtsp(url: str, *, transport: str, open_timeout_s: float, read_timeout_s: float) -> ContainerSource:
    """Open `url` with little buffering; a camera silent for `read_timeout_s` raises SourceError on `grab`."""
    options = _LOW_LATENCY | {
        "rtsp_transport": transport,
        "timeout": str(round(max(open_timeout_s, read_timeout_s) * 1e6)),  # of the socket, in microseconds
    }
    return ContainerSource(
        url,
        name=mask_url_passwords(url),
        is_live=True,
        options=options,
        open_timeout_s=open_timeout_s,
        read_timeout_s=read_timeout_s,
    )
