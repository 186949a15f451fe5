from pathlib import Path

import pytest

from console.reference_schemas import schema_pages

REFERENCE = Path(__file__).parents[2] / "docs" / "ref"


@pytest.mark.parametrize("name", schema_pages())
def test_the_committed_page_is_what_the_code_says(name: str) -> None:
    assert (REFERENCE / name).read_text() == schema_pages()[name], "run `make docs`"


def test_every_metric_has_a_row_with_its_meaning() -> None:
    rows = [line for line in schema_pages()["metrics.md"].splitlines() if line.startswith("| `slimstream_")]
    assert len(rows) > 40
    for row in rows:
        _, name, kind, _, meaning, _ = row.split("|")
        assert name.strip("` ").split("_")[1] in ("edge", "cloud")
        assert kind.strip() in ("counter", "gauge", "histogram")
        assert meaning.strip().endswith(".")


def test_a_page_does_not_depend_on_the_machine_that_writes_it() -> None:
    assert "| `agent` | text | the host's name |" in schema_pages()["config-edge.md"]
