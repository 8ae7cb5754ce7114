"""`data/work/runs/NNNN/status.json`: how far a run is, for programs that watch it. Times are this machine's, in UTC.

Written at most once a second and at the end, always whole. Nothing of ours reads it, so no run fails for its sake.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

SCHEMA = "shellcase.status/1"
_EVERY = 1.0


class Stage(msgspec.Struct):
    """How far a stage is, in bytes (0 of 0 where it does not count)."""

    done: int
    total: int


class Status(msgspec.Struct, kw_only=True):
    """The file. `state`: running, done, failed or interrupted; `seconds_left`: of this stage, from its pace so far."""

    schema: str = SCHEMA
    state: str = "running"
    stage: str = ""
    percent: float | None = None
    seconds_left: float | None = None
    stages: dict[str, Stage]
    began: str
    updated: str
    exit_code: int | None = None


class StatusFile:
    """Writes it."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._clock, self._written, self._paces = path, clock, -_EVERY, dict[str, float]()
        now = _now()
        self._status = Status(stages={}, began=now, updated=now)
        self._write()

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take in how far a stage is."""
        now = self._clock()
        began = self._paces.setdefault(stage, now)
        self._status.stage = stage
        self._status.stages[stage] = Stage(done, total)
        self._status.percent = round(100 * done / total, 1) if total else None
        self._status.seconds_left = round((now - began) * (total - done) / done, 1) if 0 < done <= total else None
        if now - self._written >= _EVERY:
            self._written = now
            self._write()

    def end(self, state: str, exit_code: int | None = None) -> None:
        """The last that is written."""
        self._status.state, self._status.exit_code, self._status.seconds_left = state, exit_code, None
        self._write()

    def _write(self) -> None:
        self._status.updated = _now()
        part = self._path.with_suffix(".json.part")
        with suppress(OSError):  # a full disk ends the run elsewhere, where it costs something
            part.write_bytes(msgspec.json.format(msgspec.json.encode(self._status)) + b"\n")
            part.replace(self._path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
