"""MD5, SHA-1 and SHA-256 whose state can be written down, so that hashing goes on after the program was killed.

The standard library hides the state. OpenSSL's low-level functions keep it in a plain structure without pointers; they
are called where the library that Python itself uses offers them, and tried before they are trusted. Elsewhere the
digests are hashlib's, `save` gives nothing, and an interrupted hash starts anew.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import sys
from functools import cache
from pathlib import Path
from typing import Protocol

NAMES = ("md5", "sha1", "sha256")
_PREFIX = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256"}
_LENGTH = {"md5": 16, "sha1": 20, "sha256": 32}
_STATE = 128
"""Bytes; the largest of the three structures has 112."""


class Digest(Protocol):
    """What hashes a stream of bytes."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""
        ...

    def hexdigest(self) -> str:
        """The digest of what was taken in so far."""
        ...

    def save(self) -> str:
        """The state as hex digits, empty where it cannot be written down."""
        ...


def new(name: str) -> Digest:
    """A fresh digest."""
    return _Native(name, bytes(_STATE), fresh=True) if _trusted() else _Plain(name)


def restored(name: str, state: str) -> Digest | None:
    """A digest as `save` left it; None when this machine cannot go on with it."""
    try:
        raw = bytes.fromhex(state)
    except ValueError:
        return None
    return _Native(name, raw, fresh=False) if len(raw) == _STATE and _trusted() else None


def flavour() -> str:
    """Which structures a saved state has; another flavour's states are of no use. Empty: none can be saved."""
    if not _trusted():
        return ""
    library = _library()
    version = library.OpenSSL_version(0).decode("ascii", "replace") if library else ""
    return f"{version}, {sys.byteorder}, {ctypes.sizeof(ctypes.c_void_p)}"


class _Plain:
    def __init__(self, name: str) -> None:
        self._hash = hashlib.new(name, usedforsecurity=False)

    def update(self, data: bytes, /) -> None:
        self._hash.update(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def save(self) -> str:
        return ""


class _Native:
    """One structure of OpenSSL. ctypes lets go of the interpreter's lock during a call."""

    def __init__(self, name: str, state: bytes, *, fresh: bool) -> None:
        self._name = name
        self._state = ctypes.create_string_buffer(state, _STATE)
        if fresh:
            self._call("Init", self._state)

    def _call(self, what: str, *args: object) -> None:
        library = _library()
        if library is None or not library[f"{_PREFIX[self._name]}_{what}"](*args):
            raise OSError(f"{self._name} failed")

    def update(self, data: bytes, /) -> None:
        self._call("Update", self._state, ctypes.c_char_p(data), ctypes.c_size_t(len(data)))

    def hexdigest(self) -> str:
        out, copy = ctypes.create_string_buffer(32), ctypes.create_string_buffer(self._state.raw, _STATE)
        self._call("Final", out, copy)
        return out.raw[: _LENGTH[self._name]].hex()

    def save(self) -> str:
        return self._state.raw.hex()


@cache
def _library() -> ctypes.CDLL | None:
    """The libcrypto that Python's own hashlib is linked with."""
    for path in _places():
        try:
            library = ctypes.CDLL(path)
            library.OpenSSL_version.restype = ctypes.c_char_p
            for prefix in _PREFIX.values():
                for function in ("Init", "Update", "Final"):
                    library[f"{prefix}_{function}"].restype = ctypes.c_int
        except (OSError, AttributeError):
            continue
        return library
    return None


def _places() -> list[str]:
    found: list[str] = []
    try:
        import _hashlib

        found.append(str(_hashlib.__file__))
    except (ImportError, AttributeError):
        pass
    beside = sorted(str(p) for p in (Path(sys.base_prefix) / "DLLs").glob("libcrypto-3*.dll"))
    system = ctypes.util.find_library("crypto") if sys.platform.startswith("linux") else None
    return [*found, *beside, *([system] if system else [])]


@cache
def _trusted() -> bool:
    """Whether a digest that was saved and restored halfway gives what hashlib gives."""
    if _library() is None:
        return False
    data = bytes(range(251)) * 9
    return all(_survives(name, data) for name in NAMES)


def _survives(name: str, data: bytes) -> bool:
    try:
        first = _Native(name, bytes(_STATE), fresh=True)
        first.update(data[:1001])
        second = _Native(name, bytes.fromhex(first.save()), fresh=False)
        second.update(data[1001:])
    except OSError:
        return False
    return second.hexdigest() == second.hexdigest() == hashlib.new(name, data, usedforsecurity=False).hexdigest()
