"""What keys mean, on real hives: how many of each kind there are, counted by other readers or in the bytes."""

from __future__ import annotations

import io
import lzma
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dissect.regf import RegistryHive
from dissect.regf.regf import KeyNode

from parsers.registry import hive
from parsers.registry.plugins import PLUGINS
from parsers.registry.plugins.shimcache import entries
from shellcase.model import Event, Job
from tests.parsers.registry_built import TOLD, Told
from tests.parsers.stub import answer, corpora, write_source

_DATA = "regipy/regipy_tests/data"
_KIND = "windows.registry."
needs_corpora = pytest.mark.skipif(not corpora().exists(), reason="needs ../shared/corpora (hives)")

_COUNTS = {
    f"{_DATA}/SYSTEM.xz": {
        "shimcache": 660,  # regipy
        "timezone": 2,  # regipy
        "wdigest": 2,  # regipy
        "network_interface": 4,
        "lsa": 4,
        "rdp_server": 4,
        "event_log": 16,
        "service": 833,
        "service_library": 232,
        "autostart": 14,
        "system": 7,
    },
    f"{_DATA}/SYSTEM_B.xz": {"shimcache": 406, "bam": 28, "wdigest": 1},  # bam: regipy
    f"{_DATA}/SECURITY.xz": {"audit_policy": 1},
    f"{_DATA}/SAM.xz": {"account": 3, "account_name": 3, "account_time": 4},
    f"{_DATA}/UsrClass.dat.xz": {"shellbag": 12},
    f"{_DATA}/transactions_NTUSER.DAT.xz": {"userassist": 20, "mru": 2, "program": 1},  # userassist: regipy
    f"{_DATA}/ntuser_software_partial.xz": {"program": 5, "autostart": 6},
    "plaso/test_data/regf/SAM": {"account": 3, "account_name": 3},  # plaso
    "plaso/test_data/NTUSER-WIN7.DAT": {"userassist": 90, "typed": 2, "autostart": 2, "mru": 16, "shellbag": 3},
    "plaso/test_data/NTUSER-RunTests.DAT": {"autostart": 2},  # plaso: one Run, one RunOnce
    "plaso/test_data/winreg/Amcache.hve": {"amcache_file": 1367, "amcache_driver": 311, "amcache_program": 99},
    "plaso/test_data/winreg/win10-Amcache.hve": {"amcache_file": 30, "amcache_program": 75},  # files: regipy
}
"""Live events by kind; those without a reader's name were looked through by hand or are counted again below."""


def raw_hive(path: str) -> bytes:
    raw = (corpora() / path).read_bytes()
    return lzma.decompress(raw) if path.endswith(".xz") else raw


def events(path: str, folder: Path) -> list[Event]:
    name = path.rpartition("/")[2].removesuffix(".xz")
    out = answer(hive.parse, Job(source=write_source(folder, raw_hive(path), f"C:\\Users\\jo\\{name}")))
    return [event for event in out.events if event.origin.state == "live"]


@needs_corpora
@pytest.mark.parametrize("path", _COUNTS)
def test_real_hives_tell_what_others_count_in_them(path: str, tmp_path: Path) -> None:
    found = Counter(event.kind.removeprefix(_KIND) for event in events(path, tmp_path))
    assert {kind: found[kind] for kind in _COUNTS[path]} == _COUNTS[path]


def walk(key: KeyNode, path: str = "") -> Iterator[tuple[str, KeyNode]]:
    yield path, key
    for child in key.subkeys():
        yield from walk(child, f"{path}\\{child.name}")


def counted(path: str, wanted: Callable[[str, KeyNode], bool]) -> int:
    return sum(wanted(where, key) for where, key in walk(RegistryHive(io.BytesIO(raw_hive(path))).root()))


@needs_corpora
def test_services_are_as_many_as_another_reader_finds() -> None:
    def service(path: str, key: KeyNode) -> bool:
        parts = path.split("\\")
        if len(parts) != 4 or parts[2] != "services":
            return False
        return bool({"start", "imagepath"} & {value.name.lower() for value in key.values()})

    assert counted(f"{_DATA}/SYSTEM.xz", service) == 833


