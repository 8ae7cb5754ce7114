"""Every hive of the corpora read three times: ours, dissect.regf and python-registry say the same of it."""

from __future__ import annotations

import csv
import lzma
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from parsers.registry.referee import compare, compare_bytes, compare_job
from shellcase.model import Job
from tests.parsers.stub import corpora, write_source
from tests.parsers.test_registry_logs import job, yarp

_MANIFEST = corpora() / "MANIFEST.csv"
needs_corpora = pytest.mark.skipif(not _MANIFEST.exists(), reason="needs ../shared/corpora (hives)")

_DIFFERENT = {
    # python-registry takes the letters 128 to 159 of names for those of code page 1252
    "yarp/hives_for_tests/CompHive": {"missing": 4, "time": 1},
    # python-registry gives up at the list; we and dissect.regf do not
    "plaso/test_data/regf/corrupt_sub_key_list.hiv": {"missing": 100},
    # lists that lead nowhere: only we ask the keys for their parent
    "regipy/regipy_tests/data/corrupted_system_hive.xz": {"missing": 1334},
    "yarp/hives_for_tests/TruncatedHive": {"missing": 83},
    "yarp/hives_for_tests/TruncatedDirtyHive": {"missing": 83},
    # a list that names a key of another parent: we tell the key that names this parent
    "yarp/hives_for_tests/BadListHive": {"time": 1},
    "yarp/hives_for_tests/BadSubkeyHive": {"time": 1},
    # a name longer than its cell, and halves of surrogate pairs: each reader spells them in its own way
    "yarp/hives_for_tests/TruncatedNameHive": {"missing": 2},
    "yarp/hives_for_tests/TruncatedPairHive": {"missing": 2},
    "yarp/hives_for_tests/TruncatedPairHive2": {"missing": 4},
}
"""Where they differ, and whose reading is which."""


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
    found = compare_bytes(lzma.decompress(raw) if path.endswith(".xz") else raw)
    assert Counter(difference.what for difference in found) == _DIFFERENT.get(path, {})


@needs_corpora
def test_a_hive_is_compared_after_its_logs(tmp_path: Path) -> None:
    assert compare_job(job(tmp_path, *yarp("NewDirtyHive1", "NewDirtyHive"))) == []


def test_a_difference_names_the_key_and_what_each_reader_says(tmp_path: Path) -> None:
    """A hive whose list of subkeys is broken: the two others cannot see the key any more."""
    from tests.parsers.test_registry import small

    file = tmp_path / "SYSTEM"
    file.write_bytes(small())
    assert compare(file) == []
    file.write_bytes(small().replace(b"lf\x01\x00", b"li\x00\x00"))
    (found,) = compare(file)
    assert (found.key, found.what) == ("Run", "missing")
    assert found.said == {"ours": "there", "dissect.regf": "missing", "python-registry": "missing"}


@pytest.mark.parametrize("raw", [b"", b"regf", bytes(5000), b"regf" + bytes(8000)])
def test_bytes_that_are_no_hive_are_compared_too(raw: bytes, tmp_path: Path) -> None:
    assert compare_job(Job(source=write_source(tmp_path, raw, "C:\\x\\SYSTEM"))) == []
