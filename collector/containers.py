"""Opening containers: raw, split raw, E01, VMDK, VHD, VHDX, VDI, QCOW2 as media, that is bytes at offsets.

By their bytes, so that endings do not matter, but where an ending promises what the bytes do not hold. Every file that
is opened was named on the command line or lies beside the one that was (`collector.nearby`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from collector import qcow, vhd, vhdx, vmdk
from collector.blocks import FilePart
from collector.ewf import EwfImage
from collector.ewfset import is_ewf
from collector.media import READER_FAULTS
from collector.nearby import Files
from collector.opened import ADVICE, Opened
from collector.runs import Reader
from collector.signatures import file_system, foreign_container
from collector.splitraw import Part, join, parts_of
from shellcase.errors import EvidenceError

__all__ = ["ADVICE", "Opened", "open_media"]

_MOST_DEEP = 64
_PROMISES = {".qcow2": "QCOW2", ".qcow": "QCOW2", ".vhdx": "VHDX", ".avhdx": "VHDX", ".vdi": "VDI", ".ad1": "AD1"}
_PROMISES |= {".ex01": "Ex01", ".l01": "L01", ".lx01": "Lx01", ".aff": "AFF", ".aff4": "AFF4", ".dmg": "DMG"}


def open_media(path: Path) -> Opened:
    """The media of a container. EvidenceError when its bytes are no container that can be decoded."""
    with path.open("rb") as fh:
        head = fh.read(512)
        foreign = foreign_container(FilePart(fh))
    if is_ewf(head):
        ewf = EwfImage(path)
        segments, why = tuple(s.path for s in ewf.segments), "signature 'EVF' in the first bytes"
        return Opened("E01", ewf, segments, ewf, why=why, remarks=tuple(ewf.remarks))
    if foreign:
        name, todo = foreign
        raise EvidenceError(f"This kind of file is not read: {name}", str(path), todo)
    files = Files(path)
    try:
        return _opened(files, path)
    except EvidenceError:
        files.close()
        raise
    except READER_FAULTS as error:
        files.close()
        raise EvidenceError(f"The image container cannot be opened: {error}", str(path), ADVICE) from error


def _opened(files: Files, path: Path) -> Opened:
    """A virtual disk by its signature, else raw bytes in one file or several."""
    found = _virtual(files, path, ())
    if found is not None:
        kind, (media, variant, lost, remarks), why = found
        why = f"{why}; {variant}"
        return Opened(kind, media, tuple(files.paths), None, files, lost, why, (*remarks, *_younger(path)))
    parts = parts_of(path)
    _broken_promise(files, path)
    if len(parts) == 1:
        return Opened("raw", files.open(path), (path,), None, files, why="no signature of a container: raw bytes")
    return _split(files, parts)


def _younger(path: Path) -> list[str]:
    """A remark where disks over this one lie beside it, by their names: the machine went on in them."""
    name = re.compile(re.escape(path.stem) + r"(?:_[0-9A-Fa-f-]{4,40}\.avhdx?|-\d{6}\.vmdk)", re.IGNORECASE)
    over = sorted(p.name for p in path.parent.iterdir() if name.fullmatch(p.name) and p != path)
    more = f" and {len(over) - 3} more" if len(over) > 3 else ""
    said = f"checkpoints of it lie beside it ({', '.join(over[:3])}{more}): this is the disk as it was before them"
    return [said] if over else []


def _split(files: Files, parts: list[Part]) -> Opened:
    media, problems = join(files, parts)
    why = f"names from {parts[0][1].name} to {parts[-1][1].name}, {len(parts)} parts; no signature of a container"
    return Opened("split raw", media, tuple(p for _n, p in parts), None, files, tuple(problems), why)


Found = tuple[str, vhd.Disk, str]


def _virtual(files: Files, path: Path, chain: tuple[Path, ...]) -> Found | None:
    """Kind, disk and reason of a virtual disk; None when the file has no signature of one. `chain`: its children."""
    with path.open("rb") as fh:
        file = FilePart(fh)
        head = file.read_at(0, 512)
        footer = vhd.vhd_footer(file)[0]

    def parent(found: Path, raw: bool = False) -> Reader:
        return _parent(files, found, (*chain, path), raw)

    if head.startswith(qcow.MAGIC):
        media, variant, remarks = qcow.open_qcow(files, path, parent)
        return "QCOW2", (media, variant, (), remarks), "signature 'QFI' in the first bytes"
    if vmdk.is_vmdk(head):
        mark = "descriptor text" if head.startswith(vmdk.TEXT) else f"signature {head[:4]!r}"
        return "VMDK", (*vmdk.open_vmdk(files, path, parent), ()), f"{mark.replace('b', '', 1)} in the first bytes"
    by_mark: tuple[tuple[bool, str, Callable[[Files, Path, Callable[[Path], Reader]], vhd.Disk], str], ...] = (
        (head.startswith(vhdx.MAGIC), "VHDX", vhdx.open_vhdx, "signature 'vhdxfile' in the first bytes"),
        (head[64:68] == vhd.VDI_MAGIC, "VDI", vhd.open_vdi, "VirtualBox's signature at byte 64"),
        (bool(footer), "VHD", vhd.open_vhd, "footer 'conectix' with a sound checksum"),
    )
    for is_it, kind, opener, why in by_mark:
        if is_it:
            return kind, opener(files, path, parent), why
    return None


def _parent(files: Files, path: Path, chain: tuple[Path, ...], raw: bool) -> Reader:
    """The media of a disk that another one lies over."""
    if path.resolve() in {p.resolve() for p in chain} or len(chain) > _MOST_DEEP:
        raise EvidenceError("The disk refers to itself as its parent", str(path), ADVICE)
    found = None if raw else _virtual(files, path, chain)
    if found is None:
        return files.open(path)
    media, _variant, lost, remarks = found[1]
    if lost or any("corrupt" in r for r in remarks):
        raise EvidenceError(f"A parent of the disk is not sound: {(*lost, *remarks)[0]}", str(path), ADVICE)
    return media


def _broken_promise(files: Files, path: Path) -> None:
    """An ending that promises a container whose signature is not there: the file is damaged, unless it is a volume."""
    ending = path.suffix.lower()
    is_e01 = ending[:2] in (".e", ".s") and len(ending) == 4 and ending[2:].isalnum()
    promised = "E01" if is_e01 else _PROMISES.get(ending)
    if not promised:
        return
    with path.open("rb") as fh:
        file = FilePart(fh)
        if not is_e01 and (file_system(file) or file.read_at(510, 2) == b"\x55\xaa"):
            return
    raise EvidenceError(
        f"The file has the ending {path.suffix} but does not start with the {promised} signature",
        str(files.path),
        ADVICE,
    )
