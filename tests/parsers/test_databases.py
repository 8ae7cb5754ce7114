"""Resource usage and user access logging: every row of real databases is told, damage is named and stays local."""

from __future__ import annotations

import json
import random
import struct
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from parsers.database import srum, ual
from parsers.database.ese.catalogue import Database, Row, Table
from parsers.database.ese.pages import read_head
from parsers.database.ual_tables import ROLES
from parsers.database.ual_tables import TABLES as FORMS
from shellcase.model import Job
from tests.parsers.replaying import check_way_back
from tests.parsers.stub import Answer, answer, corpora, write_source
from tests.tools import need_shared

SRUDB = "C:\\Windows\\System32\\sru\\SRUDB.dat"
SYSTEM = "C:\\Windows\\System32\\LogFiles\\SUM\\SystemIdentity.mdb"
ROWS = {
    "windows.srum.timeline": 4038,
    "windows.srum.vfu": 44,
    "windows.srum.network": 255,
    "windows.srum.application": 1778,
    "windows.srum.connection": 17,
    "windows.srum.energy": 1,
    "windows.srum.notification": 10,
    "windows.srum.id": 1141,
}


def _corpus(name: str) -> bytes:
    file = corpora() / name
    raw = file.read_bytes() if file.is_file() else b""
    need_shared(raw)
    return raw


def _srum(folder: Path, raw: bytes) -> Answer:
    return answer(srum.parse, Job(source=write_source(folder, raw, SRUDB)))


def test_every_row_of_a_real_resource_usage_database_is_told(tmp_path: Path) -> None:
    said = _srum(tmp_path, _corpus("go-ese/testdata/SRUM/SRUDB.dat"))
    assert Counter(e.kind for e in said.events) == ROWS
    assert (said.ledger.found, said.ledger.parsed, said.ledger.failed) == (7284, 7284, 0)
    assert not said.issues


def test_rows_equal_the_golden_ones_of_another_tool(tmp_path: Path) -> None:
    """Times to the minute, numbers to the last digit, for the push notifications that go-ese printed."""
    said = _srum(tmp_path, _corpus("go-ese/testdata/SRUM/SRUDB.dat"))
    golden = _corpus("go-ese/fixtures/SRUM-D10CA2FE-6FCF-4F6D-848E-B2E99266FA86.golden").decode().splitlines()
    mine = [e for e in said.events if e.kind == "windows.srum.notification"]
    for line in filter(None, golden):
        row = json.loads(line)
        event = next(e for e in mine if e.data["AutoIncId"] == row["AutoIncId"])
        assert event.when.text.replace(".000Z", "Z") == row.pop("TimeStamp")
        assert {name: event.data[name] for name in row} == row


def test_applications_and_users_are_named_not_numbered(tmp_path: Path) -> None:
    said = _srum(tmp_path, _corpus("go-ese/testdata/SRUM/SRUDB.dat"))
    rows = [e for e in said.events if e.kind == "windows.srum.network"]
    assert {str(e.data["AppId"]) for e in rows if not e.data["app"]} == {"1"}, "the row that stands for no application"
    assert {e.user for e in rows} >= {"S-1-5-18", "S-1-5-19"}
    assert any(e.process == "Dnscache" for e in rows)
    assert any(e.process == "svchost.exe" for e in said.events if e.kind == "windows.srum.timeline")


@pytest.mark.parametrize("name", ["go-ese/testdata/SRUM/SRUDB.dat", "plaso/test_data/SystemIdentity.mdb"])
def test_another_reader_sees_the_same_values(name: str) -> None:
    """dissect as referee: the same rows with the same values in every table."""
    ese = pytest.importorskip("dissect.database.ese")
    raw = _corpus(name)
    file = corpora() / name
    head = read_head(raw[:4096])
    assert head
    with file.open("rb") as stream, file.open("rb") as other:
        database, referee = Database(stream, len(raw), head), ese.ESE(other)
        for table in database.tables:
            theirs = referee.table(table.name)
            names = [column.name for column in theirs.columns]
            want = sorted(str({n: _plain(r.get(n)) for n in names if r.get(n) is not None}) for r in theirs.records())
            rows = [row for row in database.rows(table) if isinstance(row, Row)]
            assert sorted(str({n: _plain(v) for n, v in row.values.items()}) for row in rows) == want
            assert database.count(table) == len(rows)


def _plain(value: object) -> object:
    if isinstance(value, list):
        return _plain(value[0])
    return value.strip("{}").upper() if isinstance(value, str) else value


def test_the_server_is_told_by_the_access_log(tmp_path: Path) -> None:
    raw = _corpus("plaso/test_data/SystemIdentity.mdb")
    said = answer(ual.parse, Job(source=write_source(tmp_path, raw, SYSTEM)))
    kinds = Counter(e.kind for e in said.events)
    assert kinds == {"windows.ual.system": 2, "windows.ual.role_name": 14, "windows.ual.file": 1}
    servers = [e for e in said.events if e.kind == "windows.ual.system"]
    assert [e.data["SystemDomainName"] for e in servers] == ["WORKGROUP", "ual.lab"]
    assert servers[0].when.text == "2022-07-16T14:46:12.5700000Z"
    assert (said.ledger.found, said.ledger.parsed) == (17, 17)


