"""SSHSIG, the signature format of OpenSSH (PROTOCOL.sshsig): the bytes that `ssh-keygen -Y sign` would write."""

from __future__ import annotations

import base64
import hashlib
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MAGIC, _KIND, _HASH = b"SSHSIG", b"ssh-ed25519", b"sha512"
_WIDTH = 70


def _field(content: bytes) -> bytes:
    """A string of the SSH wire format: length in four bytes, then the bytes."""
    return struct.pack(">I", len(content)) + content


def public_blob(key: Ed25519PublicKey) -> bytes:
    """The public key as SSH sends it: kind, then 32 bytes."""
    return _field(_KIND) + _field(key.public_bytes_raw())


def sign(message: bytes, key: Ed25519PrivateKey, namespace: str) -> bytes:
    """An armoured signature over the message. Same key, namespace and message: same bytes."""
    scope = _field(namespace.encode()) + _field(b"") + _field(_HASH)
    signed = _MAGIC + scope + _field(hashlib.sha512(message).digest())
    signature = _field(_KIND) + _field(key.sign(signed))
    blob = _MAGIC + struct.pack(">I", 1) + _field(public_blob(key.public_key())) + scope + _field(signature)
    return armour(blob)


def armour(blob: bytes) -> bytes:
    """A signature as a file; there is one spelling."""
    text = base64.b64encode(blob).decode()
    lines = [text[i : i + _WIDTH] for i in range(0, len(text), _WIDTH)]
    return "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines, "-----END SSH SIGNATURE-----", ""]).encode()
