"""The files of one source: the one that was named, and those in its own folder that it refers to. No others.

An image may say that its bytes lie in `/etc/passwd` or on a share of the network; whoever made it could make the
examiner's machine read that. So of every reference only the last part of its name counts, and only in the image's own
folder, and a link that leads out of this folder is not followed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import BinaryIO

from collector.blocks import FilePart
from shellcase.errors import EvidenceError

_MOST_FILES = 2048


def plain_name(reference: str) -> str:
    """The last part of a reference as Windows, Unix or a URL would write it; empty when there is none."""
    name = re.split(r"[/\\:]", reference.strip().replace("\0", ""))[-1]
    return "" if name in (".", "..") else name


def leads_away(path: Path) -> bool:
    """Whether a file is a link to another folder."""
    return path.is_symlink() and path.resolve().parent != path.parent.resolve()


class Files:
    """Open files of a source; all are closed together."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.paths: list[Path] = []
        self._open: list[BinaryIO] = []

    def open(self, path: Path) -> FilePart:
        """Open one file of the source for reading."""
        if len(self._open) >= _MOST_FILES:
            raise EvidenceError("The image refers to more files than any disk has", str(self.path), "Check the image.")
        file = path.open("rb")
        self._open.append(file)
        if path not in self.paths:
            self.paths.append(path)
        return FilePart(file)

    def beside(self, reference: str, what: str) -> Path:
        """The file of the image's own folder that a reference means. EvidenceError names what is missing."""
        name = plain_name(reference)
        found = self._find(name) if name else None
        if found is None:
            raise EvidenceError(
                f"{what} is missing: {reference!r} (looked for in the image's own folder only)",
                str(self.path),
                "Put that file beside the image and try again, or export the disk as one file.",
            )
        if leads_away(found):
            raise EvidenceError(
                f"{what} is a link out of the image's folder, which is not followed: {name!r}",
                str(self.path),
                "Put the file itself beside the image.",
            )
        return found

    def _find(self, name: str) -> Path | None:
        """By its exact name, else by its name in any case, as Windows would."""
        folder = {p.name: p for p in sorted(self.path.parent.iterdir())}
        path = folder.get(name) or next((p for n, p in folder.items() if n.lower() == name.lower()), None)
        return path if path and path.is_file() else None

    def close(self) -> None:
        """Close all."""
        for file in self._open:
            file.close()
