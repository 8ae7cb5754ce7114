"""Taking an SSHSIG signature apart, strictly, and checking it: Ed25519 keys only, no byte that means nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

_ARMOUR = re.compile(
    rb"\s*-----BEGIN SSH SIGNATURE-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END SSH SIGNATURE-----\s*", re.DOTALL
)
_LARGEST = 1 << 16
_KIND = b"ssh-ed25519"
_DIGESTS = {b"sha512": hashlib.sha512, b"sha256": hashlib.sha256}


class SshSignature(Struct, frozen=True, kw_only=True):
    """A signature as it stands in the file; nothing of it is checked yet."""

    key: bytes
    namespace: str
    digest: bytes
    signature: bytes

    @property
    def public_line(self) -> str:
        """The key as in a `.pub` file, without a comment."""
        return public_line(self.key)

    @property
    def fingerprint(self) -> str:
        """Of the key, as `ssh-keygen -l` prints it."""
        return fingerprint(self.key)


class BadSignature(Exception):  # noqa: N818 - a reason, told to people
    """Why a signature is none, or does not fit."""


def parse(armoured: bytes) -> SshSignature:
    """Take the file apart; BadSignature when it is no SSHSIG signature of an Ed25519 key."""
    match = _ARMOUR.fullmatch(armoured) if len(armoured) <= _LARGEST else None
    if match is None:
        raise BadSignature("this is no SSH signature file")
    text = b"".join(match[1].split())
    try:
        blob = base64.b64decode(text, validate=True)
    except binascii.Error:
        blob = b""
    if base64.b64encode(blob) != text or blob[:10] != b"SSHSIG\0\0\0\1":
        raise BadSignature("the signature is damaged, or of another version")
    key, namespace, reserved, name, wrapped = _strings(blob[10:], 5)
    kind, raw = _strings(key, 2)
    signed_kind, signature = _strings(wrapped, 2)
    if (kind, signed_kind, len(raw), len(signature)) != (_KIND, _KIND, 32, 64):
        raise BadSignature("the signature is not one of an Ed25519 key")
    if reserved or name not in _DIGESTS:
        raise BadSignature("the signature uses a digest or extension that is not known here")
    return SshSignature(key=raw, namespace=namespace.decode("utf-8", "replace"), digest=name, signature=signature)


def check(found: SshSignature, message: bytes) -> None:
    """BadSignature when these bytes are not what was signed."""
    parts = [found.namespace.encode(), b"", found.digest, _DIGESTS[found.digest](message).digest()]
    try:
        Ed25519PublicKey.from_public_bytes(found.key).verify(found.signature, b"SSHSIG" + b"".join(map(_string, parts)))
    except (InvalidSignature, ValueError) as error:
        raise BadSignature("the signature does not fit these bytes: one of the two was changed") from error


def blob(found: SshSignature) -> bytes:
    """The bytes inside the armour, made again."""
    scope = _string(found.namespace.encode()) + _string(b"") + _string(found.digest)
    key, signature = _string(_KIND) + _string(found.key), _string(_KIND) + _string(found.signature)
    return b"SSHSIG\0\0\0\1" + _string(key) + scope + _string(signature)


def public_line(key: bytes) -> str:
    """`ssh-ed25519 AAAA…` of 32 bytes."""
    return "ssh-ed25519 " + base64.b64encode(_string(_KIND) + _string(key)).decode()


def fingerprint(key: bytes) -> str:
    """`SHA256:…` of 32 bytes."""
    digest = hashlib.sha256(_string(_KIND) + _string(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def fingerprint_of_line(line: str) -> str | None:
    """The fingerprint of a public key line (`ssh-ed25519 AAAA… comment`), None when it is none."""
    words = line.split()
    if len(words) < 2 or words[0] != "ssh-ed25519":
        return None
    try:
        kind, key = _strings(base64.b64decode(words[1], validate=True), 2)
    except (binascii.Error, BadSignature, ValueError):
        return None
    return fingerprint(key) if kind == _KIND and len(key) == 32 else None


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _strings(blob: bytes, count: int) -> list[bytes]:
    """So many strings of the SSH wire format, and not a byte more."""
    found: list[bytes] = []
    at = 0
    for _ in range(count):
        if at + 4 > len(blob):
            raise BadSignature("the signature is cut short")
        (length,) = struct.unpack_from(">I", blob, at)
        at += 4 + length
        if at > len(blob):
            raise BadSignature("the signature is cut short")
        found.append(blob[at - length : at])
    if at != len(blob):
        raise BadSignature("bytes follow the signature")
    return found
