"""Hives that were not closed cleanly: replayed from their logs they are what Windows made of them."""

from __future__ import annotations

import lzma
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.registry import hive
from parsers.registry.logfile import checksum
from parsers.registry.marvin import marvin32
from parsers.registry.replay import replay
from shellcase.model import Event, Job, Source
from tests.parsers.stub import Answer, answer, corpora, write_source

_YARP = corpora() / "yarp/hives_for_tests"
_REGIPY = corpora() / "regipy/regipy_tests/data"
needs_corpora = pytest.mark.skipif(not _YARP.exists(), reason="needs ../shared/corpora (hives with logs)")


def job(tmp_path: Path, raw: bytes, *logs: bytes) -> Job:
    beside: dict[str, Source] = {
        f"log{n}": write_source(tmp_path, log, f"C:\\x\\SYSTEM.LOG{n}") for n, log in enumerate(logs, 1)
    }
    return Job(source=write_source(tmp_path, raw, "C:\\x\\SYSTEM"), companions=beside)


def live(out: Answer) -> dict[str, tuple[str, dict[str, str]]]:
    found = [e for e in out.events if e.kind == "windows.registry.key" and e.origin.state == "live"]
    return {str(e.data["key"]): (e.when.text, dict(e.data["values"])) for e in found}  # type: ignore[arg-type]


def yarp(folder: str, name: str) -> tuple[bytes, ...]:
    names = [name, f"{name}.LOG1", f"{name}.LOG2"]
    return tuple((_YARP / folder / n).read_bytes() for n in names)


@needs_corpora
@pytest.mark.parametrize(
    ("folder", "name", "recovered", "count"),
    [
        ("NewDirtyHive1", "NewDirtyHive", "NewDirtyHive1/RecoveredHive_Windows10", (5, 1)),
        ("OldDirtyHive", "OldDirtyHive", "OldDirtyHive/RecoveredHive_Windows7", (5003, 1)),
        ("BadBaseBlockHive", "BadBaseBlockHive", "OldDirtyHive/RecoveredHive_Windows7", (5003, 1)),
    ],
)
def test_a_replayed_hive_is_the_one_that_windows_recovered(
    folder: str, name: str, recovered: str, count: tuple[int, int], tmp_path: Path
) -> None:
    """Key by key, value by value, time by time; in the third case the hive's own header is damaged too."""
    ours = answer(hive.parse, job(tmp_path, *yarp(folder, name)))
    theirs = answer(hive.parse, job(tmp_path, (_YARP / recovered).read_bytes()))
    assert live(ours) == live(theirs)
    assert (len(live(ours)), sum(len(v) for _, v in live(ours).values())) == count
    assert [i.what for i in ours.issues if "after its transaction logs" in i.what]
    replayed = [e for e in ours.events if e.origin.spans[0].layer == "replayed"]
    assert replayed
    assert all("from C:\\x\\SYSTEM.LOG" in e.origin.locator for e in replayed)


@needs_corpora
def test_logs_whose_header_is_damaged_are_left_out_and_told(tmp_path: Path) -> None:
    out = answer(hive.parse, job(tmp_path, *yarp("BadLogHive1", "BadLogHive")))
    assert len(live(out)) == 5003
    assert [i.what for i in out.issues] == ["transaction log not replayed: its header is damaged"]


def regipy(name: str) -> bytes:
    return lzma.decompress((_REGIPY / f"{name}.xz").read_bytes())


