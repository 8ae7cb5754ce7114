"""Authorities made for a test: one that stamps times, one that certifies an examiner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from shellcase.seal.cms import CmsSigner
from tests.seal.bags import must

_TSA = """
[tsa]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_chain = no
"""


def authority(folder: Path, name: str) -> tuple[Path, Path]:
    """A root that stamps by itself: certificate and key."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    use = ("-addext", "extendedKeyUsage=critical,timeStamping", "-subj", f"/CN={name}", "-days", "3650", "-nodes")
    must("openssl", "req", "-x509", "-newkey", "rsa:2048", *use, "-keyout", key, "-out", cert)
    return cert, key


def stamp(folder: Path, query: Path) -> tuple[Path, Path]:
    """The root of an authority, and its reply to a request."""
    cert, key = authority(folder, "tsa")
    (folder / "tsa.cnf").write_text(_TSA.format(folder=folder.as_posix()), "ascii")
    (folder / "serial").write_text("01\n", "ascii")
    command = ("openssl", "ts", "-reply", "-config", folder / "tsa.cnf", "-section", "tsa")
    must(*command, "-queryfile", query, "-signer", cert, "-inkey", key, "-out", folder / "reply.tsr")
    return cert, folder / "reply.tsr"


def certified(kind: str = "rsa") -> CmsSigner:
    """An examiner with a certificate that he made himself."""
    private = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An Examiner")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=9))
    return CmsSigner(builder.sign(private, SHA256()), (), private)
