"""A module run as a command tells a user's mistake in a sentence."""

from pathlib import Path

import pytest

from shared_models.errors import InputError
from shared_models.module_commands import told_in_a_sentence


def test_a_mistake_is_one_sentence_and_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left, told_in_a_sentence():
        raise InputError("photos/ holds no pictures; give a folder of photographs")
    assert left.value.code == 2
    assert capsys.readouterr().err == "error: photos/ holds no pictures; give a folder of photographs\n"


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left, told_in_a_sentence():
        Path("no-such-teacher.onnx").read_bytes()
    assert left.value.code == 2
    assert capsys.readouterr().err == "error: no-such-teacher.onnx: No such file or directory\n"


def test_an_error_of_ours_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), told_in_a_sentence():
        _ = 1 // 0
