from pathlib import Path

import pytest

from shared_models.errors import InputError
from shared_models.evaluation.latency.path_stages import BRIDGED
from shared_models.evaluation.latency.report import LatencyReport
from shared_models.evaluation.report import write_report
from shared_models.evaluation.schema import read_report
from tests.shared_models.evaluation.latency.reports import report, row

ROWS = (
    row("transform", 4.0, macs=200_000_000),
    row("encode", 6.0, is_whole=True, bytes_out=2000),
    row(BRIDGED, 6.0, side="cloud", is_whole=True),
    row("JPEG encode", 1.0, side="peer", is_whole=True, backend="Pillow", bytes_out=9000),
)


def test_a_report_comes_back_from_its_file(tmp_path: Path) -> None:
    written = report(ROWS)
    write_report(tmp_path / "latency.json", written)
    found = read_report(tmp_path / "latency.json")
    assert isinstance(found, LatencyReport)
    assert found == written


def test_its_tables_hold_every_stage_and_what_the_machine_can_do() -> None:
    text = report(ROWS).markdown()
    assert "| fp32" in text
    assert "**encode**" in text
    assert "| 64×48 | transform" in text
    assert "slimstream eval latency" in text


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_it_can_be_drawn(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"latency.{suffix}"
    report(ROWS).draw(path)
    assert path.stat().st_size > 1000


def test_ours_is_drawn_at_its_own_threads_and_one_quality_beside_peers_on_one_thread(tmp_path: Path) -> None:
    ours = [row("encode", 6.0, is_whole=True, quality=quality, threads=2) for quality in (10, 50, 90)]
    report((*ours, ROWS[-1])).draw(tmp_path / "latency.svg")
    svg = (tmp_path / "latency.svg").read_text()
    assert svg.count(">encode, width 0.5, fp32</text>") == 1
    assert ">JPEG encode (Pillow)</text>" in svg
    assert "2 threads; peers on one" in svg


def test_a_figure_of_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no picture"):
        report(ROWS).draw(tmp_path / "latency.txt")
