"""Hives: every key with its exact time, and damage that stays where it is."""

from __future__ import annotations

import csv
import json
import lzma
import struct
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers.ntfs import filetime
from parsers.registry import hive
from parsers.registry.keys import Value
from parsers.registry.logfile import checksum
from parsers.registry.plugins import PLUGINS, Key
from parsers.registry.secrets import HIDDEN
from shellcase.model import Event, Job, Source
from tests.parsers.stub import Answer, FileSource, answer, corpora, write_source

_REGIPY = corpora() / "regipy/regipy_tests/data"
needs_corpora = pytest.mark.skipif(not _REGIPY.exists(), reason="needs ../shared/corpora (hives)")
_CONFIG = "C:\\Windows\\System32\\config\\"
T0 = 132_591_000_000_000_001


def _cell(body: bytes) -> bytes:
    size = (4 + len(body) + 7) & ~7
    return struct.pack("<i", -size) + body.ljust(size - 4, b"\0")


def _nk(
    name: str, parent: int, *, root: bool = False, children: tuple[int, int] = (0, -1), values: tuple[int, int]
) -> bytes:
    head = struct.pack("<2sHQIIII", b"nk", 0x24 if root else 0x20, T0, 0, parent, children[0], 0)
    lists = struct.pack("<iiIiii", children[1], -1, values[0], values[1], -1, -1)
    return _cell((head + lists).ljust(0x48, b"\0") + struct.pack("<HH", len(name), 0) + name.encode("latin-1"))


def small(value: bytes = b"e\0v\0i\0l\0\0\0", name: str = "ImagePath") -> bytes:
    """A SYSTEM hive: root, `Run` below it with one text value."""
    root_at, bins = 32, b""
    run = _nk("Run", root_at, values=(1, 0))
    root_size = len(_nk("ROOT", 0, root=True, children=(1, 0), values=(0, -1)))
    run_at = root_at + root_size
    list_at = run_at + len(run)
    vals_at = list_at + len(_cell(struct.pack("<2sHII", b"lf", 1, 0, 0)))
    vk_at = vals_at + len(_cell(bytes(4)))
    data_at = vk_at + len(_cell(bytes(0x14 + len(name))))
    bins += _nk("ROOT", 0, root=True, children=(1, list_at), values=(0, -1))
    bins += _nk("Run", root_at, values=(1, vals_at))
    bins += _cell(struct.pack("<2sHII", b"lf", 1, run_at, 0)) + _cell(struct.pack("<I", vk_at))
    bins += _cell(struct.pack("<2sHIIIHH", b"vk", len(name), len(value), data_at, 1, 1, 0) + name.encode())
    bins += _cell(value)
    head = struct.pack("<4sIIQIIIII", b"regf", 7, 7, T0, 1, 5, 0, 1, root_at).ljust(508, b"\0")
    head = (head + struct.pack("<I", checksum(head))).ljust(4096, b"\0")
    rest = 4096 - 32 - len(bins)
    hbin = struct.pack("<4sII", b"hbin", 0, 4096).ljust(32, b"\0") + bins + struct.pack("<i", rest)
    return head + hbin.ljust(4096, b"\0")


def read(tmp_path: Path, raw: bytes, name: str = "SYSTEM", **logs: bytes) -> Answer:
    beside = {role: write_source(tmp_path, log, f"{_CONFIG}{name}.{role.upper()}") for role, log in logs.items()}
    return answer(hive.parse, Job(source=write_source(tmp_path, raw, _CONFIG + name), companions=beside))


@cache
def corpus(name: str) -> bytes:
    return lzma.decompress((_REGIPY / f"{name}.xz").read_bytes())


def corpus_file(path: str, folder: Path) -> Source:
    """A hive of the corpora, unpacked; its name says nothing."""
    raw = (corpora() / path).read_bytes()
    return write_source(folder, lzma.decompress(raw) if path.endswith(".xz") else raw, f"C:\\{Path(path).stem}")


def keys(out: Answer) -> dict[str, Event]:
    return {str(e.data["key"]): e for e in out.events if e.kind == "windows.registry.key"}


def test_a_key_is_told_with_its_exact_time_place_and_values(tmp_path: Path) -> None:
    run = keys(read(tmp_path, small()))["Run"]
    assert (run.when.ns, run.when.text) == (1614626400000000100, "2021-03-01T19:20:00.0000001Z")
    assert {k: v for k, v in run.data.items() if k != "crc"} == {
        "hive": "SYSTEM",
        "key": "Run",
        "values": {"ImagePath": "evil"},
    }
    span = run.origin.spans[0]
    assert small()[span.offset + 4 : span.offset + 6] == b"nk"
    assert run.subject == "registry key SYSTEM\\Run was changed"


