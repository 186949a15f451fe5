"""What a demo measured, as values, as a table for a terminal and as one JSON object."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group
from rich.table import Table

from console.demo.peers import PeerCost


@dataclass(frozen=True, slots=True)
class Spread:
    """A duration's median and 95th percentile over the frames, in milliseconds."""

    p50_ms: float
    p95_ms: float

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> "Spread":
        """Take the nearest-rank percentiles of one or more values."""
        ranked = sorted(values_ms)
        return cls(
            ranked[(len(ranked) - 1) // 2], ranked[min(len(ranked) - 1, math.ceil(0.95 * len(ranked)) - 1)]
        )


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer: how many frames sent it, its mean bytes (packet and header), its PSNR against the source."""

    layer: str
    frames: int
    bytes_per_frame: float
    psnr_db: float
    peers: tuple[PeerCost, ...]


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Everything a demo has to say."""

    clip: str
    frame_width: int
    frame_height: int
    frames: int
    frames_per_second: float
    run_seconds: float
    kbit_per_second: float
    layers: tuple[LayerReport, ...]
    stages: dict[str, Spread]
    end_to_end: Spread
    clock_uncertainty_ms: float | None
    detections: dict[str, int]
    pictures: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for `json.dumps`."""
        return asdict(self)

    def to_tables(self) -> Group:
        """Lay the figures out for a terminal."""
        return Group(self._layer_table(), "", self._time_table(), "", self._detection_table())

    def _layer_table(self) -> Table:
        title = (
            f"{self.frames} frames of {self.frame_width}×{self.frame_height} at "
            f"{self.frames_per_second:g} fps: {self.kbit_per_second:.1f} kbit/s of latents"
        )
        table = Table(title=title, title_justify="left")
        for heading in ("layer", "frames", "bytes/frame", "dB"):
            table.add_column(heading, justify="left" if heading == "layer" else "right")
        peers = [peer.codec for peer in self.layers[0].peers]
        for codec in peers:
            table.add_column(codec, justify="right")
        for layer in self.layers:
            costs = [_cost(peer, layer.psnr_db) for peer in layer.peers]
            figures = f"{layer.bytes_per_frame:,.0f}", f"{layer.psnr_db:.1f}"
            table.add_row(layer.layer, str(layer.frames), *figures, *costs)
        table.caption = f"{', '.join(peers)}: bytes a frame at the same PSNR (dB) against the source"
        if any(peer.is_floor for layer in self.layers for peer in layer.peers):
            table.caption += "\n≤: the codec's lowest quality is already better than that"
        return table

    def _time_table(self) -> Table:
        table = Table(title="milliseconds", title_justify="left")
        table.add_column("stage")
        for heading in ("p50", "p95"):
            table.add_column(heading, justify="right")
        for stage, spread in (self.stages | {"capture to result": self.end_to_end}).items():
            table.add_row(stage, f"{spread.p50_ms:.1f}", f"{spread.p95_ms:.1f}")
        if self.clock_uncertainty_ms is not None:
            table.caption = f"both sides on one clock, ± {self.clock_uncertainty_ms:.1f} ms"
        return table

    def _detection_table(self) -> Table:
        table = Table(title="detected on the latents", title_justify="left", min_width=26)
        table.add_column("class")
        table.add_column("boxes", justify="right")
        for label, count in sorted(self.detections.items(), key=lambda item: -item[1]):
            table.add_row(label, str(count))
        return table


def _cost(peer: PeerCost, wanted_db: float) -> str:
    """Say what a peer needs: at most that when it cannot go lower, more when it cannot go higher."""
    sign = "≤ " if peer.is_floor else "> " if peer.psnr_db < wanted_db - 0.1 else ""
    return f"{sign}{peer.bytes_per_frame:,.0f}"
