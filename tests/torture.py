"""Killed at any moment: `python -m tests.torture [--kills N] [--seed S] [--image PATH]`.

One undisturbed run gives the reference. Then a run is killed with SIGKILL at a random moment, the same command is
started again, killed again, until it ends by itself; the case must hold the same digest and the same bytes. New cases
are begun until so many kills were made. Every second kill is a power loss as well (see powerloss.py), and now and then
only the main process is killed, as the kernel does when memory is short.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from shellcase.errors import ShellcaseError
from shellcase.seal.auditlog import check_chain
from tests import powerloss

ROOT = Path(__file__).resolve().parents[1]
EX01 = ROOT / "fixtures" / "demo" / "EX01.E01"
_ONLY_MAIN = 0.15
_PATIENCE = 300.0
SAME = (
    "numbers.jsonl",
    "case.json",
    "evidence/**/*.jsonl",
    "evidence/**/*.json",
    "evidence/**/*.csv",
    "evidence/**/*.parquet",
    "evidence/objects/*/*",
    "work/findings.json",
    "reports/**/*",
)
"""What must be the same bytes as after an undisturbed run, below data/."""


@dataclass(slots=True)
class Torture:
    """What is tortured with, and what came of it. `failures` must stay empty."""

    image: Path
    folder: Path
    chance: random.Random
    options: tuple[str, ...] = ()
    reference: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    kills: int = 0
    losses: int = 0
    struck: int = 0
    finished: int = 0
    code: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    sessions: list[int] = field(default_factory=list)

    def undisturbed(self) -> None:
        """The reference, and how long a run takes here."""
        begun = time.monotonic()
        run = self._start(self.folder / "reference", None)
        self.code = run.wait(_PATIENCE)
        self.seconds = time.monotonic() - begun
        if self.code not in (0, 3, 5):
            raise SystemExit(f"the undisturbed run ended with {self.code}:\n{self._said('reference')}")
        self.reference = content(self.folder / "reference")

    def one_case(self, most: int) -> None:
        """Kill a run of a new case again and again until it ends by itself, at most `most` times."""
        case = self.folder / f"case-{self.finished + 1}"
        for left in range(most, -1, -1):
            code = self._until_killed(case) if left else self._start(case, None).wait(_PATIENCE)
            if code is not None:
                self._judge(case, code)
                break
        self.finished += 1
        if not self.failures:
            shutil.rmtree(case)

    def _until_killed(self, case: Path) -> int | None:
        """None when the run was killed before its end, else its exit code."""
        log = self.folder / f"{case.name}.durable" if self.chance.random() < 0.5 else None
        if log:
            self._wait_for_orphans()
            powerloss.all_durable(case, log)
        run = self._start(case, log)
        try:
            return run.wait(self.chance.uniform(0.05, self.seconds))
        except subprocess.TimeoutExpired:
            pass
        only_main = log is None and self.chance.random() < _ONLY_MAIN
        self.stages[stage_of(case)] += 1
        (os.kill if only_main else os.killpg)(run.pid, signal.SIGKILL)
        run.wait()
        self.kills += 1
        if log:
            self._wait_for_orphans()
            self.losses += 1
            self.struck += powerloss.strike(case, powerloss.durable(log), self.chance)
        return self.code if is_finished(case) else None

    def told(self) -> list[str]:
        """What was done and what came of it."""
        return [
            f"an undisturbed run takes {self.seconds:.1f} s",
            f"{self.kills} kills, {self.losses} of them with power loss ({self.struck} files struck)",
            *(f"{count:6d}  {stage[2:]}" for stage, count in sorted(self.stages.items())),
            f"{self.finished} cases ended by themselves, {len(self.failures)} differences",
            *self.failures,
        ]

    def _start(self, case: Path, log: Path | None) -> subprocess.Popen[bytes]:
        words = ["run", str(self.image), "--case", str(case), "-q", *self.options]
        module = ["tests.powerloss", str(log)] if log else ["shellcase"]
        scratch = self.folder / "tmp"
        scratch.mkdir(exist_ok=True)
        with (self.folder / f"{case.name}.said").open("ab") as said:
            run = subprocess.Popen(
                [sys.executable, "-m", *module, *words],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, "TMPDIR": str(scratch)},
                start_new_session=True,
            )
        self.sessions.append(run.pid)
        return run

    def _wait_for_orphans(self) -> None:
        """Workers whose run was killed end by themselves; those that do not are a failure."""
        until = time.monotonic() + _PATIENCE
        while left := alive(self.sessions):
            if time.monotonic() > until:
                raise SystemExit(f"processes outlive their run: {left}")
            time.sleep(0.1)
        self.sessions.clear()

    def _said(self, name: str) -> str:
        return (self.folder / f"{name}.said").read_text(errors="replace")[-4000:]

    def _judge(self, case: Path, code: int) -> None:
        wrong = [] if code == self.code else [f"exit code {code}: {self._said(case.name)}"]
        wrong += differences(self.reference, content(case)) + leftovers(case)
        self._wait_for_orphans()
        wrong += [f"left in the system's scratch folder: {p.name}" for p in (self.folder / "tmp").iterdir()]
        self.failures += [f"{case.name}: {w}" for w in wrong]


def content(case: Path) -> dict[str, str]:
    """Digests of all that must not depend on what happened on the way, by its name below data/."""
    found = (p for pattern in SAME for p in sorted((case / "data").glob(pattern)) if p.is_file())
    return {p.relative_to(case / "data").as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in found}


def differences(reference: dict[str, str], found: dict[str, str]) -> list[str]:
    """What is missing, too much or different."""
    names = sorted(reference.keys() | found.keys())
    return [f"{n} differs" for n in names if reference.get(n) != found.get(n)]


def leftovers(case: Path) -> list[str]:
    """Unfinished files that nobody takes away any more, and a broken audit chain."""
    odd = [p for p in case.rglob("*") if p.name.startswith(("part-", ".sort", "scratch-")) or p.suffix == ".part"]
    odd += (case / "data" / "work").glob("shards")
    try:
        meta = json.loads((case / "data" / "case.json").read_bytes())
        check_chain(case, meta["case_number"], None)
    except (ShellcaseError, OSError, ValueError) as error:
        return [*(f"left over: {p}" for p in odd), f"audit log: {error}"]
    return [f"left over: {p}" for p in odd]


def is_finished(case: Path) -> bool:
    """Whether nothing was left to do but to say so: a finished case is not run over."""
    stages = case / "data" / "work" / "stages"
    return (stages / "report").exists() and not (stages / "running").exists()


def stage_of(case: Path) -> str:
    """How far a case has come."""
    work = case / "data" / "work"
    if not (case / "data" / "case.json").exists():
        return "1 before the case is made"
    done = {p.name for p in (work / "stages").glob("*")}
    if "collect" not in done:
        return "3 collecting" if (case / "data" / "evidence" / "objects").exists() else "2 looking at the image"
    if "parse" not in done:
        timeline = any((case / "data" / "evidence").rglob("*.parquet"))
        return "5 writing the timeline" if timeline else "4 parsing"
    return "6 finding and reporting"


def alive(sessions: list[int]) -> list[int]:
    """Processes of these sessions that still run."""
    found: list[int] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, _parent, _group, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(session) in sessions and state != "Z":
            found.append(int(process.name))
    return found


def torture(image: Path, folder: Path, kills: int, seed: int, options: tuple[str, ...] = ()) -> Torture:
    """All of it; the caller looks at `failures`."""
    work = Torture(image, folder, random.Random(seed), options)
    work.undisturbed()
    while work.kills < kills and not work.failures:
        work.one_case(kills - work.kills)
        sys.stderr.write(f"{work.finished} cases, {work.kills} kills\n")
    return work


def main() -> int:
    """The command line; exit code 1 when a case ended differently."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--image", type=Path, default=EX01)
    parser.add_argument("--verify", default="fast", choices=("none", "fast", "full"))
    parser.add_argument("--folder", type=Path, help="where the cases are made; a failing one stays there")
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="torture-"))
    folder.mkdir(exist_ok=True)
    work = torture(given.image.absolute(), folder.absolute(), given.kills, given.seed, ("--verify", given.verify))
    sys.stdout.writelines(f"{line}\n" for line in work.told())
    if not given.folder and not work.failures:
        shutil.rmtree(folder)
    return 1 if work.failures else 0


if __name__ == "__main__":
    sys.exit(main())