@needs_corpora
def test_the_shim_cache_gives_every_signature_in_its_bytes() -> None:
    root = RegistryHive(io.BytesIO(raw_hive(f"{_DATA}/SYSTEM_B.xz"))).root()
    (key,) = [k for path, k in walk(root) if path.endswith("\\Session Manager\\AppCompatCache")]
    data = key.value("AppCompatCache").data
    assert len(list(entries(data))) == data.count(b"10ts") == 406


@needs_corpora
def test_a_program_that_was_opened_is_told_with_count_and_time(tmp_path: Path) -> None:
    """Values as plaso's tests and regipy give them."""
    found = {str(e.data["program"]): e for e in events("plaso/test_data/NTUSER-WIN7.DAT", tmp_path) if "user" in e.kind}
    start = found["Microsoft.Windows.GettingStarted"]
    assert (start.data["runs"], start.when.text[:23], start.user) == (14, "2010-11-10T07:49:37.078", "jo")


@needs_corpora
def test_an_inventory_entry_has_path_and_hash(tmp_path: Path) -> None:
    found = {e.file_path: e for e in events("plaso/test_data/winreg/Amcache.hve", tmp_path) if "amcache_file" in e.kind}
    assert found["c:\\windows\\system32\\smss.exe"].data["sha1"] == "d1af138271c0aaf33231ca6b69ec292825e4344f"


@needs_corpora
def test_the_audit_policy_is_told_by_subcategory(tmp_path: Path) -> None:
    (said,) = [e for e in events(f"{_DATA}/SECURITY.xz", tmp_path) if e.kind.endswith("audit_policy")]
    policy = said.data["policy"]
    assert isinstance(policy, dict)
    assert (len(policy), policy["Logon"], policy["Process Creation"]) == (59, "success and failure", "no")


@needs_corpora
def test_nothing_of_a_secret_is_told(tmp_path: Path) -> None:
    """Hives that hold hashes, under a name that does not say so: their binary values stay hidden."""
    for path in (f"{_DATA}/SAM.xz", f"{_DATA}/SECURITY.xz", "plaso/test_data/regf/SAM"):
        raw = raw_hive(path)
        told = answer(hive.parse, Job(source=write_source(tmp_path, raw, "C:\\ProgramData\\x.tmp")))
        secret = [
            e for e in told.events if re.match(r"SAM|Policy\\Secrets|Policy\\PolEK|Cache", str(e.data.get("key")))
        ]
        assert len(secret) > 5
        shown = [str(value) for e in secret for value in dict(e.data.get("values") or {}).values()]  # type: ignore[arg-type]
        assert not [text for text in shown if len(text) > 64 and set(text) <= set("0123456789abcdef")]
        assert any("not shown" in text for text in shown)


def test_every_kind_has_a_hive_that_shows_it() -> None:
    shown = {_KIND + kind for kinds in _COUNTS.values() for kind in kinds} | {case.kind for case in TOLD}
    assert {plugin.kind for plugin in PLUGINS} <= shown


@pytest.mark.parametrize("case", TOLD, ids=lambda case: f"{case.kind.removeprefix(_KIND)}-{case.subject[:30]}")
def test_built_hives_tell_what_was_written_into_them(case: Told, tmp_path: Path) -> None:
    """Kinds of which no real key is at hand."""
    out = answer(hive.parse, Job(source=write_source(tmp_path, case.raw(), case.file)))
    found = [event for event in out.events if event.kind == case.kind]
    assert case.subject in [event.subject for event in found]
    event = next(event for event in found if event.subject == case.subject)
    assert {name: event.data[name] for name in case.data} == case.data
    assert {name: getattr(event, name) for name in case.pivots} == case.pivots
    assert case.when is None or event.when.text == case.when
    assert out.issues == []
