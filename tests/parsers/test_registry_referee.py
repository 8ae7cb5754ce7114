"""Every hive of the corpora read three times: ours, dissect.regf and python-registry say the same of it."""

from __future__ import annotations

import csv
import lzma
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from parsers.registry.referee import compare, compare_bytes, compare_job
from tests.parsers.stub import corpora, write_source
from tests.parsers.test_registry_logs import job, yarp

_MANIFEST = corpora() / "MANIFEST.csv"
needs_corpora = pytest.mark.skipif(not _MANIFEST.exists(), reason="needs ../shared/corpora (hives)")

_UNREAD = {
    # both give up at the list, dissect.regf later
    "plaso/test_data/regf/corrupt_sub_key_list.hiv": {"dissect.regf": 92, "python-registry": 100},
    # lists that lead nowhere: only we ask the keys for their parent
    "regipy/regipy_tests/data/corrupted_system_hive.xz": {"dissect.regf": 1064, "python-registry": 1334},
    "yarp/hives_for_tests/TruncatedHive": {"dissect.regf": 83, "python-registry": 83},
    "yarp/hives_for_tests/TruncatedDirtyHive": {"dissect.regf": 83, "python-registry": 83},
    # names that each reader spells in its own way, see below
    "yarp/hives_for_tests/CompHive": {"python-registry": 2},
    "yarp/hives_for_tests/TruncatedNameHive": {"python-registry": 1},
    "yarp/hives_for_tests/TruncatedPairHive": {"dissect.regf": 1, "python-registry": 1},
    "yarp/hives_for_tests/TruncatedPairHive2": {"dissect.regf": 2, "python-registry": 2},
}
_CONTRADICTED = {
    # python-registry takes the letters 128 to 159 of names for those of code page 1252
    "yarp/hives_for_tests/CompHive": {"python-registry": 3},
    # a list that names a key of another parent: we tell the key that names this parent
    "yarp/hives_for_tests/BadListHive": {"dissect.regf": 1, "python-registry": 1},
    "yarp/hives_for_tests/BadSubkeyHive": {"dissect.regf": 1, "python-registry": 1},
    # a name longer than its cell, and halves of surrogate pairs
    "yarp/hives_for_tests/TruncatedNameHive": {"python-registry": 1},
    "yarp/hives_for_tests/TruncatedPairHive": {"dissect.regf": 1},
    "yarp/hives_for_tests/TruncatedPairHive2": {"dissect.regf": 2},
}
"""Where they differ, by referee: keys they do not reach, and keys of which they say something else."""


@cache
def hives() -> tuple[str, ...]:
    if not _MANIFEST.exists():
        return ()
    rows = csv.DictReader(_MANIFEST.read_text(encoding="utf-8").splitlines())
    return tuple(row["path"] for row in rows if row["kind"] in {"hive", "hive-corrupt"})


@needs_corpora
def test_the_corpora_have_hives() -> None:
    assert len(hives()) > 30


@pytest.mark.parametrize("path", hives())
def test_three_readers_say_the_same_of_a_hive(path: str) -> None:
    """Keys, times to the last digit, names, types, lengths and bytes of values."""
    raw = (corpora() / path).read_bytes()
    found = list(compare_bytes(lzma.decompress(raw) if path.endswith(".xz") else raw))
    assert Counter(d.referee for d in found if d.unread) == _UNREAD.get(path, {})
    assert Counter(d.referee for d in found if not d.unread) == _CONTRADICTED.get(path, {})


@needs_corpora
def test_a_hive_is_compared_after_its_logs(tmp_path: Path) -> None:
    assert list(compare_job(job(tmp_path, *yarp("NewDirtyHive1", "NewDirtyHive")))) == []


def test_a_difference_names_the_key_and_what_each_reader_says() -> None:
    """A hive whose list of subkeys is broken: the two others cannot see the key any more."""
    from tests.parsers.test_registry import small

    assert list(compare_bytes(small())) == []
    raw = small().replace(b"lf\x01\x00", b"li\x00\x00")
    found = list(compare_bytes(raw))
    assert [d.referee for d in found] == ["dissect.regf", "python-registry"]
    assert {(d.what, d.ours, d.theirs, d.unread) for d in found} == {("record of Run", "there", "missing", True)}
    assert raw[found[0].offset + 4 : found[0].offset + 6] == b"nk"


@pytest.mark.parametrize("raw", [b"", b"regf", bytes(5000), b"regf" + bytes(8000)])
def test_bytes_that_are_no_hive_are_compared_too(raw: bytes, tmp_path: Path) -> None:
    assert list(compare(write_source(tmp_path, raw, "C:\\x\\SYSTEM"))) == []
