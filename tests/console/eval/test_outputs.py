from pathlib import Path

import pytest

from console.eval.outputs import Outputs
from shared_models.errors import InputError


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"plot": "out.txt"}, r"out\.txt is no figure that can be drawn; end it in \.png, \.svg, \.pdf"),
        ({"table": "."}, "is a directory; name a file in it"),
        ({"json": "taken/out.json"}, r"taken/out\.json cannot be written: .*; name another file"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_measured(
    files: dict[str, str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file where a directory is wanted")
    with pytest.raises(InputError, match=sentence):
        Outputs(**{"json": None, "plot": None, "table": None} | {k: Path(v) for k, v in files.items()})


def test_a_place_for_the_files_is_made_and_left_empty(tmp_path: Path) -> None:
    Outputs(json=tmp_path / "new" / "out.json", plot=None, table=None)
    assert list((tmp_path / "new").iterdir()) == []
