"""Verification beside the work: what starts with a run, what it leaves after collection, and what it ends with.

`fast` counts the chunks that the work reads anyway. `full` reads everything in a process of its own while collection,
parsing and detection go on; only the very end of the run waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from collector.background import Passes, Task, forget, result_of, run_here
from collector.damage import localise
from collector.hashing import FullPass
from collector.image import Image
from collector.records import SourceRecord
from collector.verify import judge, lost_ranges
from shellcase.case import Case
from shellcase.errors import INTEGRITY, OK
from shellcase.sourcecheck import BAD, StoredHashes, check_path, damage_path, read_check, read_checks

MODES = ("none", "fast", "full")
_SHOWN = 0.5

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Watch:
    """The verification of one run: its sources, and the passes that read them beside the work."""

    case: Case
    images: Sequence[Image]
    mode: str
    progress: Progress
    passes: Passes | None = None
    _ended: threading.Event = field(default_factory=threading.Event)
    _shower: threading.Thread | None = None

    def begin(self) -> None:
        """Take up what an earlier run has checked, and start reading."""
        for source, image in self._sources():
            if image.seen and (path := self._seen(source)).is_file():
                image.seen.add(path.read_bytes())
        self.case.before_flush = self.keep
        if self.mode == "full" and any(read_check(self.case, s).mode != "full" for s, _i in self._sources()):
            self.case.reopen("verify")
        tasks = [self._task(s, i) for s, i in self._sources()]
        tasks = [t for t in tasks if result_of(self._folder, t) is None]
        if self.unsettled and tasks:
            self.case.audit("verify", mode=self.mode, sources=len(tasks))
            self.passes = Passes(self._folder, tasks)
            self.passes.start()
            self._shower = threading.Thread(target=self._show, args=(self.passes,), daemon=True)
            self._shower.start()

    def _show(self, passes: Passes) -> None:
        """The passes' own line of progress."""
        while not self._ended.wait(_SHOWN):
            self.progress("verify", passes.done, passes.total)

    def keep(self) -> None:
        """Write down what was checked; the case calls it before lines of artefacts become durable."""
        for source, image in self._sources():
            if image.seen:
                self.case.write_bytes(f"work/verify/{source}.seen", image.seen.pack())

    def note(self) -> int:
        """After collection: what is known now. In modes without a full pass this is the end of it."""
        self.keep()
        for source, image in self._sources():
            if self.mode == "full":
                self._write(source, image, None)
            elif read_check(self.case, source).mode != "full":
                write_entry(self.case, source, image, self.mode, result_of(self._folder, self._task(source, image)))
        if self.mode != "full":
            self._finish()
        return code_of(self.case)

    def settle(self) -> bool:
        """Wait for the passes and write the verdicts; False when nothing was left to do."""
        if not self.unsettled:
            return False
        try:
            while self.passes and not self.passes.wait(_SHOWN):
                pass
            for source, image in self._sources():
                self._write(source, image, self._pass(source, image))
        finally:
            self.stop()
        self._finish()
        for source, _image in self._sources():
            forget(self._folder, source)
        return True

    def _pass(self, source: str, image: Image) -> FullPass:
        """The result; where the process failed, it is done here, and what is wrong is told."""

        def tick(done: int) -> bool:
            self.progress("verify", done, image.size)
            return True

        return run_here(self._folder, self._task(source, image), tick)

    @property
    def unsettled(self) -> bool:
        """Whether a full hash is still to come in this run."""
        return self.mode == "full" and not self.case.done("verify")

    def stop(self) -> None:
        """End what runs beside the work; a checkpoint stays."""
        self._ended.set()
        if self._shower:
            self._shower.join(5)
        if self.passes:
            self.passes.stop()
        self.passes = self._shower = None

    def _finish(self) -> None:
        for check in read_checks(self.case):
            self.case.audit("verified", source=check.source, mode=check.mode, verdict=check.verdict)
        self.case.finish("verify")

    def _write(self, source: str, image: Image, full: FullPass | None) -> None:
        write_entry(self.case, source, image, "full", full)

    @property
    def _folder(self) -> Path:
        return self.case.work / "verify"

    def _seen(self, source: str) -> Path:
        return self._folder / f"{source}.seen"

    def _sources(self) -> list[tuple[str, Image]]:
        return [(self.case.number("SRC", i.fingerprint), i) for i in self.images]

    def _task(self, source: str, image: Image) -> Task:
        return Task(source, str(image.path.absolute()), image.size, image.fingerprint)


def write_entry(
    case: Case, source: str, image: Image, mode: str, full: FullPass | None, hashed_again: str = ""
) -> None:
    """The verdict on a source, and where its damage lies."""
    entry = judge(image, source, mode, full)
    case.write_json(check_path(source), msgspec.structs.replace(entry, hashed_again=hashed_again))
    lost = lost_ranges(image, full)
    if not lost:
        (case.data / damage_path(source)).unlink(missing_ok=True)
        return
    record = case.evidence / "sources" / f"{source}.json"
    known = msgspec.json.decode(record.read_bytes(), type=SourceRecord) if record.is_file() else None
    volumes = known.volumes if known else ()
    case.write_json(damage_path(source), localise(image, source, lost, case.items(), volumes))


def hash_source(case: Case, image: Image, progress: Progress, *, again: bool) -> bool:
    """The full pass over one source of a case, here and now; False when its verdict is known and `again` not asked.

    A second pass is compared with the first. EvidenceError when the source is gone.
    """
    source, before = case.number("SRC", image.fingerprint), read_check(case, case.number("SRC", image.fingerprint))
    folder, task = case.work / "verify", Task(source, str(image.path.absolute()), image.size, image.fingerprint)
    known = before.mode == "full" and not before.pending
    if known and not again:
        return False

    def tick(done: int) -> bool:
        progress("verify", done, image.size)
        return True

    case.audit("verify", source=source, mode="again" if known else "full")
    full = run_here(folder, task, tick)
    write_entry(case, source, image, "full", full, _compared(before, full) if known else "")
    check = read_check(case, source)
    case.audit("verified", source=source, mode=check.mode, verdict=check.verdict, again=check.hashed_again)
    forget(folder, source)
    return True


def _compared(before: StoredHashes, full: FullPass) -> str:
    if before.sha256 == full.sha256:
        return f"the same SHA-256 as before, {full.sha256}" if full.sha256 else "as before, no data hash"
    return f"another SHA-256 than before, {before.sha256 or 'none'} then, {full.sha256 or 'none'} now"


def code_of(case: Case) -> int:
    """3 as soon as a source is damaged or differs."""
    return INTEGRITY if any(c.verdict in BAD for c in read_checks(case)) else OK
