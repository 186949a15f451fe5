"""The pages of results say what the committed results say."""

from pathlib import Path

import pytest

from shared_models.errors import InputError
from shared_models.evaluation.latency.path_stages import BRIDGED, ON_PIXELS
from shared_models.evaluation.latency.ratios import ratios_of
from shared_models.evaluation.result_pages import pages, read_results, write_pages
from tests.shared_models.evaluation.latency.reports import report, row

ROOT = Path(__file__).parents[3]
ROWS = (
    row("transform", 4.0, macs=200_000_000),
    row("encode", 6.0, is_whole=True, bytes_out=2000),
    row(BRIDGED, 6.0, side="cloud", is_whole=True),
    row(ON_PIXELS, 8.0, side="peer", is_whole=True),
)


def test_the_committed_pages_are_those_of_the_committed_results() -> None:
    results = read_results(ROOT / "benchmarks" / "results")
    for name, text in pages(results).items():
        held = (ROOT / "docs" / name).read_text()
        assert held == text, f"docs/{name} is not what the results say: run `slimstream eval docs`"


def test_every_committed_result_has_its_figure() -> None:
    for name in read_results(ROOT / "benchmarks" / "results"):
        assert (ROOT / "docs" / "figures" / "results" / f"{name}.svg").is_file()


def test_each_result_brings_its_command_its_machine_and_its_date(tmp_path: Path) -> None:
    measured = report(ROWS).model_copy(update={"ratios": tuple(ratios_of(ROWS))})
    written = write_pages({"latency": measured}, tmp_path)
    assert [path.name for path in written] == ["benchmarks.md", "performance.md", "latency.svg"]
    for name in ("benchmarks.md", "performance.md"):
        text = (tmp_path / name).read_text()
        assert "slimstream eval latency" in text
        assert "a processor, 2 cores" in text
        assert f"{measured.date:%Y-%m-%d}" in text
    assert "0.750 × the time" in (tmp_path / "performance.md").read_text()


def test_a_file_that_is_no_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text('{"kind": "odd"}')
    with pytest.raises(InputError, match=r"odd\.json"):
        read_results(tmp_path)
    with pytest.raises(InputError, match="no directory"):
        read_results(tmp_path / "absent")
