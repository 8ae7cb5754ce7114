"""Every record of all event logs and every key of all hives of both servers: four readers each, and our timeline.

The readers are independent of ours and of one another, but for `evtx`, which our parser asks first; libevtx, which
prints times to the nanosecond and binary types in full, is the measure for the others.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import uuid
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import pytest

from shellcase.case import Case, open_object
from shellcase.model import Item
from shellcase.timeline import Timeline
from tests import hive_reading
from tests.hive_reading import FILETIME_1970, Shown
from tests.readers import READERS, Pairs, Seen, read_libevtx
from tests.test_truth import truth_of
from tests.tools import need
from tests.truth import read_truth

pytestmark = [pytest.mark.slow, pytest.mark.real, pytest.mark.timeout(900)]
_GUID = re.compile(r"\{?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})\}?")
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{6})?\d*(?:Z|\+00:00)")
_OTHERS = sorted(set(READERS) - {"libevtx"})
_FLOAT_READERS = {"python-evtx": timedelta(microseconds=4), "dissect.eventlog": timedelta(microseconds=4)}
_KINDS = ["windows.evtx.record", "exchange.management.cmdlet"]


def _logs() -> list[tuple[str, str]]:
    """(server, path) of every event log the truth files name; a missing truth file fails in a test below."""
    found = []
    for server in ("ex01", "ex02"):
        if truth_of(server).exists():
            counts = read_truth(truth_of(server))["counts"]
            found += [(server, name.removeprefix("evtx:")) for name in sorted(counts) if name.startswith("evtx:")]
    return found


def _short(value: object) -> str:
    return str(value).rpartition("\\")[2]


def _rows(case: Case, path: str, kinds: list[str]) -> list[dict[str, Any]]:
    """The live rows of one artefact in the order of its bytes; `ns` is the whole time."""
    sql = """SELECT *, epoch_us(ts) * 1000 + ts_ns AS ns FROM timeline
             WHERE path = ? AND kind IN (SELECT unnest(?)) AND state = 'live' ORDER BY "offset", event_id"""
    with closing(Timeline.connect(case.timeline_folder())) as timeline:
        rows = timeline.query(sql, [path, kinds]).to_pylist()
    return [{**row, "data": json.loads(row["data"])} for row in rows]


def _item(case: Case, path: str) -> Item:
    return next(i for i in case.items() if i.path == path and i.state == "live")


def _content(case: Case, path: str) -> bytes:
    with open_object(case.evidence, _item(case, path)) as file:
        return file.read()


# -- event logs -------------------------------------------------------------------------------------------------------


def _plain(reader: str, pairs: Pairs, wanted: Pairs) -> Pairs:
    """python-evtx gives the unnamed texts of a classic event as one text of its own markup."""
    if reader != "python-evtx" or len(pairs) != 1 or not (pairs[0][1] or "").startswith("<string>"):
        return pairs
    if wanted[0] == (None, ""):
        return wanted  # it loses its place when the first text is empty, and shows pieces of later ones twice
    return [(None, text) for text in re.findall(r"<string>(.*?)</string>\n", pairs[0][1] or "", re.DOTALL)]


def _same_name(reader: str, name: str | None, wanted: str | None) -> bool:
    if name == wanted:
        return True
    # dissect numbers a name that System has too, and puts the element's name before its children.
    return reader == "dissect.eventlog" and f"_{name}".endswith((f"_{wanted}", f"_{wanted}_1"))


def _same_value(reader: str, value: str | None, wanted: str | None) -> bool:
    """Equal but for the spelling of types. `wanted` is libevtx's."""
    ours, theirs = ((text or "").replace("\r\n", "\n") for text in (value, wanted))
    if not theirs.strip():
        return not ours.strip()
    if reader == "dissect.eventlog" and re.fullmatch(r"b'[0-9a-f]*'", ours):
        ours = ours[2:-1].upper()  # bytes
    if reader == "python-evtx" and re.fullmatch(r"(?:[0-9A-F]{2})+", theirs) and re.fullmatch(r"[\w+/]+=*", ours):
        return ours in {theirs, base64.b64encode(bytes.fromhex(theirs)).decode()}
    if ours == theirs:
        return True
    if (guid := _GUID.fullmatch(theirs)) and (told := _GUID.fullmatch(ours)):
        # dissect reads the 16 bytes as if they were in network order.
        swapped = str(uuid.UUID(bytes=uuid.UUID(told[1]).bytes_le)) if reader == "dissect.eventlog" else told[1]
        return swapped.lower() == guid[1].lower()
    if (time := _TIME.fullmatch(theirs)) and (told := _TIME.fullmatch(ours)):
        return abs(_instant(time) - _instant(told)) <= _FLOAT_READERS.get(reader, timedelta())
    if re.fullmatch("0x[0-9a-f]+", theirs):
        return re.fullmatch("0x[0-9a-fA-F]+", ours) is not None and int(ours, 16) == int(theirs, 16)
    return theirs in {"true", "false"} and ours.lower() in {theirs, str(int(theirs == "true"))}


