"""`slimstream certs`: an authority, certificates and tokens."""

import json
import stat
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner, Result

from console.certs import app
from runtime.credentials.grants import Grant, TokenTable
from shared_models.errors import InputError

runner = CliRunner()


def certs(*arguments: str) -> Result:
    result = runner.invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    assert certs("init", str(tmp_path / "certs"), "--host", "gw.example", "--host", "10.0.0.1").exit_code == 0
    return tmp_path / "certs"


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_the_gateways_certificate_is_good_for_every_host(directory: Path) -> None:
    server = load(directory / "server.pem")
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["gw.example", "localhost"]
    assert {str(a) for a in names.get_values_for_type(x509.IPAddress)} == {"10.0.0.1", "127.0.0.1", "::1"}
    server.verify_directly_issued_by(load(directory / "ca.pem"))


def test_an_agents_certificate_carries_its_cameras(directory: Path) -> None:
    certs("agent", "roof", "--cameras", "gate-*, yard", "--dir", str(directory))
    names = load(directory / "roof.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    grant = Grant.from_uris("roof", names.get_values_for_type(x509.UniformResourceIdentifier))
    assert grant == Grant("roof", writes=("gate-*", "yard"), reads=("gate-*", "yard"))


def test_a_viewers_certificate_writes_nothing(directory: Path) -> None:
    certs("viewer", "eve", "--dir", str(directory))
    names = load(directory / "eve.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    grant = Grant.from_uris("eve", names.get_values_for_type(x509.UniformResourceIdentifier))
    assert grant == Grant("eve", reads=("*",))


def test_changing_settings_is_granted_by_name(directory: Path) -> None:
    certs("viewer", "ops", "--cameras", "a", "--controls", "--dir", str(directory))
    names = load(directory / "ops.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    grant = Grant.from_uris("ops", names.get_values_for_type(x509.UniformResourceIdentifier))
    assert grant == Grant("ops", reads=("a",), controls=("a",))
    certs("token", "ops", "--cameras", "a", "--read-only", "--controls", "--dir", str(directory))
    secret = (directory / "ops.token").read_text().strip()
    assert TokenTable.load(directory / "tokens.yaml").grant_of(secret) == grant


def test_tokens_are_listed_by_hash_and_work(directory: Path) -> None:
    for name, cameras in (("roof", "a,b"), ("yard", "c")):
        certs("token", name, "--cameras", cameras, "--dir", str(directory))
    certs("token", "eve", "--cameras", "*", "--read-only", "--dir", str(directory))
    table = TokenTable.load(directory / "tokens.yaml")
    secret = (directory / "roof.token").read_text().strip()
    assert secret not in (directory / "tokens.yaml").read_text()
    assert table.grant_of(secret) == Grant("roof", writes=("a", "b"), reads=("a", "b"))
    eve = (directory / "eve.token").read_text().strip()
    assert table.grant_of(eve) == Grant("eve", writes=(), reads=("*",))


def test_secrets_are_for_their_owner_only(directory: Path) -> None:
    certs("agent", "roof", "--cameras", "a", "--dir", str(directory))
    certs("token", "roof", "--cameras", "a", "--dir", str(directory))
    for name in ("ca-key.pem", "server-key.pem", "roof-key.pem", "roof.token"):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600


def test_the_report_can_be_read_by_programs(directory: Path) -> None:
    result = certs("agent", "roof", "--cameras", "a", "--dir", str(directory), "--json")
    report = json.loads(result.stdout)
    assert Path(report["private_key_file"]).is_file()
    assert report["writes"] == ["a"]


def test_nothing_in_use_is_overwritten(directory: Path) -> None:
    before = (directory / "ca.pem").read_bytes()
    with pytest.raises(InputError, match="exists already"):
        certs("init", str(directory))
    assert (directory / "ca.pem").read_bytes() == before


@pytest.mark.parametrize("name", ["../x", "", "ca", "server", "a b", "x" * 65])
def test_a_name_that_is_no_name_is_refused(directory: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no name"):
        certs("agent", "--cameras", "a", "--dir", str(directory), "--", name)


def test_without_an_authority_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="slimstream certs init"):
        certs("agent", "roof", "--cameras", "a", "--dir", str(tmp_path))
