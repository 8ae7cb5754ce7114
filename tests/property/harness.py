"""Damage, parse, judge: until the time is spent. A failure is told with the command that repeats it."""

from __future__ import annotations

import random
import shlex
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TypeVar

from shellcase.model import HostFacts, Job, Source
from tests.parsers.contract import check_answer
from tests.parsers.one_byte import BERLIN, told
from tests.parsers.stub import Answer, answer, write_source
from tests.property.account import check_account
from tests.property.damage import Damage, drawn
from tests.property.local import Undamaged, lost
from tests.property.subjects import Subject, in_turn

MOST_BYTES = 1 << 19
"""Bigger files are cut here, so that many examples fit into the time; the report says which."""
_T = TypeVar("_T")
_HANG, _SLOWER = 20.0, 40.0  # processor seconds, and how many times those of the undamaged run


class HangError(Exception):
    """A parser did not come to an end."""


@dataclass(slots=True)
class Report:
    """What was tried and what came of it. `failures` must stay empty."""

    seed: int
    examples: int = 0
    subjects: set[str] = field(default_factory=set)
    parsers: Counter[str] = field(default_factory=Counter)
    cut: set[str] = field(default_factory=set)
    unsound: set[str] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    def told(self) -> list[str]:
        """In lines for people."""
        return [
            f"seed {self.seed}: {self.examples} examples, {len(self.subjects)} artefacts, {len(self.parsers)} parsers",
            f"{len(self.cut)} artefacts of more than {MOST_BYTES} bytes were cut there",
            *self.failures,
        ]


@dataclass(frozen=True, slots=True)
class _Sound(Undamaged):
    """With how long it took."""

    seconds: float


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise HangError after so many processor seconds; where signals cannot do it, the test's own time limit must."""
    if not hasattr(signal, "SIGVTALRM"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HangError(f"no end after {seconds:.0f} seconds")

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _parse(subject: Subject, source: Source, raw: bytes) -> Answer:
    said = answer(subject.parser.parse, Job(source=source, host=HostFacts(zone=BERLIN)))
    check_answer(subject.parser, said, len(raw))
    check_account(subject.parser, said, raw)
    return said


def _write(folder: Path, raw: bytes, subject: Subject) -> Source:
    for old in folder.iterdir():
        old.unlink()
    return write_source(folder, raw, subject.path)


def _sound(subject: Subject, folder: Path, most: int) -> _Sound:
    raw, begun = subject.read()[:most], time.process_time()
    with limited(_HANG):
        events = told(_parse(subject, _write(folder, raw, subject), raw))
    return _Sound(raw, events, time.process_time() - begun)


def _judge(subject: Subject, sound: _Sound, damage: Damage, folder: Path) -> None:
    source = _write(folder, damage.raw, subject)
    with limited(_HANG + _SLOWER * sound.seconds):
        said = _parse(subject, source, damage.raw)
        if damage.at is not None:
            whole = partial(_write, folder, sound.raw, subject)
            gone = lost(subject.parser, whole, sound, told(said), damage.at)
            assert not gone, f"{len(gone)} other events are changed or gone, as {gone[0][:600]}"


@dataclass(slots=True)
class Trial:
    """One round over subjects: the seed, a scratch folder, how many bytes of a file are taken, and the report."""

    seed: int
    folder: Path
    most: int = MOST_BYTES
    stop_after: int = 20
    report: Report = field(init=False)

    def __post_init__(self) -> None:
        self.report = Report(self.seed)

    def command(self, subject: Subject, example: int) -> str:
        """What repeats one example."""
        words = ["--seed", str(self.seed), "--only", subject.name, "--parser", subject.parser.name]
        more = ["--most-bytes", str(self.most)] if self.most != MOST_BYTES else []
        return shlex.join(["python", "-m", "tests.property", *words, "--example", str(example), *more])

    def examples(self, subject: Subject, numbers: range, until: float) -> None:
        """Some examples of one subject, fewer where the time ends before. Number -1 is the undamaged run."""
        sound = self._tried(subject, -1, "undamaged", partial(_sound, subject, self.folder, self.most))
        if sound is None:
            self.report.unsound.add(subject.name)
            return
        self.report.subjects.add(subject.name)
        if len(sound.raw) == self.most:
            self.report.cut.add(subject.name)
        for number in numbers:
            if time.monotonic() > until or len(self.report.failures) >= self.stop_after:
                break
            damage = drawn(sound.raw, random.Random(f"{self.seed} {subject.name} {subject.parser.name} {number}"))
            self._tried(subject, number, damage.words, partial(_judge, subject, sound, damage, self.folder))
            self.report.examples += 1
            self.report.parsers[subject.parser.name] += 1

    def _tried(self, subject: Subject, number: int, words: str, do: Callable[[], _T]) -> _T | None:
        try:
            return do()
        except Exception as error:  # noqa: BLE001 - whatever a parser raises is what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            why = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {str(error)[:800]}"
            self.report.failures.append(f"{subject.name}: {words}: {why}\n    {self.command(subject, number)}")
            return None

    def spend(self, subjects: list[Subject], seconds: float, each: int, most: float = float("inf")) -> Report:
        """Go through the subjects in turn, each with `each` examples, and again with others until the time is over.

        `most` is how many examples a subject gets at most, however fast the machine is.
        """
        until, first = time.monotonic() + seconds, 0
        order = in_turn(subjects, random.Random(self.seed).shuffle)
        while order and first < most and time.monotonic() < until and len(self.report.failures) < self.stop_after:
            for subject in order:
                if time.monotonic() > until or len(self.report.failures) >= self.stop_after:
                    break
                if subject.name in self.report.unsound:
                    continue  # told once
                self.examples(subject, range(first, first + each), until)
            first += each
        return self.report
