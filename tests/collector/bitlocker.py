"""A small writer of BitLocker volumes (metadata version 2, every method), judged by cryptsetup and dissect.fve.

Written from libbde's format description. Metadata take the place of free clusters, as Windows does it.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from tests.collector.bitlocker_ciphers import METHODS

SECTOR = 512
BLOCK = 1 << 16
HEAD = 16
GUID = UUID("4967d63b-2e29-4ad8-8399-f6a339e3d001")
PROTECTOR = UUID("0fad29b1-5b0c-4d07-8a94-0c2a4b7d6e01")
TPM = UUID("1fad29b1-5b0c-4d07-8a94-0c2a4b7d6e02")
RECOVERY = "-".join(f"{n * 11:06d}" for n in (1000, 20000, 30303, 404, 5555, 65535, 777, 12345))
KEY = bytes(range(64))
PASSWORD, WITH_PASSWORD, WITH_FILE = "seven cooks & 1 soup", UUID(int=8), UUID(int=9)
STARTUP = bytes(range(192, 224))
USUAL = "AES-XTS-128"
FVEK, VMK, SALT, CLEAR = KEY[:32], bytes(range(64, 96)), bytes(range(16)), bytes(range(128, 160))


@dataclass(frozen=True)
class Places:
    """Where the three copies of the metadata and the moved first sectors go, in bytes."""

    metadata: tuple[int, int, int]
    head: int


def places(bitmap: bytes, cluster: int) -> Places:
    """Four runs of 64 KiB that are free."""
    need, found, n = BLOCK // cluster, list[int](), HEAD * SECTOR // cluster + 1
    while len(found) < 4:
        if all(not bitmap[i >> 3] >> (i & 7) & 1 for i in range(n, n + need)):
            found.append(n * cluster)
            n += need
        n += 1
    return Places((found[0], found[1], found[2]), found[3])


def encrypt(
    volume: bytes, where: Places, *, suspended: bool = False, method: str = USUAL, password: str = PASSWORD
) -> bytes:
    """The volume as BitLocker keeps it; suspended ones hold the key to their key."""
    out = bytearray(volume)
    _number, length, cipher = METHODS[method]

    def _sector(data: bytes, number: int) -> bytes:
        return cipher(KEY[:length], data, number)

    for at in range(0, len(volume), SECTOR):
        out[at : at + SECTOR] = _sector(volume[at : at + SECTOR], at // SECTOR)
    for n in range(HEAD):
        place = where.head + n * SECTOR
        out[place : place + SECTOR] = _sector(volume[n * SECTOR : n * SECTOR + SECTOR], place // SECTOR)
    metadata = _metadata(len(volume), where, suspended, method, password)
    for at in where.metadata:
        out[at : at + BLOCK] = metadata.ljust(BLOCK, b"\0")
    boot = bytearray(volume[:SECTOR])
    boot[:11] = b"\xeb\x58\x90-FVE-FS-"
    boot[160:200] = GUID.bytes_le + struct.pack("<QQQ", *where.metadata)
    out[:SECTOR] = boot
    return bytes(out)


def _datum(role: int, kind: int, data: bytes) -> bytes:
    return struct.pack("<HHHH", 8 + len(data), role, kind, 1) + data


def _key(kind: int, key: bytes) -> bytes:
    return _datum(0, 1, struct.pack("<HH", kind, 0) + key)


def _boxed(role: int, key: bytes, plain: bytes, count: int) -> bytes:
    nonce = struct.pack("<QI", 132_000_000_000_000_000, count)
    sealed = AESCCM(key, tag_length=16).encrypt(nonce, plain, None)
    return _datum(role, 5, nonce + sealed[-16:] + sealed[:-16])


def _protector(guid: UUID, kind: int, inside: bytes) -> bytes:
    return _datum(2, 8, guid.bytes_le + struct.pack("<QHH", 132_000_000_000_000_000, 0, kind) + inside)


def _stretched(recovery: str) -> bytes:
    groups = b"".join(struct.pack("<H", int(group) // 11) for group in recovery.split("-"))
    return _rounds(hashlib.sha256(groups).digest())


def _of_password(password: str) -> bytes:
    return _rounds(hashlib.sha256(hashlib.sha256(password.encode("utf-16-le")).digest()).digest())


@lru_cache(4)
def _rounds(first: bytes) -> bytes:
    """A million rounds of SHA-256, as Windows does it."""
    last = bytes(32)
    for n in range(1 << 20):
        last = hashlib.sha256(last + first + SALT + struct.pack("<Q", n)).digest()
    return last


def startup_key() -> bytes:
    """The file that lies on the USB stick, as Windows writes it."""
    inside = WITH_FILE.bytes_le + struct.pack("<Q", 132_000_000_000_000_000) + _key(0x2002, STARTUP)
    datum = _datum(6, 9, inside)
    length = 48 + len(datum)
    return struct.pack("<IIII16sIHHQ", length, 1, 48, length, WITH_FILE.bytes_le, 1, 0, 0, 132 * 10**15) + datum


def _metadata(size: int, where: Places, suspended: bool, method: str, password: str) -> bytes:
    number, key_length, _cipher = METHODS[method]
    stretch = _datum(0, 3, struct.pack("<HH", 0x1000, 0) + SALT)
    inside = stretch + _boxed(0, _stretched(RECOVERY), _key(0x2003, VMK), 2)
    datums = _protector(PROTECTOR, 0x0800, inside) + _protector(TPM, 0x0100, b"")
    worded = stretch + _boxed(0, _of_password(password), _key(0x2003, VMK), 6)
    datums += _protector(WITH_PASSWORD, 0x2000, worded)
    datums += _protector(WITH_FILE, 0x0200, _boxed(0, STARTUP, _key(0x2003, VMK), 7))
    if suspended:
        datums += _protector(UUID(int=7), 0, _key(0x2000, CLEAR) + _boxed(0, CLEAR, _key(0x2003, VMK), 3))
    datums += _boxed(3, VMK, _key(number, KEY[:key_length]), 4)
    length = 48 + len(datums)
    dataset = struct.pack("<IIII16sIHHQ", length, 1, 48, length, UUID(int=5).bytes_le, 9, number, 0, 132 * 10**15)
    total = -(-(64 + length) // 16) * 16
    head = struct.pack("<8sHHHHQIIQQQQ", b"-FVE-FS-", total >> 4, 2, 4, 4, size, 0, HEAD, *where.metadata, where.head)
    body = (head + dataset + datums).ljust(total, b"\0")
    check = _boxed(0, VMK, _key(0x2005, hashlib.sha256(body).digest()), 5)
    return body + struct.pack("<HHI", 8 + len(check), 2, zlib.crc32(body)) + check