def test_a_broken_value_costs_itself_and_not_its_key(tmp_path: Path) -> None:
    raw = bytearray(small())
    raw[raw.index(b"vk\x09") :][:2] = b"vk"
    raw[raw.index(b"vk\x09")] = 0
    out = read(tmp_path, bytes(raw))
    assert keys(out)["Run"].data["values"] == {}
    assert [i.grade for i in out.issues] == ["damaged"]


def test_a_broken_list_of_subkeys_does_not_lose_the_subkeys(tmp_path: Path) -> None:
    raw = small().replace(b"lf\x01\x00", b"xx\x01\x00")
    out = read(tmp_path, raw)
    assert keys(out)["Run"].origin.state == "live"
    assert (out.ledger.found, out.ledger.parsed, out.ledger.recovered) == (2, 2, 0)
    assert [(i.expected, i.found[:6]) for i in out.issues] == [("1 subkeys", "0 in t")]


def test_a_key_outside_of_a_whole_list_is_a_leftover(tmp_path: Path) -> None:
    """The root says it has no subkeys and no list: `Run` is no key of the hive any more."""
    raw = bytearray(small())
    root = raw.index(b"nk")
    raw[root + 0x14 : root + 0x18], raw[root + 0x1C : root + 0x20] = bytes(4), b"\xff" * 4
    out = read(tmp_path, bytes(raw))
    assert keys(out)["Run"].origin.state == "recovered"
    assert (out.ledger.found, out.ledger.recovered, out.issues) == (2, 1, [])


def test_a_deleted_key_is_told_from_the_free_cell_it_lies_in(tmp_path: Path) -> None:
    raw = bytearray(small())
    run = raw.index(b"nk\x20\x00")
    root = raw.index(b"nk")
    raw[run - 4 : run] = struct.pack("<i", -struct.unpack_from("<i", raw, run - 4)[0])
    raw[root + 0x14 : root + 0x18], raw[root + 0x1C : root + 0x20] = bytes(4), b"\xff" * 4
    out = read(tmp_path, bytes(raw))
    gone = keys(out)["Run"]
    assert (gone.origin.state, gone.data["values"]) == ("recovered", {"ImagePath": "evil"})
    assert gone.subject == "deleted registry key SYSTEM\\Run was changed"
    assert (out.ledger.found, out.ledger.parsed, out.ledger.recovered) == (1, 1, 1)


@pytest.mark.parametrize("longer", ["Run", "its list"])
def test_a_cell_that_grew_over_a_deleted_key_does_not_hide_it(longer: str, tmp_path: Path) -> None:
    """One changed byte in the size of the cell before it."""
    deleted = _nk("Run", 32, values=(0, -1))
    deleted = struct.pack("<i", len(deleted)) + deleted[4:]
    first = _nk("ROOT", 0, root=True, children=(0, -1), values=(0, -1)) if longer == "Run" else _cell(bytes(0x44))
    root = b"" if longer == "Run" else _nk("ROOT", 0, root=True, children=(0, -1), values=(0, -1))
    cells = root + first + deleted
    base = bytearray(small()[: 4096 + 32])
    raw = base + cells + struct.pack("<i", 4096 - 32 - len(cells))
    raw = raw.ljust(8192, b"\0")
    at = 4096 + 32 + len(root)
    assert "Run" in keys(read(tmp_path, bytes(raw)))
    struct.pack_into("<i", raw, at, -(len(first) + 0x48))
    assert keys(read(tmp_path, bytes(raw)))["Run"].origin.state == "recovered"


def test_a_broken_cell_does_not_cost_the_rest_of_its_bin(tmp_path: Path) -> None:
    """One changed byte in the size of the root's cell: the next cells are found again by their own row of sizes."""
    raw = bytearray(small())
    raw[4096 + 32] ^= 0x01
    out = read(tmp_path, bytes(raw))
    assert {"", "Run"} == keys(out).keys()
    assert ["break off" in i.what for i in out.issues][:1] == [True]


def test_a_key_that_is_its_own_parent_ends_in_a_marker(tmp_path: Path) -> None:
    raw = bytearray(small())
    run = raw.index(b"nk\x20\x00")
    raw[run + 0x10 : run + 0x14] = struct.pack("<I", run - 4 - 4096)
    assert any("<too deep>" in key for key in keys(read(tmp_path, bytes(raw))))


