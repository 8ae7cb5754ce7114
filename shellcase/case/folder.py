"""One case folder: opening, resuming, and every write into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from shellcase.case.counted import had_events
from shellcase.case.description import CaseMeta, read_meta
from shellcase.case.digests import Chunk, StoredObject
from shellcase.case.environment import command_line, environment
from shellcase.case.journal import Audit, Journal, Numbers
from shellcase.case.listing import files_csv
from shellcase.case.lock import locked
from shellcase.case.objects import ObjectStore
from shellcase.case.outcomes import Outcomes
from shellcase.errors import IntegrityError, UsageError
from shellcase.model import Item, Missing

_BATCH, _BATCH_BYTES = 2048, 1 << 30


class _Digest(msgspec.Struct, frozen=True):
    analysis_digest: str


class Case:
    """A case folder that is open for work. `done(stage)` tells which stages an earlier run finished."""

    def __init__(self, root: Path, meta: CaseMeta, *, writing: bool = True) -> None:
        self.root, self.meta = root, meta
        self.data = root / "data"
        self.evidence, self.work, self.reports = self.data / "evidence", self.data / "work", self.data / "reports"
        self.shards = self.work / "shards"
        self.run_name = f"{len(list((self.work / 'runs').glob('[0-9]*'))) + 1:04d}"
        self._store = ObjectStore(self.evidence)
        self._audit = Audit(self.data / "audit.jsonl", meta.case_number, writing=writing)
        self._numbers = Numbers(self.data / "numbers.jsonl", writing=writing)
        self._outcomes = Outcomes(self.work / "collect.jsonl")
        self._waiting: list[Item | Missing] = []
        self._waiting_bytes = 0
        self.before_flush: Callable[[], None] | None = None  # what must be on disk before the lines are
        self._trusted: set[str] = set()

    # -- making, opening, resuming --------------------------------------------------------------------------------

    @classmethod
    def create(cls, root: Path, meta: CaseMeta) -> Case:
        """Make a new folder; UsageError when something is in the way."""
        if not cls.is_blank(root):
            raise UsageError("the case folder exists already", str(root), "choose another --case, or add --clobber")
        try:
            (root / "data" / "work" / "runs").mkdir(parents=True, exist_ok=True)
        except (FileNotFoundError, FileExistsError, NotADirectoryError) as e:  # no such drive, a file in the way
            raise UsageError("the case folder cannot be made there", str(root), "choose another --case") from e
        case = cls(root, meta)
        case.write_json("case.json", meta)
        case._begin()
        return case

    @staticmethod
    def is_blank(root: Path) -> bool:
        """Whether there is nothing yet, or only what a start leaves that was killed before the case was made."""
        if not root.exists():
            return True
        ours = {"data", "data/work", "data/work/runs", "data/case.json.part"}
        return root.is_dir() and all(p.relative_to(root).as_posix() in ours for p in root.rglob("*"))

    @classmethod
    def open(cls, root: Path) -> Case:
        """Open a case for its next stage; UsageError when it is none, or another run is at work on it."""
        cls.look(root)
        with locked(root):
            case = cls(root, read_meta(root / "data" / "case.json"))
            case._begin()
        return case

    @classmethod
    def look(cls, root: Path) -> Case:
        """Open a case only to read it: nothing is written, not even a line of the audit log."""
        path = root / "data" / "case.json"
        if not path.is_file():
            raise UsageError(
                "this is no case folder", str(root), "give a folder that `shellcase run` or `collect` made"
            )
        return cls(root, read_meta(path), writing=False)

    def _begin(self) -> None:
        (self.work / "runs" / self.run_name).mkdir(parents=True, exist_ok=True)
        torn = {"collect.jsonl": self._outcomes.load(), "numbers.jsonl": self._numbers.mended}
        torn["audit.jsonl"] = self._audit.mended
        self._sweep()
        self.write_json(f"work/runs/{self.run_name}/environment.json", environment())
        self.audit("opened", command=command_line())
        for name, count in torn.items():
            if count:
                self.audit("mended", file=name, bytes=count)

    def _sweep(self) -> None:
        """Remove the unfinished files of an interrupted run."""
        self._store.sweep()
        for folder, names, files in os.walk(self.data):
            names[:] = [n for n in names if n not in ("objects", "shards")]
            for name in (f for f in files if f.endswith(".part")):
                (Path(folder) / name).unlink(missing_ok=True)

    @staticmethod
    def move_aside(root: Path) -> Path:
        """For --clobber: rename an existing folder, never delete it, never touch a sealed one."""
        if (root / "seal").exists():
            raise UsageError("the case is sealed", str(root), "choose another --case folder")
        number = 1
        while (target := root.with_name(f"{root.name}.moved-{number}")).exists():
            number += 1
        return root.rename(target)

    # -- stages ---------------------------------------------------------------------------------------------------

    def done(self, stage: str) -> bool:
        """Whether an earlier run finished this stage."""
        return (self.work / "stages" / stage).exists()

    @property
    def unfinished(self) -> bool:
        """Whether the same command may go on: no report yet, or a run that was interrupted before its very end."""
        return not self.done("report") or self.done("running")

    def reopen(self, *stages: str) -> None:
        """Let stages be done again."""
        for stage in stages:
            (self.work / "stages" / stage).unlink(missing_ok=True)

    def take_in(self, fingerprints: tuple[str, ...]) -> None:
        """Let more sources belong to a finished case: its stages are open again, what was parsed stays parsed."""
        self.finish("adding")  # killed before case.json names them, the same command may still add them
        self.meta = msgspec.structs.replace(self.meta, fingerprints=(*self.meta.fingerprints, *fingerprints))
        self.reopen("report", "parse", "verify", "collect")
        self.write_json("case.json", self.meta)
        self.reopen("adding")
        self.audit("sources added", count=len(fingerprints))

    def finish(self, stage: str) -> None:
        """Mark a stage as done."""
        path = self.work / "stages" / stage
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("done\n", encoding="ascii")

    # -- audit and numbers ----------------------------------------------------------------------------------------

    def audit(self, op: str, **fields: str | int) -> None:
        """One line of the hash-chained log."""
        self._audit.write(self.run_name, datetime.now(UTC).isoformat(timespec="milliseconds"), op, fields)

    def number(self, kind: str, key: str) -> str:
        """A display number, given once."""
        return self._numbers.give(kind, key)

    def item_number(self, artifact_id: str) -> str:
        """ITEM-000001, given once."""
        return self.number("ITEM", artifact_id)

    # -- collection -----------------------------------------------------------------------------------------------

    def put(self, chunks: Iterable[Chunk], cls: str) -> StoredObject:
        """Store the bytes of an artefact."""
        return self._store.put(chunks, cls)

    def hash_only(self, chunks: Iterable[Chunk]) -> StoredObject:
        """Digests of an artefact that stays in the source."""
        return self._store.hash_only(chunks)

    def known(self, artifact_id: str) -> Item | None:
        """The item, if an earlier run collected it and its object still holds the same bytes, which are read again.

        What it could not read whole is tried once more.
        """
        item = self._outcomes.known(artifact_id)
        if item is None or artifact_id in self._trusted:
            return item
        if item.read_errors:
            return None
        if item.object is not None and not self._store.holds(item.object):
            return None
        self._trusted.add(artifact_id)
        return item

    def collected(self, item: Item) -> None:
        """Record an artefact; its line becomes durable after its bytes, in batches."""
        self._trusted.add(item.artifact_id)
        self._waiting_bytes += item.size
        self._wait(item)

    def missing(self, missing: Missing) -> None:
        """Record an attempt that took nothing."""
        self._wait(missing)

    def _wait(self, entry: Item | Missing) -> None:
        self._outcomes.note(entry)
        self._waiting.append(entry)
        if len(self._waiting) >= _BATCH or self._waiting_bytes >= _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Make bytes durable, then their lines."""
        if self.before_flush and self._waiting:
            self.before_flush()
        self._store.sync()
        self._sync_logs()
        if self._waiting:
            self._outcomes.append(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0

    def _sync_logs(self) -> None:
        """What later files rest on is on the disk before them."""
        self._numbers.sync()
        self._audit.sync()

    def finish_collection(self) -> None:
        """Write collected.jsonl, not_collected.jsonl and files.csv from the journal, in order of number and path."""
        self.flush()
        final = self._outcomes.final()
        self._write_lines("evidence/collected.jsonl", final.items)
        self._write_lines("evidence/not_collected.jsonl", final.missing)
        self.write_bytes("evidence/files.csv", files_csv(final.items))
        for name in final.superseded:  # read with errors once and whole later
            self._store.drop(name)
            self.audit("object replaced", object=name)
        self.finish("collect")

    def items(self) -> Iterator[Item]:
        """Every collected artefact."""
        yield from Journal(self.evidence / "collected.jsonl").read(Item)

    def not_collected(self) -> Iterator[Missing]:
        """Every attempt that took nothing."""
        yield from Journal(self.evidence / "not_collected.jsonl").read(Missing)

    # -- files ----------------------------------------------------------------------------------------------------

    def write_source(self, source_id: str, record: msgspec.Struct) -> None:
        """What is known of one source: `evidence/sources/SRC-01.json`."""
        self.write_json(f"evidence/sources/{source_id}.json", record)

    def write_json(self, name: str, value: object) -> Path:
        """A JSON file below data/, sorted keys, readable, written whole or not at all."""
        plain = msgspec.to_builtins(value, str_keys=True)
        return self.write_bytes(name, msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=1) + b"\n")

    def write_bytes(self, name: str, content: bytes) -> Path:
        """A file below data/, written under another name and renamed."""
        self._sync_logs()
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        with part.open("wb") as fh:
            fh.write(content)
            fh.flush()
            os.fsync(fh.fileno())
        part.replace(path)
        return path

    def _write_lines(self, name: str, values: Iterable[object]) -> None:
        encode = msgspec.json.Encoder(order="sorted").encode
        self.write_bytes(name, b"".join(encode(v) + b"\n" for v in values))

    def reports_closed(self) -> int:
        """How many versions of the report are final; a later one never overwrites them."""
        return len(list((self.work / "stages").glob("report-R*")))

    def timeline_folder(self) -> Path:
        """Where the Parquet timeline lies."""
        return self.evidence / "timeline"

    def timeline_to_read(self) -> Path:
        """The same folder for those who ask: UsageError before parsing, IntegrityError when its files are gone."""
        folder = self.timeline_folder()
        if not any(folder.rglob("*.parquet")):
            if not self.done("parse"):
                raise UsageError("the case was not parsed yet", str(self.root), "run `shellcase parse` first")
            if had_events(self.evidence / "ledger.json"):
                raise IntegrityError("the timeline's files are gone", str(folder), "restore them, or parse again")
        return folder

    def analysis_digest(self) -> str:
        """The value over every deterministic output, empty before detection."""
        path = self.evidence / "digest.json"
        return msgspec.json.decode(path.read_bytes(), type=_Digest).analysis_digest if path.exists() else ""

    def reset_shards(self) -> None:
        """Drop the parsers' unfinished parts once the timeline is written."""
        shutil.rmtree(self.shards, ignore_errors=True)
