"""What opening a container yields: decoded media, the files it comes from, and how it was told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from collector.ewf import EwfImage
from collector.nearby import Files
from collector.runs import Reader

ADVICE = "Check the file name and that the copy is complete; compare it with the imager's log, then try another copy."


@dataclass(frozen=True, slots=True)
class Opened:
    """Decoded media, the files it comes from. `problems` are losses, `remarks` are not; `why`: how it was told."""

    kind: str
    media: Reader
    parts: tuple[Path, ...]
    ewf: EwfImage | None
    files: Files | None = None
    problems: tuple[str, ...] = ()
    why: str = ""
    remarks: tuple[str, ...] = ()

    def close(self) -> None:
        """Release the files."""
        if self.files:
            self.files.close()
        if self.ewf:
            self.ewf.close()