def test_long_values_are_cut_visibly_and_passwords_are_not_shown(tmp_path: Path) -> None:
    text = ("x" * 3000 + "\0").encode("utf-16-le")
    assert str(keys(read(tmp_path, small(text[:2200])))["Run"].data["values"]).endswith("… (cut)'}")
    hidden = keys(read(tmp_path, small(name="DefaultPassword")))["Run"].data["values"]
    assert hidden == {"DefaultPassword": HIDDEN}


def test_a_newer_transaction_log_beside_a_clean_hive_is_told(tmp_path: Path) -> None:
    """Windows would not apply it; neither do we, but nobody should miss it."""
    log = struct.pack("<4sIIQIII", b"regf", 9, 9, T0, 1, 6, 6).ljust(508, b"\0")
    log += struct.pack("<I", checksum(log)) + struct.pack("<4sIII", b"HvLE", 512, 0, 9).ljust(512, b"\0")
    assert ["not replayed" in i.what for i in read(tmp_path, small(), log1=log).issues] == [True]
    assert read(tmp_path, small(), log1=bytes(512)).issues == []


def test_a_damaged_header_does_not_lose_the_keys(tmp_path: Path) -> None:
    out = read(tmp_path, b"XXXX" + small()[4:])
    assert keys(out).keys() == {"", "Run"}
    assert [i.grade for i in out.issues] == ["damaged"]


def _key(file: str, path: str, **values: tuple[int, bytes]) -> Key:
    made = {n.casefold(): Value(n, kind, raw, len(raw)) for n, (kind, raw) in values.items()}
    return Key(file, f"C:\\Users\\x\\{file}", path, filetime.moment(T0), made)


def _said(key: Key) -> list[tuple[str, str]]:
    return [(p.kind, s.subject) for p in PLUGINS if p.knows(key.hive, key.path) for s in p.read(key)]


def test_plugins_say_what_keys_mean() -> None:
    wide = "x\0".encode("utf-16-le")
    one = struct.pack("<I", 1)
    eula = _key("NTUSER.DAT", "Software\\Sysinternals\\ProcDump", EulaAccepted=(4, one))
    service = _key("SYSTEM", "ControlSet001\\Services\\evil", ImagePath=(2, wide), Start=(4, struct.pack("<I", 2)))
    setup = _key("SOFTWARE", "Microsoft\\ExchangeServer\\v15\\Setup", MsiInstallPath=(1, wide), OwaVersion=(1, wide))
    down = _key("SYSTEM", "ControlSet001\\Control\\Windows", ShutdownTime=(3, struct.pack("<Q", T0)))
    assert _said(eula)[0][0] == "windows.registry.sysinternals_eula"
    assert "ProcDump" in _said(eula)[0][1]
    assert _said(service) == [("windows.registry.service", "service evil (automatic): x")]
    assert _said(setup) == [("windows.registry.exchange_setup", "Exchange x is installed in x")]
    assert _said(down) == [("windows.registry.system", "Windows was shut down")]
    assert _said(_key("SOFTWARE", "Software\\Sysinternals\\ProcDump", EulaAccepted=(4, one))) == []


