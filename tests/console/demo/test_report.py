"""What the demo says about its figures."""

import io
import json

import pytest
from rich.console import Console

from console.demo.peers import PeerCost
from console.demo.report import DemoReport, LayerReport, Spread


def report() -> DemoReport:
    peers = (PeerCost("JPEG", 2100.4, 22.1, is_floor=False), PeerCost("AVIF", 1840.0, 25.0, is_floor=True))
    return DemoReport(
        clip="street.mp4",
        frame_width=640,
        frame_height=272,
        frames=125,
        frames_per_second=12.5,
        run_seconds=31.0,
        kbit_per_second=120.0,
        layers=(LayerReport("base (preview)", 125, 1200.0, 22.0, peers),),
        stages={"encode": Spread(9.0, 14.0)},
        end_to_end=Spread(60.0, 90.0),
        clock_uncertainty_ms=0.4,
        detections={"person": 3, "car": 7},
        pictures=("frame-1.png",),
    )


@pytest.mark.parametrize(
    ("values", "spread"),
    [([5.0], Spread(5.0, 5.0)), ([1.0, 2.0, 3.0], Spread(2.0, 3.0)), (list(range(1, 101)), Spread(50, 95))],
)
def test_percentiles_are_values_that_were_measured(values: list[float], spread: Spread) -> None:
    assert Spread.of(values) == spread


def test_the_json_holds_every_figure_of_the_report() -> None:
    plain = json.loads(json.dumps(report().to_json()))
    assert plain["layers"][0]["peers"][1] == {
        "codec": "AVIF",
        "bytes_per_frame": 1840.0,
        "psnr_db": 25.0,
        "is_floor": True,
    }
    assert plain["end_to_end"] == {"p50_ms": 60.0, "p95_ms": 90.0}


def test_the_table_says_where_a_peer_cannot_go_lower() -> None:
    sink = Console(file=io.StringIO(), width=80)
    sink.print(report().to_tables())
    text = sink.file.getvalue()  # type: ignore[attr-defined]
    assert "≤ 1,840" in text
    assert "2,100" in text
    assert "…" not in text, "everything fits a terminal"
    assert text.index("car") < text.index("person"), "the most frequent class comes first"