@needs_corpora
@pytest.mark.parametrize(
    ("name", "logs", "entries"),
    [
        ("transactions_NTUSER.DAT", ("transactions_ntuser.dat.log1",), 23),
        ("transactions_NTUSER.DAT", ("transactions_ntuser.dat.log1", "transactions_ntuser.dat.log2"), 23),
        ("UsrClass.dat", ("UsrClass.dat.LOG1", "UsrClass.dat.LOG2"), 14),
        ("SYSTEM_B", ("SYSTEM_B.LOG1", "SYSTEM_B.LOG2"), 24),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_long_chains_give_the_bytes_that_regipy_gives(
    name: str, logs: tuple[str, ...], entries: int, tmp_path: Path
) -> None:
    """regipy takes logs in the order it is told, so it is told the right one; the older log of the second is not."""
    from regipy.recovery import apply_transaction_logs

    mine = replay(regipy(name), job(tmp_path, regipy(name), *map(regipy, logs)))
    files = [tmp_path / part for part in ("hive", *logs)]
    for file, part in zip(files, (name, *logs), strict=True):
        file.write_bytes(regipy(part))
    older, newer = (None, files[1]) if name.startswith("transactions") else (files[1], files[2])
    out = tmp_path / "theirs"
    apply_transaction_logs(str(files[0]), str(newer), older and str(older), str(out))  # type: ignore[no-untyped-call]
    assert mine.entries == entries
    assert mine.raw[4096:] == out.read_bytes()[4096:]
    told = answer(hive.parse, job(tmp_path, mine.raw))
    assert (told.ledger.failed, [i for i in told.issues if "list" in i.what or "cells" in i.what]) == (0, [])


def entry(number: int, at: int, page: bytes, bins: int = 4096) -> bytes:
    """An entry of a new log with one page for the place `at` of the bins."""
    body = struct.pack("<II", at, len(page)) + page
    size = (40 + len(body) + 511) // 512 * 512
    body = body.ljust(size - 40, b"\0")
    head = struct.pack("<4sIIIIIQ", b"HvLE", size, 0, number, bins, 1, marvin32(body))
    return head + struct.pack("<Q", marvin32(head)) + body


def base(first: int, second: int, kind: int) -> bytes:
    raw = struct.pack("<4sIIQIIIIII", b"regf", first, second, 0, 1, 5, kind, 1, 32, 4096).ljust(508, b"\0")
    return raw + struct.pack("<I", checksum(raw))


def test_the_chain_ends_at_a_torn_entry_and_the_rest_is_told(tmp_path: Path) -> None:
    """An entry that was half written must not be applied, nor anything behind it."""
    raw = base(9, 8, 0).ljust(4096, b"\0") + bytes(4096)
    torn = bytearray(entry(9, 512, b"B" * 512))
    torn[100] ^= 1
    log = base(8, 8, 6) + entry(8, 0, b"A" * 512) + bytes(torn) + entry(10, 1024, b"C" * 512)
    out = replay(raw, job(tmp_path, raw, log))
    assert (out.raw[4096:4608], out.raw[4608:5632]) == (b"A" * 512, bytes(1024))
    assert (out.entries, out.pages) == (1, [(4096, 4608, "C:\\x\\SYSTEM.LOG1")])
    assert any("does not fit" in issue.what for issue in out.issues)


def test_an_entry_of_the_past_and_one_behind_a_gap_are_not_applied(tmp_path: Path) -> None:
    raw = base(9, 8, 0).ljust(4096, b"\0") + bytes(4096)
    log = base(7, 7, 6) + entry(7, 0, b"A" * 512) + entry(8, 512, b"B" * 512) + entry(10, 1024, b"C" * 512)
    out = replay(raw, job(tmp_path, raw, log))
    assert out.raw[4096:5632] == bytes(512) + b"B" * 512 + bytes(512)


def test_a_log_does_not_blow_up_a_hive(tmp_path: Path) -> None:
    """A size of four gigabytes in an entry with right sums is still a lie."""
    raw = base(9, 8, 0).ljust(4096, b"\0") + bytes(4096)
    log = base(8, 8, 6) + entry(8, 0xF000_0000, b"A" * 512, 0xFFFF_F000)
    out = replay(raw, job(tmp_path, raw, log))
    assert (len(out.raw), out.entries) == (8192, 0)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_log_leaves_a_hive_that_can_be_told(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("fuzz")
    log = bytearray(base(8, 8, data.draw(st.sampled_from([1, 6]))) + entry(8, 0, b"A" * 512))
    log[512:516] = data.draw(st.sampled_from([b"HvLE", b"DIRT"]))
    for at in data.draw(st.lists(st.integers(0, len(log) - 1), max_size=6)):
        log[at] = data.draw(st.integers(0, 255))
    raw = base(9, 8, 0).ljust(4096, b"\0") + bytes(4096)
    out = answer(hive.parse, job(folder, raw, bytes(log[: data.draw(st.integers(0, len(log)))])))
    assert out.ledger.found == out.ledger.parsed + out.ledger.failed


def test_an_event_says_which_log_it_comes_from(tmp_path: Path) -> None:
    """The bytes of a replayed key are not in the hive's file; the locator must say so."""
    from tests.parsers.test_registry import small

    done = bytearray(small())
    done[:512] = base(9, 8, 0)
    log = base(8, 8, 6) + entry(8, 0, small()[4096:])
    out = answer(hive.parse, job(tmp_path, bytes(done[:4096]) + bytes(4096), log))
    run = next(e for e in out.events if isinstance(e, Event) and e.data["key"] == "Run")
    assert run.origin.locator == "SYSTEM\\Run (replayed from C:\\x\\SYSTEM.LOG1)"
    assert run.origin.spans[0].layer == "replayed"
