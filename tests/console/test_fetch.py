"""`slimstream models fetch`."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared_models.packages import third_party
from tests.console.conftest import CommandLine
from tests.shared_models.packages.file_server import FileServer, serving

DATA = b"a network" * 1000
ENTRY = {
    "task": "detect",
    "file": "net.onnx",
    "sha256": hashlib.sha256(DATA).hexdigest(),
    "size_bytes": len(DATA),
    "licence": "MIT",
    "source": "a test",
    "note": "",
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slimstream: CommandLine) -> Iterator[FileServer]:
    """Serve the one model that the list names; `unpublished` is the same file without an address."""
    with serving(FileServer(DATA)) as running:
        entries = [
            {**ENTRY, "name": "net", "url": f"{running.url}/net.onnx"},
            {**ENTRY, "name": "unpublished", "url": None},
        ]
        (tmp_path / "list.json").write_text(json.dumps(entries))
        monkeypatch.setattr(third_party, "_LIST", tmp_path / "list.json")
        monkeypatch.setenv("SLIMSTREAM_MODELS", str(tmp_path / "models"))
        third_party.third_party_models.cache_clear()
        yield running
    third_party.third_party_models.cache_clear()


def test_a_model_is_fetched_once_and_then_found(slimstream: CommandLine, server: FileServer) -> None:
    first = slimstream("models", "fetch", "net", "--json")
    assert Path(json.loads(first.out)["path"]) == third_party.fetched_model("net")
    assert slimstream("models", "fetch", "net").code == 0
    assert server.asked == [None]


def test_the_list_says_which_are_here(slimstream: CommandLine, server: FileServer) -> None:
    slimstream("models", "fetch", "net")
    rows = json.loads(slimstream("models", "fetch", "--json").out)
    assert [bool(row["path"]) for row in rows] == [True, False]
    assert "to be imported" in slimstream("models", "fetch").out


def test_a_mirror_and_a_directory_can_be_named(
    slimstream: CommandLine, server: FileServer, tmp_path: Path
) -> None:
    result = slimstream(
        "models", "fetch", "unpublished", "--url-base", server.url + "/", "-o", tmp_path / "o"
    )
    assert result.code == 0
    assert (tmp_path / "o" / "net.onnx").read_bytes() == DATA


def test_a_file_that_nobody_publishes_has_to_be_imported(
    slimstream: CommandLine, server: FileServer, tmp_path: Path
) -> None:
    refused = slimstream("models", "fetch", "unpublished")
    assert refused.code == 2
    assert "fetch unpublished --model-file FILE" in refused.err
    (tmp_path / "mine.onnx").write_bytes(DATA)
    assert slimstream("models", "fetch", "unpublished", "--model-file", tmp_path / "mine.onnx").code == 0
    assert third_party.fetched_model("unpublished").read_bytes() == DATA


def test_wrong_files_and_contradictions_are_the_users_mistakes(
    slimstream: CommandLine, server: FileServer, tmp_path: Path
) -> None:
    server.data = DATA[::-1]
    assert slimstream("models", "fetch", "net").code == 2
    both = slimstream("models", "fetch", "net", "--model-file", tmp_path, "--url-base", server.url)
    assert both.code == 2
    assert "give one" in both.err
    assert slimstream("models", "fetch", "nothing").code == 2