def _instant(match: re.Match[str]) -> datetime:
    return datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ''}+00:00")


def _differences(reader: str, shown: Seen, wanted: Seen) -> list[str]:
    """What a reader says otherwise than libevtx."""
    pairs = _plain(reader, shown.pairs, wanted.pairs)
    wrong = []
    if (shown.number, shown.provider, shown.event_id) != (wanted.number, wanted.provider, wanted.event_id):
        wrong.append(f"{reader}: {shown[:4]} for {wanted[:4]}")
    if not _same_value(reader, shown.time, wanted.time):
        wrong.append(f"{reader}: record {wanted.number}: {shown.time} for {wanted.time}")
    if len(pairs) != len(wanted.pairs):
        wrong.append(f"{reader}: record {wanted.number}: {len(pairs)} values for {len(wanted.pairs)}")
    for (name, value), (right_name, right) in zip(pairs, wanted.pairs, strict=False):
        if not _same_name(reader, name, right_name) or not _same_value(reader, value, right):
            wrong.append(f"{reader}: record {wanted.number}: {name}={value!r} for {right_name}={right!r}")
    return wrong


@pytest.mark.parametrize("server", ["ex01", "ex02"])
def test_the_truth_names_every_event_log(server: str, request: pytest.FixtureRequest) -> None:
    """The list of logs the tests below go through is complete, for each server."""
    case: Case = request.getfixturevalue(server)
    assert sorted(i.path for i in case.items() if i.cls == "evtx" and i.state == "live") == sorted(
        path for name, path in _logs() if name == server
    )


@pytest.mark.parametrize(("server", "path"), _logs(), ids=_short)
@pytest.mark.parametrize("reader", _OTHERS)
def test_readers_agree_on_every_record(server: str, path: str, reader: str, request: pytest.FixtureRequest) -> None:
    """Count, EventRecordID, TimeCreated to the microsecond, provider, event id, names and values in their order."""
    log = _content(request.getfixturevalue(server), path)
    wanted, shown = read_libevtx(log), READERS[reader](log)
    assert len(wanted) == read_truth(truth_of(server))["counts"][f"evtx:{path}"]
    assert len(shown) == len(wanted)
    wrong = [line for pair in zip(shown, wanted, strict=True) for line in _differences(reader, *pair)]
    assert wrong[:20] == []


def _as_seen(row: dict[str, Any]) -> Seen:
    """A row of the timeline in the form of a reader. Names that occur twice carry `#n`, UserData dotted names."""
    data = row["data"]
    pairs: Pairs = [(name.partition("#")[0], value) for name, value in data.get("EventData", {}).items()]
    pairs += [(None, value) for value in data.get("Data", [])]
    pairs += [(name.rpartition(".")[2], value) for name, value in data.get("UserData", {}).items()]
    return Seen(int(data["EventRecordID"]), row["ts_text"], row["provider"], int(row["event_code"]), pairs)


@pytest.mark.parametrize(("server", "path"), _logs(), ids=_short)
def test_the_timeline_says_what_libevtx_says(server: str, path: str, request: pytest.FixtureRequest) -> None:
    """Every record is one row, with the same values and the whole time, 100 ns digit included."""
    case: Case = request.getfixturevalue(server)
    rows, wanted = _rows(case, path, _KINDS), read_libevtx(_content(case, path))
    assert len(rows) == len(wanted)
    wrong = [line for row, one in zip(rows, wanted, strict=True) for line in _differences("ours", _as_seen(row), one)]
    assert wrong[:20] == []
    assert [row["data"]["EventRecordID"] for row in rows if row["ns"] != _nanoseconds(row["ts_text"])] == []
    assert [one.number for row, one in zip(rows, wanted, strict=True) if row["ns"] != _nanoseconds(one.time)] == []