@pytest.mark.parametrize(("state", "word"), [(2, "dirty shutdown"), (5, "forced detach"), (77, "state 77")])
def test_a_database_that_was_not_closed_says_so(state: int, word: str, tmp_path: Path) -> None:
    """Rows that are only in the logs are missing: that must never look like a whole answer."""
    raw = bytearray(_corpus("plaso/test_data/SystemIdentity.mdb"))
    struct.pack_into("<I", raw, 52, state)
    _sign_header(raw)
    said = answer(ual.parse, Job(source=write_source(tmp_path, bytes(raw), SYSTEM)))
    assert [i.found for i in said.issues] == [word]
    assert "not replayed" in said.issues[0].what
    assert said.ledger.parsed == 17


def _sign_header(raw: bytearray) -> None:
    """The header's own checksum, after a change."""
    total = 0x89ABCDEF
    for (word,) in struct.iter_unpack("<I", raw[4:4096]):
        total ^= word
    struct.pack_into("<I", raw, 0, total)


def test_a_broken_header_is_read_from_its_copy(tmp_path: Path) -> None:
    raw = b"\0" * 4096 + _corpus("plaso/test_data/SystemIdentity.mdb")[4096:]
    said = answer(ual.parse, Job(source=write_source(tmp_path, raw, SYSTEM)))
    assert said.ledger.parsed == 17
    assert [i.what for i in said.issues] == ["the header's checksum does not fit"]


def test_an_event_comes_back_from_its_bytes_and_a_changed_byte_shows(tmp_path: Path) -> None:
    check_way_back(ual.PARSER, _corpus("plaso/test_data/SystemIdentity.mdb"), SYSTEM, tmp_path, [0, 1, 2, 16])


def test_a_row_of_resource_usage_comes_back_from_its_bytes(tmp_path: Path) -> None:
    check_way_back(srum.PARSER, _corpus("go-ese/testdata/SRUM/SRUDB.dat"), SRUDB, tmp_path, [1200, 5300, -1])


def test_a_lost_page_costs_its_rows_and_no_others(tmp_path: Path) -> None:
    """Rows of the other pages stay equal to the last letter."""
    raw = bytearray(_corpus("go-ese/testdata/SRUM/SRUDB.dat"))
    sound = _srum(tmp_path, bytes(raw))
    event = next(e for e in sound.events if e.kind == "windows.srum.application")
    page = event.origin.spans[1]
    raw[page.offset : page.offset + page.length] = random.Random(1).randbytes(page.length)
    said = _srum(tmp_path, bytes(raw))
    inside = [e for e in sound.events if page.offset <= e.origin.spans[0].offset < page.offset + page.length]
    want = [(e.subject, e.data) for e in sound.events if e not in inside]
    assert [(e.subject, e.data) for e in said.events] == want
    assert any(issue.offset == page.offset for issue in said.issues)


def _client(line: dict[str, object]) -> Row:
    """A golden row as the database holds it: addresses as bytes, times as FILETIME."""
    values: dict[str, int | str | bytes] = {}
    for name, value in line.items():
        if name in ("InsertDate", "LastAccess"):
            moment = datetime.fromisoformat(str(value))
            values[name] = int(moment.timestamp()) * 10**7 + 116_444_736_000_000_000
        elif name == "Address":
            values[name] = bytes.fromhex(str(value))
        else:
            values[name] = value if isinstance(value, int) else str(value)
    values["RoleGuid"] = str(values["RoleGuid"]).upper()
    return Row(dict(values), 0, 0, 1, live=True)


def test_clients_are_told_with_address_user_role_and_days() -> None:
    """Values of another tool's golden rows; the database they came from is not in the corpora."""
    golden = _corpus("go-ese/fixtures/UAL_CLIENTS.golden").decode().splitlines()
    row = _client(json.loads(golden[1]))
    said = list(ual._tell(Table(1, "CLIENTS", 4), FORMS["CLIENTS"], ROLES, row))
    assert [(s.when.text[:19], s.when.means) for s in said] == [
        ("2021-06-12T23:48:45", "first"),
        ("2021-06-13T12:24:25", "last"),
        ("2021-06-12", "bucket"),
        ("2021-06-13", "bucket"),
    ]
    assert [s.data.get("count") for s in said] == [None, None, 27, 74]
    assert {(s.pivots["src_ip"], s.pivots["user"]) for s in said} == {("fe80::e15c:c557:4b0c:3739", "lab\\dc-1$")}
    assert {str(s.data["role"]) for s in said} == {"Active Directory Domain Services"}