def test_it_takes_hives_and_leaves_their_logs() -> None:
    assert hive.recognises(small()[:4096], "D:\\anything")
    log = struct.pack("<4sIIQIII", b"regf", 9, 9, T0, 1, 6, 6).ljust(4096, b"\0")
    assert not hive.recognises(log, _CONFIG + "SYSTEM.LOG1")
    assert hive.recognises(b"XXXX" + small()[4:4096], _CONFIG + "SYSTEM")
    assert not hive.recognises(b"XXXX" * 1024, "C:\\SYSTEM")


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_bytes_break_it_and_the_ledger_adds_up(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    raw = bytearray(small())
    for at in data.draw(st.lists(st.integers(4096, 4096 + 500), max_size=20)):
        raw[at] = data.draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
    out = read(tmp_path_factory.mktemp("fuzz"), bytes(raw[: data.draw(st.integers(0, len(raw)))]))
    assert out.ledger.found == out.ledger.parsed + out.ledger.failed


@needs_corpora
def test_accounts_are_told_without_their_hashes(tmp_path: Path) -> None:
    out = read(tmp_path, corpus("SAM"), "SAM")
    found = {e.data["name"]: e for e in out.events if e.kind == "windows.registry.account"}
    assert found.keys() == {"Preston", "Administrator", "Guest"}
    assert "2014-09-24T03:35:45.8448014Z" in found["Preston"].data.values()
    assert found["Guest"].data["rid"] == 501
    users = [e for k, e in keys(out).items() if "\\Users\\0000" in k]
    assert users
    assert all(set(dict(e.data["values"]).values()) == {HIDDEN} for e in users)  # type: ignore[arg-type]


def _values(event: Event) -> int:
    shown, more = event.data["values"], event.data.get("values_not_shown", 0)
    assert isinstance(shown, dict)
    assert isinstance(more, int)
    return len(shown) + more


@needs_corpora
def test_sound_hives_give_their_known_numbers_of_keys_and_values() -> None:
    """Counts of another reader (dissect.regf), kept in the manifest."""
    rows = list(csv.DictReader((corpora() / "MANIFEST.csv").read_text(encoding="utf-8").splitlines()))
    small_hives = [
        r for r in rows if r["kind"] == "hive" and int(r["size"]) < 400_000 and not r["path"].endswith(".xz")
    ]
    assert len(small_hives) > 8
    for row in small_hives:
        known = json.loads(row["expectation"])
        out = answer(hive.parse, Job(source=FileSource(corpora() / row["path"])))
        live = [e for e in keys(out).values() if e.origin.state == "live"]
        values = sum(map(_values, keys(out).values()))
        assert (row["path"], len(live), values) == (row["path"], known["keys"], known["values"])


_DAMAGED = {
    "plaso/test_data/regf/corrupt_sub_key_list.hiv": (101, 100, 0, 0),
    "regipy/regipy_tests/data/corrupted_system_hive.xz": (1831, 5881, 245, 0),
    "yarp/hives_for_tests/BadBaseBlockHive/BadBaseBlockHive": (5003, 0, 1, 0),
    "yarp/hives_for_tests/BadListHive": (7, 0, 1, 0),
    "yarp/hives_for_tests/BadLogHive1/BadLogHive": (5003, 0, 1, 0),
    "yarp/hives_for_tests/BadSubkeyHive": (7, 0, 1, 0),
    "yarp/hives_for_tests/NewDirtyHive1/NewDirtyHive": (5, 2, 4, 0),
    "yarp/hives_for_tests/OldDirtyHive/OldDirtyHive": (5003, 0, 1, 0),
    "yarp/hives_for_tests/TruncatedDirtyHive": (85, 0, 0, 0),
    "yarp/hives_for_tests/TruncatedHive": (85, 0, 0, 0),
    "yarp/hives_for_tests/TruncatedNameHive": (2, 0, 1, 0),
    "yarp/hives_for_tests/TruncatedPairHive": (4, 0, 1, 0),
    "yarp/hives_for_tests/TruncatedPairHive2": (6, 5, 0, 0),
}
"""Live keys, their values, leftovers, keys that cannot be read."""


@needs_corpora
def test_damaged_hives_give_at_least_what_the_other_reader_got(tmp_path: Path) -> None:
    rows = list(csv.DictReader((corpora() / "MANIFEST.csv").read_text(encoding="utf-8").splitlines()))
    damaged = {r["path"]: json.loads(r["expectation"]) for r in rows if r["kind"] == "hive-corrupt"}
    assert damaged.keys() == _DAMAGED.keys()
    for path, known in damaged.items():
        out = answer(hive.parse, Job(source=corpus_file(path, tmp_path)))
        live = [e for e in out.events if e.kind == "windows.registry.key" and e.origin.state == "live"]
        count = (len(live), sum(map(_values, live)), out.ledger.recovered, out.ledger.failed)
        assert (path, count) == (path, _DAMAGED[path])
        assert len(live) >= known["keys"]
        assert out.issues or path.endswith(("PairHive", "PairHive2"))


@needs_corpora
def test_times_and_values_are_those_that_another_reader_sees(tmp_path: Path) -> None:
    """python-registry is the referee: it shares no code with ours."""
    from Registry import Registry

    file = tmp_path / "NTUSER.DAT"
    file.write_bytes(corpus("transactions_NTUSER.DAT"))
    out = answer(hive.parse, Job(source=FileSource(file)))
    ours = Counter((k, e.when.text[:19], tuple(dict(e.data["values"]))) for k, e in keys(out).items())  # type: ignore[arg-type]
    theirs: Counter[tuple[str, str, tuple[str, ...]]] = Counter()
    todo = [(Registry.Registry(str(file)).root(), "")]
    while todo:
        key, path = todo.pop()
        names = tuple(v.name() for v in key.values()[:64])
        theirs[(path, key.timestamp().strftime("%Y-%m-%dT%H:%M:%S"), names)] += 1
        todo += [(sub, f"{path}\\{sub.name()}".lstrip("\\")) for sub in key.subkeys()]
    assert len(ours) == 2590
    assert ours.keys() == theirs.keys()
