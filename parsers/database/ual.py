"""User access logging (Windows\\System32\\LogFiles\\SUM\\*.mdb): who used which role of this server from which address.

Servers since 2012 keep it for three calendar years: `Current.mdb` is copied every day to `{GUID}.mdb` of the year, and
`SystemIdentity.mdb` names roles, machines and files. Times are FILETIME in UTC. `Day1` … `Day366` count the accesses
of each day of a year; a day's event spans the day.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial

from parsers import times
from parsers.database.ese.catalogue import Database, Row, Table
from parsers.database.ese.pages import read_head
from parsers.database.ese.telling import NO_TIME, Said, Tell, is_ese, shown, tell
from parsers.database.ual_tables import KINDS, OTHER, ROLES, TABLES, Form
from shellcase.model import Companion, Job, Moment, Parser, ParserOutput, Value

_DAY = re.compile(r"Day(\d{1,3})", re.ASCII)
_DAY_NS = 86_400 * 10**9
_SYSTEM = ("MSysObjects", "MSysObjectsShadow", "MSysObjids", "MSysLocales", "MSysUnicodeFixupVer2")
_MOST_ROLES = 1000


def _roles(job: Job) -> Mapping[str, str]:
    """Role names: of the database beside this one, else of Windows' own list."""
    source = job.companions.get("identity")
    if source is None:
        return ROLES
    with source.open() as stream:
        raw = stream.read(1 << 16)
        head = read_head(raw)
        database = Database(stream, source.size, head) if head else None
        return {**ROLES, **(role_names(database) if database else {})}


def role_names(database: Database) -> dict[str, str]:
    """Names by GUID of the table ROLE_IDS, where the database has one."""
    table = database.table("ROLE_IDS")
    out: dict[str, str] = {}
    for row in database.rows(table) if table else ():
        if isinstance(row, Row) and len(out) < _MOST_ROLES:
            out[str(row.values.get("RoleGuid"))] = str(row.values.get("RoleName"))
    return out


def address(raw: object) -> str | None:
    """An IPv4 or IPv6 address of 4 or 16 bytes; None for anything else."""
    return str(ipaddress.ip_address(raw)) if isinstance(raw, bytes) and len(raw) in (4, 16) else None


def _filetime(row: Row, column: str, means: str) -> Moment:
    raw = row.values.get(column)
    return times.filetime_moment(raw, means) if isinstance(raw, int) else NO_TIME


def _data(row: Row, form: Form, roles: Mapping[str, str]) -> dict[str, Value]:
    """The columns as text, times as ISO, the days as one object of dates to counts."""
    out: dict[str, Value] = {}
    for name, value in row.values.items():
        if _DAY.fullmatch(name):
            continue
        if name in form.times and isinstance(value, int):
            out[name] = times.filetime_text(value)
        else:
            out[name] = (address(value) if name == "Address" else None) or shown(value)
    if "RoleGuid" in row.values:
        out["role"] = roles.get(str(row.values["RoleGuid"]))
    return out


def _tell(table: Table, form: Form, roles: Mapping[str, str], row: Row) -> Iterator[Said]:
    data = _data(row, form, roles)
    where, user = address(row.values.get("Address")), str(row.values.get("AuthenticatedUserName") or "")
    pivots = {"src_ip": where, "user": user}
    data["table"] = table.name
    about = _about(form, data, where, user)
    stamps = [(name, means) for name, means in form.times.items() if name in row.values]
    for name, means in stamps or [("", "")]:
        when = _filetime(row, name, means) if name else NO_TIME
        subject = f"{about} ({name})" if name else about
        yield Said(when=when, act=form.act, kind=form.kind, subject=subject, data=data, pivots=pivots)
    yield from _days(row, data, about, pivots)


def _about(form: Form, data: Mapping[str, Value], where: str | None, user: str) -> str:
    role = data.get("role") or data.get("RoleName") or data.get("RoleGuid")
    bits = [form.what, f"role {role}" if role else "", f"from {where}" if where else "", f"as {user}" if user else ""]
    name = data.get("HostName") or data.get("SystemDNSHostName") or data.get("FileName")
    return " ".join([*filter(None, bits), *([str(name)] if name else [])])


def _days(row: Row, data: Mapping[str, Value], about: str, pivots: Mapping[str, str | None]) -> Iterator[Said]:
    """One event for each day with accesses. The year is that of the last access."""
    last = _filetime(row, "LastAccess", "last").ns
    year = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=last // 1000)).year if last is not None else None
    for name, value in row.values.items():
        match = _DAY.fullmatch(name)
        if match and isinstance(value, int) and value:
            when = _day(year, int(match[1]))
            day: dict[str, Value] = {**data, "day": when.text, "count": value}
            subject = f"{about}: {value} accesses on {when.text}"
            yield Said(when=when, act="accessed", kind="windows.ual.day", subject=subject, data=day, pivots=pivots)


def _day(year: int | None, number: int) -> Moment:
    if year is None:
        return Moment(None, _DAY_NS, f"day {number} of an unknown year", means="bucket")
    day = date(year, 1, 1) + timedelta(number - 1)
    if day.year != year or not number:
        return Moment(None, _DAY_NS, f"day {number} of {year}", means="bucket")
    ns = (day.toordinal() - date(1970, 1, 1).toordinal()) * _DAY_NS
    zone = "day of the year, taken as UTC"
    return Moment(ns, _DAY_NS, day.isoformat(), zone, "bucket", ns, ns + _DAY_NS - 1)


def _plan(roles: dict[str, str], database: Database, table: Table) -> Tell | None:
    if table.name in _SYSTEM:
        return None
    if table.name == "ROLE_IDS" or not roles.get("own"):
        roles.update(role_names(database), own="read")
    return partial(_tell, table, TABLES.get(table.name.upper(), OTHER), roles)


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for each time and each counted day of a record, issues, and the ledger."""
    yield from tell(job, partial(_plan, dict(_roles(job))))


def recognises(head: bytes, path: str) -> bool:
    """An ESE database by its magic, this one by its folder and ending."""
    folder, _, name = path.upper().rpartition("\\")
    known = name in ("CURRENT.MDB", "SYSTEMIDENTITY.MDB") or folder.endswith("\\LOGFILES\\SUM")
    return known and name.endswith(".MDB") and (is_ese(head) or (bool(head) and folder.endswith("\\LOGFILES\\SUM")))


PARSER = Parser(
    name="windows.ual",
    version=1,
    definitions=("AmcacheAndPrefetch",),
    companions=(Companion(role="identity", pattern="SystemIdentity.mdb"),),
    yields=KINDS,
    recognises=recognises,
    parse=parse,
    tier=2,
)
