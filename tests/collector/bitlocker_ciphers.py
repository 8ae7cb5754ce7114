"""The ways BitLocker encrypts a sector, for the tests' writer: XTS, CBC, and CBC behind the Elephant diffuser.

Written from N. Ferguson, "AES-CBC + Elephant diffuser: A Disk Encryption Algorithm for Windows Vista" (2006).
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SECTOR = 512
_WORDS = SECTOR // 4
_MASK = 0xFFFFFFFF
_A, _B = (9, 0, 13, 0), (0, 10, 0, 25)


def _aes(key: bytes, data: bytes) -> bytes:
    made = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - a single block, as the format has it
    return made.update(data) + made.finalize()


def _rotated(word: int, by: int) -> int:
    return (word << by | word >> (32 - by)) & _MASK


def diffused(data: bytes) -> bytes:
    """Both diffusers in the direction of encryption: A in five rounds, B in three, backwards through the sector."""
    d = list(struct.unpack(f"<{_WORDS}I", data))
    for i in reversed(range(5 * _WORDS)):
        n = i % _WORDS
        d[n] = (d[n] - (d[n - 2] ^ _rotated(d[n - 5], _A[n % 4]))) & _MASK
    for i in reversed(range(3 * _WORDS)):
        n = i % _WORDS
        d[n] = (d[n] - (d[(n + 2) % _WORDS] ^ _rotated(d[(n + 5) % _WORDS], _B[n % 4]))) & _MASK
    return struct.pack(f"<{_WORDS}I", *d)


def xts(key: bytes, data: bytes, number: int) -> bytes:
    """AES-XTS with the sector's number."""
    made = Cipher(algorithms.AES(key), modes.XTS(struct.pack("<QQ", number, 0))).encryptor()
    return made.update(data) + made.finalize()


def cbc(key: bytes, data: bytes, number: int) -> bytes:
    """AES-CBC; the initialisation vector is the encrypted byte offset."""
    vector = _aes(key, struct.pack("<QQ", number * SECTOR, 0))
    made = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return made.update(data) + made.finalize()


def elephant(size: int) -> Callable[[bytes, bytes, int], bytes]:
    """AES-CBC with diffuser: the first half of the key is that of AES, the second that of the sector key."""

    def encrypt(key: bytes, data: bytes, number: int) -> bytes:
        at = struct.pack("<QQ", number * SECTOR, 0)
        mask = (_aes(key[32 : 32 + size], at) + _aes(key[32 : 32 + size], at[:15] + b"\x80")) * (SECTOR // 32)
        mixed = bytes(a ^ b for a, b in zip(data, mask, strict=True))
        return cbc(key[:size], diffused(mixed), number)

    return encrypt


METHODS: dict[str, tuple[int, int, Callable[[bytes, bytes, int], bytes]]] = {
    "AES-CBC-128 with diffuser": (0x8000, 64, elephant(16)),
    "AES-CBC-256 with diffuser": (0x8001, 64, elephant(32)),
    "AES-CBC-128": (0x8002, 16, cbc),
    "AES-CBC-256": (0x8003, 32, cbc),
    "AES-XTS-128": (0x8004, 32, xts),
    "AES-XTS-256": (0x8005, 64, xts),
}
"""Name → (number in the metadata, bytes of the key, how a sector is encrypted)."""