def _nanoseconds(text: str) -> int:
    whole, _, fraction = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * 10**9 + int(fraction.ljust(9, "0")[:9])


@pytest.mark.parametrize(("server", "path"), _logs(), ids=_short)
def test_every_row_points_at_its_record(server: str, path: str, request: pytest.FixtureRequest) -> None:
    """At the row's offset lies a record of that length, with the row's record number and header time."""
    case: Case = request.getfixturevalue(server)
    log, rows = _content(case, path), _rows(case, path, _KINDS)
    for row in rows:
        magic, size, number, written = struct.unpack_from("<4sIQQ", log, row["offset"])
        assert (magic, size) == (b"**\0\0", row["length"]), row["locator"]
        assert struct.unpack_from("<I", log, row["offset"] + size - 4)[0] == size
        assert str(number) == row["data"]["header_record_id"]
        told = row["data"].get("written")
        assert (_nanoseconds(told) if told else row["ns"]) == (written - FILETIME_1970) * 100, row["locator"]
    assert len({row["offset"] for row in rows}) == len(rows)


# -- hives ------------------------------------------------------------------------------------------------------------

_HIDDEN = "<not shown"
_MOST_TEXT = 1024


def _hives(case: Case) -> list[Item]:
    found = [i for i in case.items() if i.cls == "hive" and i.state == "live" and not i.path.endswith(("LOG1", "LOG2"))]
    assert {_short(i.path).upper() for i in found} >= {"SYSTEM", "SOFTWARE", "SAM", "NTUSER.DAT"}
    return found


def _to_the_second(shown: Shown) -> Shown:
    return {path: (ticks // 10**7 * 10**7, values) for path, (ticks, values) in shown.items()}


def _without_noise(shown: Shown, wanted: Shown) -> Shown:
    """Of a value without data regipy shows what happens to lie at the offset that such a value does not use."""
    empty = {(path, n) for path, (_t, values) in wanted.items() for n, (_name, text) in enumerate(values) if not text}
    return {
        path: (ticks, [(name, "" if (path, n) in empty else text) for n, (name, text) in enumerate(values)])
        for path, (ticks, values) in shown.items()
    }


@pytest.mark.parametrize("reader", sorted(set(hive_reading.READERS) - {"dissect.regf"}))
@pytest.mark.parametrize("server", ["ex01", "ex02"])
def test_readers_agree_on_every_key(server: str, reader: str, request: pytest.FixtureRequest) -> None:
    """Paths, FILETIMEs, names and contents of all values of every hive."""
    if reader == "hivex":
        need("hivexml")
    case: Case = request.getfixturevalue(server)
    for item in _hives(case):
        hive = _content(case, item.path)
        wanted, shown = hive_reading.dissect(hive), hive_reading.READERS[reader](hive)
        assert len(wanted) >= 4
        if reader == "regipy":
            shown = _without_noise(shown, wanted)
        assert shown == (_to_the_second(wanted) if reader == "hivex" else wanted), item.path


@pytest.mark.parametrize("server", ["ex01", "ex02"])
def test_the_timeline_says_what_the_hive_readers_say(server: str, request: pytest.FixtureRequest) -> None:
    """Every key is one row with its whole time and its values; secrets are named, never shown."""
    case: Case = request.getfixturevalue(server)
    for item in _hives(case):
        wanted = hive_reading.dissect(_content(case, item.path))
        rows = {row["data"]["key"]: row for row in _rows(case, item.path, ["windows.registry.key"])}
        assert {path: row["ns"] for path, row in rows.items()} == {
            path: (ticks - FILETIME_1970) * 100 for path, (ticks, _values) in wanted.items()
        }, item.path
        for path, (_ticks, values) in wanted.items():
            told = rows[path]["data"]["values"]
            assert list(told) == [name or "(default)" for name, _text in values][:64], path
            pairs = zip(told.values(), values, strict=False)
            assert [p for p in pairs if not p[0].startswith(_HIDDEN) and not _is_told(p[0], p[1][1])] == [], path


def _is_told(told: str, text: str) -> bool:
    """Whole, or as far as the timeline keeps long texts."""
    return told == text or (len(text) > _MOST_TEXT and told.startswith(text[:_MOST_TEXT]))
