"""The doctor names what is missing and how to mend it, and never falls ill itself."""

import json

import pytest
from typer.testing import CliRunner

from console import doctor
from console.doctor import Finding, Role, Verdict, check_extra, guarded
from shared_models.errors import PackageError


def test_a_missing_extra_is_broken_only_for_the_role_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_is_installed", lambda module: module != "sqlalchemy")
    needed, other = check_extra("cloud", is_needed=True), check_extra("cloud", is_needed=False)
    assert needed.verdict is Verdict.BROKEN
    assert other.verdict is Verdict.OPTIONAL
    assert needed.seen == "without sqlalchemy"
    assert needed.remedy == "pip install 'slimstream[cloud]'"


def test_a_damaged_model_is_a_finding_and_not_a_crash() -> None:
    def look() -> Finding:
        raise PackageError("slim-1/preview.onnx does not match its sum")

    finding = guarded("model", look)
    assert finding.verdict is Verdict.BROKEN
    assert "preview.onnx" in finding.seen


@pytest.mark.parametrize("check", ["protocol", "media", "model"])
def test_a_library_that_breaks_in_its_own_way_is_a_finding_with_a_remedy(check: str) -> None:
    def look() -> Finding:
        raise AttributeError("_ARRAY_API not found")

    finding = guarded(check, look)
    assert (finding.verdict, finding.seen) == (Verdict.BROKEN, "AttributeError: _ARRAY_API not found")
    assert "pip install" in finding.remedy


def test_what_this_installation_has_is_in_order() -> None:
    for check in (doctor.check_protocol, doctor.check_media):
        assert check().verdict is Verdict.OK


def test_two_builds_of_one_library_are_called_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda distribution: "1.0")
    finding = doctor.check_rivals("onnxruntime", "onnxruntime-gpu")
    assert finding.verdict is Verdict.WARNING
    assert "pip uninstall" in finding.remedy


def test_broken_findings_make_the_exit_code_one_and_the_json_says_which(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Finding("model", Verdict.BROKEN, "is missing", "reinstall")
    monkeypatch.setattr(doctor, "findings", lambda role: [broken])
    outcome = CliRunner().invoke(doctor.app, ["--json", "--role", Role.EDGE])
    assert outcome.exit_code == 1
    assert json.loads(outcome.stdout) == [
        {"check": "model", "verdict": "broken", "seen": "is missing", "remedy": "reinstall"}
    ]


def test_square_brackets_of_a_remedy_reach_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Finding("extra edge", Verdict.OPTIONAL, "without av", "pip install 'slimstream[edge]'")
    monkeypatch.setattr(doctor, "findings", lambda role: [found])
    assert "slimstream[edge]" in CliRunner().invoke(doctor.app, []).stdout.replace("\n", "")
