import subprocess
import sys
from pathlib import Path

import pytest

from shared_models.evaluation.report import write_report
from tests.console.conftest import CommandLine
from tests.shared_models.evaluation.latency.reports import report, row


@pytest.fixture
def old(tmp_path: Path) -> Path:
    measured = report((row("transform", 4.0, macs=200_000_000),))
    write_report(
        tmp_path / "old.json", measured.model_copy(update={"command": "slimstream eval latency -x 'a b'"})
    )
    return tmp_path / "old.json"


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Commands that ran: each wrote `new` where --json says, unless it was to fail."""
    commands: list[list[str]] = []

    def run(command: list[str], *, check: bool) -> "subprocess.CompletedProcess[bytes]":
        commands.append(command)
        if "fail" in command:
            return subprocess.CompletedProcess(command, 2)
        Path(command[-1]).write_text("new")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr("console.eval.repeat.subprocess.run", run)
    return commands


def test_a_report_s_own_command_makes_the_new_one(
    slimstream: CommandLine, old: Path, ran: list[list[str]]
) -> None:
    assert slimstream("eval", "repeat", old, "--jobs", "2").code == 0
    (command,) = ran
    assert command[:-1] == [sys.executable, "-m", "console", "eval", "latency", "-x", "a b", "--json"]
    assert old.read_text() == "new"
    assert list(old.parent.iterdir()) == [old]


def test_the_old_report_stays_where_the_new_one_is_wanted_elsewhere(
    slimstream: CommandLine, old: Path, ran: list[list[str]], tmp_path: Path
) -> None:
    before = old.read_text()
    assert slimstream("eval", "repeat", old, "--output", tmp_path / "today").code == 0
    assert (old.read_text(), (tmp_path / "today" / "old.json").read_text()) == (before, "new")


def test_what_fails_leaves_the_old_report_and_the_next_one_follows(
    slimstream: CommandLine, old: Path, ran: list[list[str]], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(old.read_text().replace("-x 'a b'", "fail"))
    before = bad.read_text()
    done = slimstream("eval", "repeat", bad, old)
    assert (done.code, bad.read_text(), old.read_text()) == (2, before, "new")
    assert "not measured again, for the reasons above: bad.json; the old ones stay" in done.err


def test_a_report_of_another_command_is_refused_before_anything_runs(
    slimstream: CommandLine, old: Path, ran: list[list[str]], tmp_path: Path
) -> None:
    other = tmp_path / "other.json"
    other.write_text(old.read_text().replace("slimstream eval latency", "rm -r"))
    done = slimstream("eval", "repeat", old, other)
    assert done.code == 2
    assert "holds no command of `slimstream eval latency`" in done.err
    assert ran == []
