"""Opening a collection: which container, which tool's layout, and from these the volumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from collector.ewfset import is_ewf
from collector.gathered.ad1 import LOCKED, MARK, Ad1Bundle
from collector.gathered.bundle import MOST_NESTED, Bundle, FileReader, MemberReader, head_of, named
from collector.gathered.content import claims
from collector.gathered.folder import FolderBundle
from collector.gathered.layouts import recognise
from collector.gathered.left import beside
from collector.gathered.model import Gathered
from collector.gathered.spots import Layout
from collector.gathered.tars import TarBundle, unpacked
from collector.gathered.volumes import Sorted, gathered
from collector.gathered.zips import ZipBundle, is_zip
from collector.media import fingerprint_of
from collector.runs import Reader
from shellcase.errors import EvidenceError, UsageError

_IMAGES = frozenset(
    {"e01", "ex01", "s01", "l01", "vmdk", "vhd", "vhdx", "qcow2", "dd", "raw", "img", "001", "vdi", "aff4", "ad1"}
)
_FOREIGN = (b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07", b"MSCF")
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", *_FOREIGN)
_IMAGE_MARKS = (b"EVF", b"LVF", b"QFI\xfb", b"vhdxfile", b"conectix", b"KDMV", b"# Disk DescriptorFile", MARK, LOCKED)
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".tbz2", ".xz", ".txz")
_MOST_LOOKED = 2000


def open_gathered(path: Path) -> Gathered | None:
    """The collection at a path, None when it is none (then it is opened as an image).

    EvidenceError: an archive that is encrypted, damaged from its start on, or without any evidence. UsageError: a
    folder of disk images, or of several collections.
    """
    if path.is_dir():
        return _kept(FolderBundle(path), path)
    if not path.is_file() or not path.stat().st_size:
        return None
    reader = FileReader(path)
    try:
        found = _archived(reader, path)
    except BaseException:
        reader.close()
        raise
    if found is not None:
        return _also_closing(found, reader.close)
    head = head_of(reader)
    reader.close()
    return _single(path, head)


def _archived(reader: Reader, path: Path) -> Gathered | None:
    bundle = _archive(reader, path)
    if bundle is None:
        return None
    return _kept(bundle, path) or _nothing(bundle, path)


def _kept(bundle: Bundle, path: Path) -> Gathered | None:
    """The collection in a container, which is closed again where there is none."""
    found = None
    try:
        found = _opened(bundle, path, 0)
    finally:
        if found is None:
            bundle.close()
    return found


def _archive(reader: Reader, path: Path) -> Bundle | None:
    """The archive that a file is, None when it is none."""
    head = head_of(reader)
    if head.startswith((MARK, LOCKED)):
        return Ad1Bundle(path, fingerprint_of(reader))
    if is_zip(head):
        return ZipBundle(reader, str(path), (path,), fingerprint_of(reader))
    tar = unpacked(reader)
    return TarBundle(*tar, str(path), (path,), fingerprint_of(reader)) if tar else None


def _single(path: Path, head: bytes) -> Gathered | None:
    """One loose file that is evidence by itself, such as an event log; not what may be a disk, packed or not."""
    image = is_ewf(head) or head.startswith(_IMAGE_MARKS) or head[510:512] == b"\x55\xaa"
    image = image or head.startswith(_PACKED)
    if image or not claims(head, path.name, path.stat().st_size):
        return None
    return _kept(FolderBundle(path), path)


def _opened(bundle: Bundle, path: Path, depth: int) -> Gathered | None:
    """The collection in a container; inside another archive where it holds nothing else."""
    layout = _layout(bundle, path)
    files = Sorted(bundle, layout)
    if not files.placed:
        inner = _inner(bundle, files, path, depth)
        if inner is not None:
            return inner
    images = [] if files.placed else _images(bundle, files)
    if images and not files.loose:
        raise _only_images(bundle, images, path)
    if not files.placed:
        _refuse_foreign(bundle, files, path)
    files.remarks += named("disk images beside the evidence were not opened, give each itself", images)
    if not files.placed and not files.loose:
        _refuse_unfit(layout, path)
        return None
    return gathered(bundle, layout, files)


def _layout(bundle: Bundle, path: Path) -> Layout | None:
    layouts = recognise([m.parts for m in bundle.members if m.parts and m.kind != "folder"])
    if len(layouts) > 1:
        roots = named("several collections", ["/".join(x.root) for x in layouts])[0]
        raise UsageError(f"The {bundle.kind} holds {roots}", str(path), "Give each of them itself.")
    return layouts[0] if layouts else None


def _refuse_foreign(bundle: Bundle, files: Sorted, path: Path) -> None:
    """A folder with nothing but archives that are not opened here: its evidence would be passed over."""
    heads = [head_of(MemberReader(bundle, n), 8) for n in files.loose]
    if heads and all(head.startswith(_FOREIGN) for head in heads):
        names = named("archives of a kind that is not read", [bundle.members[n].name for n in files.loose])[0]
        raise UsageError(f"The {bundle.kind} holds {names}", str(path), "Unpack them, and give each folder itself.")


def _refuse_unfit(layout: Layout | None, path: Path) -> None:
    if layout is not None:
        raise EvidenceError(
            f"The collection holds no files of Windows ({layout.why})", str(path), "Give another source."
        )


def _nothing(bundle: Bundle, path: Path) -> Gathered:
    names = [m.name for m in bundle.members if m.kind != "folder"]
    seen = named("it holds", names) or ["it is empty"]
    raise EvidenceError(
        f"The {bundle.kind} holds nothing that is known as evidence ({seen[0]})",
        str(path),
        "Give the archive that the collecting tool made, or a folder with the evidence in it.",
    )


def _inner(bundle: Bundle, files: Sorted, path: Path, depth: int) -> Gathered | None:
    """The collection in the only archive inside, as long as nothing beside it is evidence."""
    found = [n for n, m in enumerate(bundle.members) if m.kind == "file" and m.parts and _is_archive(bundle, n)]
    others = [n for n in files.loose if n not in found]
    if not found or others:
        return None
    if len(found) > 1:
        names = ", ".join(bundle.members[n].name for n in found[:20])
        raise UsageError(f"The {bundle.kind} holds several archives: {names}", str(path), "Give each of them itself.")
    if depth >= MOST_NESTED:
        raise EvidenceError(
            f"Archives lie more than {MOST_NESTED} deep in one another", str(path), "Unpack the outer ones."
        )
    reader = MemberReader(bundle, found[0])
    inner = None if head_of(reader).startswith((MARK, LOCKED)) else _archive(reader, path)
    opened = _opened(inner, path, depth + 1) if inner else None
    return opened and _within(opened, bundle, found[0])


def _within(opened: Gathered, outer: Bundle, index: int) -> Gathered:
    return replace(
        _also_closing(opened, outer.close),
        why=f"{opened.why}; inside {outer.members[index].name}",
        left=beside(outer, index, opened.left),
        fingerprint=outer.fingerprint,
        segments=outer.segments,
        problems=(*outer.problems, *opened.problems),
    )


def _also_closing(opened: Gathered, other: Callable[[], None]) -> Gathered:
    def closing() -> None:
        opened.close()
        other()

    return replace(opened, closing=closing)


def _is_archive(bundle: Bundle, index: int) -> bool:
    name = bundle.members[index].name.lower()
    return name.endswith(_ARCHIVES) and (
        is_zip(head := head_of(MemberReader(bundle, index))) or head[257:262] == b"ustar" or head[:2] in (b"\x1f\x8b",)
        or head.startswith((b"BZh", b"\xfd7zXZ"))
    )  # fmt: skip


def _only_images(bundle: Bundle, images: list[str], path: Path) -> UsageError:
    """A folder of disk images is no collection: the first file of the image is what we need."""
    first = next((n for n in images if n.lower().endswith((".e01", ".vmdk", ".001"))), images[0])
    return UsageError(
        f"The {bundle.kind} holds disk images, not files of a collection: {', '.join(images[:20])}",
        str(path),
        f"Give the image itself: {first}.",
    )


def _images(bundle: Bundle, files: Sorted) -> list[str]:
    """Names of what look like disk images among the files that are nothing else."""
    found = list[str]()
    for index in files.others[:_MOST_LOOKED]:
        member = bundle.members[index]
        marked = member.kind == "file" and head_of(MemberReader(bundle, index), 32).startswith(_IMAGE_MARKS)
        if marked or member.name.rpartition(".")[2].lower() in _IMAGES:
            found.append(member.name)
            files.images.append(index)
    files.others = sorted({*files.others} - {*files.images})
    return found
