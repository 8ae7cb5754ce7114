"""What the verbs that do the work have in common, as the command line gave it, checked before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from collector.keychain import Keys
from shellcase.errors import UsageError
from shellcase.verification import MODES


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to work; what it is about stands in case.json."""

    verify: str = "fast"
    jobs: int = 0
    definitions: Path | None = None
    recovery_key: tuple[str, ...] = field(default=(), repr=False)
    keychain: Path | None = None
    include_memory_dumps: bool = False
    as_json: bool = False
    quiet: bool = False

    def check(self) -> None:
        """UsageError for a value that no mode has."""
        if self.verify not in MODES:
            raise UsageError(f"--verify {self.verify} is unknown", todo=f"use {', '.join(MODES[:-1])} or {MODES[-1]}")

    def keys(self) -> Keys:
        """What opens encrypted volumes; never kept."""
        return Keys(recovery=self.recovery_key, keychain=self.keychain)
