"""The key that signs: an Ed25519 key in OpenSSH's own file format, made here or by `ssh-keygen -t ed25519`."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)

from shellcase.errors import UsageError
from shellcase.seal.sshsig import public_blob, sign

AskPassphrase = Callable[[Path], bytes]
"""Gives the passphrase of a key file, from a prompt or a file; it is asked only when the key has one."""

_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_LARGEST = 1 << 20
_USE_ED25519 = "make one with `shellcase keygen --out FILE`, or give an OpenSSH Ed25519 private key"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """An opened private key, where it lies, and when its file was written (all that is known of its age)."""

    private: Ed25519PrivateKey
    path: Path
    written: datetime

    @property
    def public_line(self) -> str:
        """As in a `.pub` file, without a comment."""
        return public_line(self.private)

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        digest = hashlib.sha256(public_blob(self.private.public_key())).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    def made_same_day(self, now: datetime) -> bool:
        """Whether the key file was written on the day of `now` or less than 24 hours away from it."""
        return self.written.date() == now.date() or abs(now - self.written) < timedelta(days=1)

    def sign(self, message: bytes, namespace: str) -> bytes:
        """An SSHSIG signature."""
        return sign(message, self.private, namespace)


def public_line(private: Ed25519PrivateKey) -> str:
    """`ssh-ed25519 AAAA…`."""
    return "ssh-ed25519 " + base64.b64encode(public_blob(private.public_key())).decode()


def load_key(path: Path, ask: AskPassphrase) -> SigningKey:
    """Open a private key file; UsageError when it is none, of another kind, or the passphrase is wrong."""
    content = _read(path)
    try:
        private = _open(path, content, ask)
    except UnsupportedAlgorithm as error:
        raise UsageError(f"this key cannot be opened here: {error}", str(path), _USE_ED25519) from error
    if not isinstance(private, Ed25519PrivateKey):
        kind = type(private).__name__.strip("_").removesuffix("PrivateKey")
        raise UsageError(f"the key is of the kind {kind}, not Ed25519", str(path), _USE_ED25519)
    return SigningKey(private=private, path=path, written=datetime.fromtimestamp(path.stat().st_mtime, UTC))


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise UsageError("there is no such key file", str(path), _USE_ED25519)
    with path.open("rb") as fh:
        content = fh.read(_LARGEST)
    if content.lstrip().startswith((b"ssh-", b"ecdsa-", b"sk-")):
        raise UsageError("this is a public key; signing needs the private one", str(path), "give the file without .pub")
    if _BEGIN not in content:
        raise UsageError("this is no OpenSSH private key file", str(path), _USE_ED25519)
    return content


def _open(path: Path, content: bytes, ask: AskPassphrase) -> object:
    """The key inside. The library says TypeError for "has a passphrase" and ValueError for all else."""
    try:
        return load_ssh_private_key(content, None)
    except TypeError:
        pass
    except ValueError as error:
        raise UsageError(f"the key file is damaged: {error}", str(path), "restore it from a copy") from error
    passphrase = ask(path)
    if not passphrase:
        raise UsageError("the key has a passphrase and none was given", str(path), "give it at the prompt or in a file")
    try:
        return load_ssh_private_key(content, passphrase)
    except ValueError as error:
        raise UsageError("the passphrase does not open the key", str(path), "try again") from error


def make_key(path: Path, comment: str, passphrase: bytes) -> SigningKey:
    """A new key as `path` (for its owner only) and `path.pub`; UsageError when either is there already."""
    public = path.with_name(path.name + ".pub")
    for file in (path, public):
        if file.exists() or file.is_symlink():
            raise UsageError("this file exists already", str(file), "choose another --out; keys are never overwritten")
    if not path.parent.is_dir():
        raise UsageError("there is no such folder", str(path.parent), "make it, or choose another --out")
    private = Ed25519PrivateKey.generate()
    locked: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    try:
        content = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, locked)
    except UnsupportedAlgorithm as error:
        raise UsageError(f"no key with a passphrase can be made here: {error}", str(path)) from error
    _write_new(path, content, 0o600)
    line = f"{public_line(private)} {' '.join(comment.split())}".rstrip()
    _write_new(public, f"{line}\n".encode(), 0o644)
    return SigningKey(private=private, path=path, written=datetime.fromtimestamp(path.stat().st_mtime, UTC))


def _write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that nobody else may have made in between."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags, mode), "wb") as fh:
        fh.write(content)
        fh.flush()
        os.fsync(fh.fileno())
