"""BitLocker volumes opened with dissect.fve; imported only where there is one, since its libraries are slow to load."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, cast

from dissect.fve.bde import BDE
from dissect.fve.exception import Error as FveError

from collector.encrypted import Locked, Unlocked
from collector.keychain import Key, Keys
from collector.media import READER_FAULTS, StreamMedia, StrictFile, try_read
from collector.runs import Reader
from collector.sectors import CbcSectors, XtsSectors
from collector.signatures import boot_name

_FAULTS = (FveError, *READER_FAULTS)
_PROTECTORS = {
    0x0000: "clear key", 0x0100: "TPM", 0x0200: "startup key", 0x0300: "TPM and startup key", 0x0400: "TPM and PIN",
    0x0500: "TPM and PIN", 0x0800: "recovery password", 0x2000: "password",
}  # fmt: skip
_WORDS = {
    "recovery_key": "a recovery key",
    "passphrase": "a password",
    "file": "a startup key file",
    "raw": "a raw key",
}
_LARGEST_BEK = 1 << 20
_CIPHERS = {
    "AES_128": (CbcSectors, 16), "AES_256": (CbcSectors, 32), "AES_XTS_128": (XtsSectors, 32),
    "AES_XTS_256": (XtsSectors, 64),
}  # fmt: skip


def opened(volume: Reader, keys: Keys) -> Unlocked | Locked:
    """The decrypted volume, or why it stays closed."""
    try:
        return _open(volume, keys)
    except _FAULTS as error:
        return Locked(f"BitLocker, its metadata cannot be read ({error})")


def _open(volume: Reader, keys: Keys) -> Unlocked | Locked:
    bde = _bde(volume)
    if bde.decrypted:
        return Unlocked(_media(bde, volume), "BitLocker, already decrypted")
    found = _with_clear_key(volume, bde) if bde.has_clear_key() else None
    for key in keys.all():
        found = found or _with_key(volume, key)
    if found:
        return found
    what = f"none of the {len(keys.all())} keys given fits" if keys.all() else "no key was given"
    return Locked(f"BitLocker, locked: {what}; protectors: {', '.join(_protectors(bde)) or 'none'}")


def _with_clear_key(volume: Reader, bde: BDE) -> Unlocked | None:
    try:
        media = _media(bde.unlock_with_clear_key(), volume)
    except _FAULTS:
        return None
    return Unlocked(media, "BitLocker, suspended: opened with the clear key it holds")


def _media(bde: BDE, volume: Reader) -> Reader:
    """The decrypted volume, by our own ciphers where they are the faster ones."""
    stream = bde.open()
    kind, key = getattr(bde, "_fvek_type", None), getattr(bde, "_fvek", None)
    own = _CIPHERS.get(kind.name) if kind is not None else None
    if own and key:
        cipher, size = own
        stream.cipher = cipher(key[:size], stream.sector_size)
    return StreamMedia(stream, volume.size)


def _bde(volume: Reader) -> BDE:
    return BDE(cast(BinaryIO, StrictFile(volume)))


def _protectors(bde: BDE) -> Iterator[str]:
    """Kind and GUID of each, as Windows shows them beside a recovery key."""
    for vmk in bde.information.dataset.find_vmk(max_priority=0xFFFF):
        kind = int(vmk.priority) & 0xFF00
        yield f"{_PROTECTORS.get(kind, f'kind {kind:#06x}')} {{{str(vmk.identifier).upper()}}}"


def _with_key(volume: Reader, key: Key) -> Unlocked | None:
    """A fresh reader for each key, so that nothing of a wrong one is left behind."""
    try:
        bde = _bde(volume)
        only = key.identifier or None
        if key.kind == "recovery_key":
            bde.unlock_with_recovery_password(key.value, only)
        elif key.kind == "passphrase":
            bde.unlock_with_passphrase(key.value, only)
        elif key.kind == "raw":
            bde.unlock_with_fvek(bytes.fromhex(key.value))
        else:
            _with_file(bde, key)
        media = _media(bde, volume)
    except _FAULTS:
        return None
    if key.kind == "raw" and not boot_name(try_read(media, 0, 512)):
        return None  # nothing else tells whether a raw key is the right one
    return Unlocked(media, f"BitLocker, opened with {_WORDS[key.kind]}")


def _with_file(bde: BDE, key: Key) -> None:
    """The startup key file that the keychain names, from the keychain's own folder when its path is relative."""
    with (key.folder / key.value).open("rb") as fh:
        if fh.seek(0, 2) <= _LARGEST_BEK:
            fh.seek(0)
            bde.unlock_with_bek(fh)
