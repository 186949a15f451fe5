"""The command as a whole: what is listed, what is imported, how errors reach people."""

import subprocess
import sys
from pathlib import Path

import pytest

from console import lazy, main
from console.lazy import Entry, load_command
from console.main import ENTRIES, explain
from console.reference import cli_page, walk
from shared_models.errors import ConfigError, ModelError, SlimstreamError
from tests.console.conftest import CommandLine

ROOT = Path(__file__).resolve().parents[2]


def test_help_lists_every_command(slimstream: CommandLine) -> None:
    result = slimstream("--help")
    assert result.code == 0
    for name, entry in ENTRIES.items():
        assert name in result.out
        assert entry.summary in result.out
    assert slimstream().out == result.out


def test_the_list_of_commands_imports_nothing_heavy() -> None:
    code = (
        "import sys; from console.main import run; run(['--help']); "
        "heavy = {'torch', 'onnxruntime', 'numba', 'numpy', 'grpc', 'sqlalchemy'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def test_file_commands_import_no_torch() -> None:
    code = (
        "import sys, console.encode, console.decode, console.detect, console.classify, console.models; "
        "import shared_models.codecs.slim.codec, shared_models.tasks.detector, shared_models.tasks.bridged; "
        "heavy = {'torch', 'onnx', 'sqlalchemy', 'grpc'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_command_and_option_is_documented(name: str) -> None:
    entry = ENTRIES[name]
    for title, command in walk(f"slimstream {name}", load_command(name, entry)):
        assert command.help, title
        is_group = bool(getattr(command, "commands", None))
        assert is_group or (command.epilog or "").startswith("Examples:"), f"{title} shows no example"
    assert f"## `slimstream {name}`" in cli_page({name: entry})


@pytest.mark.parametrize("name", ENTRIES)
def test_the_line_in_the_list_is_what_the_command_says_of_itself(name: str) -> None:
    command = load_command(name, ENTRIES[name])
    assert command.help.split("\n\n")[0] == ENTRIES[name].summary


def test_every_example_begins_with_the_command_it_is_for() -> None:
    for name in ENTRIES:
        for title, command in walk(f"slimstream {name}", load_command(name, ENTRIES[name])):
            _, *examples = (command.epilog or "").split("\n\n")
            assert all(title in example for example in examples), title


def test_the_committed_page_of_the_commands_is_what_their_help_says() -> None:
    page = Path(__file__).parents[2] / "docs" / "ref" / "cli.md"
    assert page.read_text(encoding="utf-8") == cli_page(ENTRIES), "run `make docs`"


def test_a_missing_extra_is_said_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(module: str) -> None:
        raise ModuleNotFoundError(f"No module named 'grpc', wanted by {module}", name="grpc")

    monkeypatch.setattr(lazy, "import_module", fail)
    with pytest.raises(ConfigError, match=r"needs grpc; pip install 'slimstream\[edge\]'"):
        load_command("edge", Entry("edge.cli", "Run the agent.", "edge"))


def test_a_missing_module_of_ours_is_not_blamed_on_an_extra() -> None:
    with pytest.raises(ModuleNotFoundError):
        load_command("edge", Entry("edge.nothing", "Run the agent.", "edge"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelError("the model is torn"), 2),
        (SlimstreamError("it broke"), 1),
        (FileNotFoundError(2, "No such file", "x.yaml"), 1),
        (PermissionError(13, "Permission denied", "/x.json"), 2),
        (OSError(28, "No space left on device", "x.json"), 1),
        (RuntimeError("surprise"), 1),
    ],
)
def test_every_error_becomes_a_sentence_and_a_code(error: Exception, code: int) -> None:
    message, exit_code = explain(error)
    assert exit_code == code
    assert message


def test_what_nobody_expected_asks_for_a_report(
    slimstream: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("surprise")

    monkeypatch.setattr("console.inspect.read_bytes", break_down)
    result = slimstream("inspect", tmp_path / "x.slim")
    assert result.code == 1
    assert "internal error, RuntimeError: surprise; please report it" in result.err
    monkeypatch.setenv(main.TRACEBACK_VARIABLE, "1")
    with pytest.raises(RuntimeError, match="surprise"):
        slimstream("inspect", tmp_path / "x.slim")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frob"], "No such command 'frob'"),
        (["--frob"], "--frob"),
        (["models"], "Missing command"),
        (["docs"], "--output"),
    ],
)
def test_a_wrong_command_line_points_to_the_right_help(
    slimstream: CommandLine, arguments: list[str], said: str
) -> None:
    result = slimstream(*arguments)
    assert result.code == 2
    assert said in result.err
    assert "--help`" in result.err
    assert result.err.count("\n") == 1
