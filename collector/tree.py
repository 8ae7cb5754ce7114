"""Every name of a volume from one pass over $MFT: folders as a tree, files as flat entries, deleted entries aside.

Paths are volume-relative, `\\Windows\\Temp\\x.dmp`. Parents are followed by (record, sequence number), never through
reparse points; what has lost its parent lies under `\\<orphan>`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from collector import mftrecord as mr

ROOT = 5
ORPHAN = "<orphan>"
_DEEP = 256
_REPARSE = 0x400
_REPARSE_KIND = mr.REPARSE.to_bytes(4, "little")
_ORPHAN_DIR = -1


class Entry(Struct, frozen=True, gc=False):
    """One name of a file or folder."""

    record: int
    seq: int
    parent: int
    parent_seq: int
    name: str


class Tree:
    """Names of one volume. `deleted` holds entries that are not in use, folders among them in `gone`.

    `reparse` holds the folders that are reparse points."""

    def __init__(self, records: Iterable[tuple[int, bytes]] = (), wanted_deleted: frozenset[str] = frozenset()) -> None:
        self.folders: dict[int, Entry] = {}
        self.files: list[Entry] = []
        self.deleted: list[Entry] = []
        self.gone: dict[int, Entry] = {}
        self.reparse: set[int] = set()
        self._wanted = wanted_deleted
        self._paths: dict[int, str] = {ROOT: "", _ORPHAN_DIR: "\\" + ORPHAN}
        self._children: dict[int, dict[str, Entry]] | None = None
        for number, record in records:
            self._take(number, record)

    def _take(self, number: int, record: bytes) -> None:
        head = mr.header(record)
        owner, seq = (head.base, head.base_seq) if head.base else (number, head.seq)
        names = _names(record, head)
        if not names:
            return
        entries = [Entry(owner, seq, n.parent, n.parent_seq, n.text) for n in names]
        if not head.flags & mr.IN_USE:
            self._take_deleted(entries, bool(head.flags & mr.DIRECTORY))
        elif head.flags & mr.DIRECTORY and not head.base:
            self.folders[owner] = entries[0]
            if names[0].flags & _REPARSE or _is_reparse(record, head):
                self.reparse.add(owner)
        else:
            self.files.extend(entries)

    def _take_deleted(self, entries: list[Entry], folder: bool) -> None:
        if folder:
            self.gone[entries[0].record] = entries[0]
        self.deleted.extend(e for e in entries if not folder and extension(e.name) in self._wanted)

    def parent_of(self, entry: Entry) -> int:
        """The folder an entry lies in, -1 where the parent reference no longer fits."""
        if entry.parent == ROOT:
            return ROOT
        parent = self.folders.get(entry.parent)
        return entry.parent if parent and parent.seq == entry.parent_seq else _ORPHAN_DIR

    def folder_path(self, number: int) -> str:
        r"""The path of a folder without a backslash at its end; the root is empty."""
        chain: list[Entry] = []
        while number not in self._paths and len(chain) < _DEEP:
            entry = self.folders.get(number)
            if entry is None:
                number = _ORPHAN_DIR
                break
            chain.append(entry)
            number = self.parent_of(entry)
        path = self._paths.get(number, "\\" + ORPHAN)
        for entry in reversed(chain):
            path = self._paths[entry.record] = f"{path}\\{entry.name}"
        return path

    def path(self, entry: Entry) -> str:
        """The path of a live entry."""
        return f"{self.folder_path(self.parent_of(entry))}\\{entry.name}"

    def deleted_path(self, entry: Entry) -> str:
        r"""The path of a deleted entry; its parent may be deleted too, as long as the sequence numbers fit.

        Deleting a folder raises its sequence number by one, so a deleted parent fits one below.
        """
        names: list[str] = [entry.name]
        while entry.parent != ROOT and len(names) < _DEEP:
            folder = self.folders.get(entry.parent)
            if folder and folder.seq == entry.parent_seq:
                return "\\".join([self.folder_path(folder.record), *reversed(names)])
            gone = self.gone.get(entry.parent)
            if gone is None or gone.seq != entry.parent_seq + 1:
                return "\\".join(["", ORPHAN, *reversed(names)])
            names.append(gone.name)
            entry = gone
        return "\\".join(["", *reversed(names)])

    def children(self, number: int) -> dict[str, Entry]:
        """Entries of a folder by lower-case name."""
        if self._children is None:
            self._children = {}
            for entry in (*self.folders.values(), *self.files):
                if entry.record != ROOT:
                    self._children.setdefault(self.parent_of(entry), {})[entry.name.lower()] = entry
        return self._children.get(number, {})

    def find(self, path: str) -> Entry | None:
        r"""The entry at a volume-relative path, any case; None when there is none."""
        at, entry = ROOT, None
        for part in filter(None, path.split("\\")):
            entry = self.children(at).get(part.lower())
            if entry is None:
                return None
            at = entry.record if entry.record in self.folders else -2
        return entry

    def walk_folder(self, path: str) -> Iterator[Entry]:
        """Files right below a folder, by name."""
        folder = self.find(path)
        if folder is not None and folder.record in self.folders:
            yield from (e for _n, e in sorted(self.children(folder.record).items()) if e.record not in self.folders)


def _names(record: bytes, head: mr.Header) -> list[mr.Name]:
    """The $FILE_NAMEs of one record without short names that have a long one beside them."""
    names: list[mr.Name] = []
    for attr in mr.attributes(record, head.first, head.used):
        if attr.kind > mr.FILE_NAME:
            break
        if attr.kind == mr.FILE_NAME and (name := mr.file_name(mr.content(record, attr))):
            names.append(name)
    long = [n for n in names if n.namespace != mr.DOS_NAME]
    return long or names


def _is_reparse(record: bytes, head: mr.Header) -> bool:
    """By the attribute: flags beside a folder's name stay as they were when it was made, and `mklink` comes later."""
    return _REPARSE_KIND in record and any(a.kind == mr.REPARSE for a in mr.attributes(record, head.first, head.used))


def extension(name: str) -> str:
    """Lower-case extension without the dot, empty where there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""
