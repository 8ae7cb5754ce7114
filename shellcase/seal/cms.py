"""An optional second signature with the examiner's own certificate: CMS (PKCS #7), detached, DER."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder

from shellcase.errors import UsageError
from shellcase.seal.cms_check import is_second, signature_of
from shellcase.seal.keys import AskPassphrase

_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class CmsSigner:
    """The certificate, those between it and its root as far as the file has them, and the private key."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    private: RSAPrivateKey | EllipticCurvePrivateKey

    def sign(self, message: bytes) -> bytes:
        """A detached signature over exactly these bytes.

        Of each ECDSA signature anybody can make a second one that is as good. The seal holds the one with the low s,
        so that the other is known as a change: every second attempt gives it.
        """
        made = self._sign(message)
        while is_second(self.certificate, signature_of(made)):
            made = self._sign(message)
        return made

    def _sign(self, message: bytes) -> bytes:
        builder = PKCS7SignatureBuilder().set_data(message).add_signer(self.certificate, self.private, SHA256())
        for other in self.chain:
            builder = builder.add_certificate(other)
        return builder.sign(Encoding.DER, [PKCS7Options.DetachedSignature, PKCS7Options.Binary])

    @property
    def pem(self) -> bytes:
        """The certificates, for those who check without a store of their own."""
        return b"".join(c.public_bytes(Encoding.PEM) for c in (self.certificate, *self.chain))


def load_signer(certificate: Path, key: Path, ask: AskPassphrase, now: datetime) -> CmsSigner:
    """Open both files; UsageError when they are damaged, of an unfit kind, do not fit each other, or ran out."""
    first, *chain = _certificates(certificate)
    private = _private(key, ask)
    if _public_bytes(first.public_key()) != _public_bytes(private.public_key()):
        raise UsageError("the private key does not belong to the certificate", str(key), "give the two that fit")
    if not first.not_valid_before_utc <= now <= first.not_valid_after_utc:
        period = f"{first.not_valid_before_utc:%Y-%m-%d} to {first.not_valid_after_utc:%Y-%m-%d}"
        raise UsageError(f"the certificate is valid only from {period}", str(certificate), "give a valid one")
    return CmsSigner(first, tuple(chain), private)


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]


def _content(path: Path, what: str) -> bytes:
    if not path.is_file():
        raise UsageError(f"there is no such {what} file", str(path), "check the path")
    with path.open("rb") as fh:
        return fh.read(_LARGEST)


def _certificates(path: Path) -> list[x509.Certificate]:
    content = _content(path, "certificate")
    try:
        if b"-----BEGIN" in content:
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError as error:
        raise UsageError("this is no X.509 certificate", str(path), "give the certificate as PEM or DER") from error


def _private(path: Path, ask: AskPassphrase) -> RSAPrivateKey | EllipticCurvePrivateKey:
    content = _content(path, "key")
    try:
        key = _loaded(path, content, ask)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(
            "this private key cannot be opened: no PEM file, damaged, or a wrong passphrase",
            str(path),
            "give the certificate's private key as PEM (PKCS #8), and its passphrase",
        ) from error
    if not isinstance(key, RSAPrivateKey | EllipticCurvePrivateKey):
        raise UsageError("CMS signatures need an RSA or ECDSA key", str(path), "use --key for an Ed25519 key")
    return key


def _loaded(path: Path, content: bytes, ask: AskPassphrase) -> object:
    """The library says TypeError when a passphrase is needed."""
    try:
        return load_pem_private_key(content, None)
    except TypeError:
        return load_pem_private_key(content, ask(path))
