"""A development authority: makes its own certificate, and those of the gateway, of agents and of viewers."""

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime.credentials.grants import Grant
from shared_models.errors import InputError

AUTHORITY_DAYS: Final = 3650
LEAF_DAYS: Final = 825
"""What TLS clients on Apple's systems accept at most."""

_BACKDATED: Final = datetime.timedelta(hours=1)
"""A device whose clock is behind accepts a new certificate all the same."""


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a certificate and its key are."""

    certificate: Path
    private_key: Path


class Authority:
    """A certificate authority in a directory: `ca.pem` and `ca-key.pem`."""

    def __init__(
        self, directory: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        """Use `create` or `load`."""
        self.directory = directory
        self._key = key
        self._certificate = certificate

    @classmethod
    def create(cls, directory: Path) -> "Authority":
        """Make a new authority in `directory`; raise InputError if it has one."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Slimstream development authority")])
        usage = x509.KeyUsage(
            key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        certificate = (
            _builder(name, name, key.public_key(), AUTHORITY_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write(_files(directory, "ca"), certificate, key)
        return cls(directory, key, certificate)

    @classmethod
    def load(cls, directory: Path) -> "Authority":
        """Open the authority in `directory`; raise InputError."""
        files = _files(directory, "ca")
        try:
            key = serialization.load_pem_private_key(files.private_key.read_bytes(), password=None)
            certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        except FileNotFoundError as error:
            raise InputError(
                f"{directory} holds no authority; make one with `slimstream certs init`"
            ) from error
        except (OSError, ValueError) as error:
            raise InputError(
                f"cannot read the authority in {directory}: {error}; name another directory"
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InputError(
                f"{files.private_key} is not a key of ours; make one with `slimstream certs init`"
            )
        return cls(directory, key, certificate)

    def issue_server(self, hosts: Sequence[str]) -> CertificateFiles:
        """Make the gateway's certificate for the names and addresses it is reached by."""
        names = [_general_name(host) for host in hosts]
        return self._issue("server", hosts[0], names, ExtendedKeyUsageOID.SERVER_AUTH)

    def issue_client(self, grant: Grant) -> CertificateFiles:
        """Make the certificate of an agent or a viewer, which carries what it may write and read."""
        uris = [x509.UniformResourceIdentifier(uri) for uri in grant.to_uris()]
        return self._issue(grant.name, grant.name, uris, ExtendedKeyUsageOID.CLIENT_AUTH)

    def _issue(
        self,
        file_name: str,
        common_name: str,
        names: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
    ) -> CertificateFiles:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = (
            _builder(subject, self._certificate.subject, key.public_key(), LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        files = _files(self.directory, file_name)
        _write(files, certificate, key)
        return files


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _files(directory: Path, name: str) -> CertificateFiles:
    return CertificateFiles(directory / f"{name}.pem", directory / f"{name}-key.pem")


def _write(files: CertificateFiles, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_new(files.private_key, pem, 0o600)
    write_new(files.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def write_new(path: Path, data: bytes, mode: int) -> None:
    """Write a file that must not exist yet; raise InputError. Keys in use are never replaced unasked."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise InputError(f"{path} exists already; remove it first if it should be replaced") from error
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; name another directory") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
