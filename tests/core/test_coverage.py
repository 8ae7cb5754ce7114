"""What the logs cannot show is told: silence while others went on, numbers that are missing, clocks that were set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from shellcase.case import Case
from shellcase.coverage.account import account
from shellcase.coverage.record import CoverageAccount
from shellcase.logs import log_coverage
from shellcase.model import HostFacts
from shellcase.rulebook import ExampleRow
from tests.timelines import timeline_of

BEGIN = datetime(2021, 3, 1, tzinfo=UTC)


def told(folder: Path, rows: Iterable[ExampleRow], build: str = "") -> CoverageAccount:
    timeline = timeline_of(rows, folder)
    try:
        return account(timeline, {"SRC-01": HostFacts(os_build=build)})
    finally:
        timeline.close()


def at(hours: float) -> str:
    return (BEGIN + timedelta(hours=hours)).isoformat().replace("+00:00", "Z")


def requests(log: str, hours: Iterable[int], each: int) -> Iterator[ExampleRow]:
    kind, folder = ("iis.request", "W3SVC1") if log == "IIS" else ("exchange.httpproxy.request", log)
    for hour in hours:
        for n in range(each):
            yield ExampleRow(kind=kind, ts=at(hour + n / each), path=f"C:\\Logs\\{folder}\\a_{hour // 24}.log")


def record(
    number: int, hours: float, channel: str = "System", code: str = "7036", provider: str = "p", **said: str
) -> ExampleRow:
    return ExampleRow(
        kind="windows.evtx.record", ts=at(hours), channel=channel, event_code=code, provider=provider,
        path="C:\\a.evtx", data={"EventRecordID": str(number), "EventData": said},
    )  # fmt: skip


# -- gaps --------------------------------------------------------------------------------------------------------------


def test_a_day_that_was_deleted_from_a_steady_log_is_told(tmp_path: Path) -> None:
    """Others had requests in every hour of it; what its share would be is said."""
    hours = range(120)
    rows = [*requests("IIS", hours, 6), *requests("Eas", [h for h in hours if not 48 <= h < 72], 2)]
    [gap] = told(tmp_path, rows).gaps
    assert (gap.log, gap.begin, gap.end, gap.hours) == ("HttpProxy Eas", at(48), at(72), 24)
    assert gap.others == 24 * 6
    assert gap.expected == 48
    assert gap.where == "between two records"


def test_a_log_that_begins_later_or_stops_earlier_than_others_is_told(tmp_path: Path) -> None:
    """Which of the two it is, is said."""
    rows = [*requests("IIS", range(96), 6), *requests("Eas", range(30, 60), 6)]
    assert [(g.log, g.where) for g in told(tmp_path, rows).gaps] == [
        ("HttpProxy Eas", "before the first record"), ("HttpProxy Eas", "after the last record"),
    ]  # fmt: skip


def test_nights_of_a_log_that_people_fill_are_no_gaps(tmp_path: Path) -> None:
    """Ten nights alike are its habit, however many telephones ask for mail in them."""
    hours = range(240)
    rows = [*requests("IIS", hours, 6), *requests("Owa", [h for h in hours if 8 <= h % 24 < 18], 6)]
    assert told(tmp_path, rows).gaps == ()


def test_a_long_silence_among_short_nights_is_told(tmp_path: Path) -> None:
    """Habit does not hide what is three times as long."""
    hours = [h for h in range(480) if 8 <= h % 24 < 18 and not 240 <= h < 336]
    rows = [*requests("IIS", range(480), 4), *requests("Owa", hours, 4)]
    [gap] = told(tmp_path, rows).gaps
    assert (gap.begin, gap.end) == (at(234), at(344))


def test_names_of_files_make_no_gap(tmp_path: Path) -> None:
    """A missing day in the names is nothing where no request came at all."""
    hours = [h for h in range(120) if not 48 <= h < 72]
    assert told(tmp_path, [*requests("IIS", hours, 6), *requests("Eas", hours, 6)]).gaps == ()


# -- event logs --------------------------------------------------------------------------------------------------------


def test_missing_record_numbers_are_counted_between_two_that_are_there(tmp_path: Path) -> None:
    """Per channel; the first number of a log that rolled over is no jump."""
    rows = [record(900, 1), record(901, 2), record(950, 3), record(5, 4, "Security"), record(6, 5, "Security")]
    said = told(tmp_path, rows)
    [jump] = said.jumps
    assert (jump.channel, jump.last_id, jump.next_id, jump.missing) == ("System", 901, 950, 48)
    assert (jump.last, jump.next) == (at(2), at(3))
    assert (said.jump_count, said.missing_records) == (1, 48)


def test_the_same_number_in_two_copies_is_no_jump(tmp_path: Path) -> None:
    """A log and its archive hold some records twice."""
    assert told(tmp_path, [record(1, 1), record(1, 1), record(2, 2)]).jump_count == 0


def old_record(number: int, hours: float, code: str = "538", user: str | None = None) -> ExampleRow:
    """A record of the format before Windows Vista."""
    return ExampleRow(
        kind="windows.evt.record", ts=at(hours), channel="Security", event_code=code, provider="Security", user=user,
        path="C:\\WINDOWS\\system32\\config\\SecEvent.Evt", data={"RecordNumber": str(number)},
    )  # fmt: skip


def test_old_event_logs_are_counted_by_their_own_numbers(tmp_path: Path) -> None:
    """A machine that was upgraded has both kinds of log, each with its own numbers."""
    rows = [
        old_record(7, 1),
        old_record(12, 2),
        old_record(13, 1.5),
        record(900, 3, "Security"),
        record(901, 4, "Security"),
    ]
    said = told(tmp_path, rows)
    assert [(j.last_id, j.next_id, j.missing) for j in said.jumps] == [(7, 12, 4)]
    assert [(r.record, r.seconds) for r in said.reversals] == [(13, 1800.0)]


def test_an_old_log_that_was_cleared_is_named_too(tmp_path: Path) -> None:
    """517 is what 1102 is today."""
    [one] = told(tmp_path, [old_record(1, 1, "517", "CORP\\adm")]).cleared
    assert (one.log, one.user, one.ts) == ("Security", "CORP\\adm", at(1))


def test_days_of_old_event_logs_are_covered(tmp_path: Path) -> None:
    """In the family of the event logs, under the log's name."""
    timeline = timeline_of([old_record(1, 1), old_record(2, 30)], tmp_path)
    try:
        [cover] = log_coverage(timeline)
    finally:
        timeline.close()
    assert (cover.family, cover.log, cover.records, cover.days) == ("Event log", "Security", 2, 2)


def test_a_cleared_log_is_named_with_who_did_it(tmp_path: Path) -> None:
    """1102 speaks of Security, 104 of the channel it names."""
    who = {"LogFileCleared.SubjectUserName": "adm", "LogFileCleared.SubjectDomainName": "CORP"}
    rows = [
        msgspec.structs.replace(record(1, 1, "Security", "1102"), data={"UserData": who}),
        msgspec.structs.replace(
            record(1, 2, "System", "104"), data={"UserData": who | {"LogFileCleared.Channel": "X"}}
        ),
    ]
    assert [(c.log, c.user, c.ts) for c in told(tmp_path, rows).cleared] == [
        ("Security", "CORP\\adm", at(1)), ("X", "CORP\\adm", at(2)),
    ]  # fmt: skip


def test_times_that_run_backwards_are_told(tmp_path: Path) -> None:
    """By the order of numbers; a second of disorder between threads is none."""
    said = told(tmp_path, [record(1, 5), record(2, 4), record(3, 6), record(4, 6 - 1 / 3600)])
    [back] = said.reversals
    assert (back.record, back.seconds, said.reversal_count) == (2, 3600.0, 1)


# -- clocks ------------------------------------------------------------------------------------------------------------


def changed(hours: float, old: str, new: str, by: str, sid: str) -> ExampleRow:
    said = {"PreviousTime": old, "NewTime": new, "ProcessName": by, "SubjectUserSid": sid}
    return record(int(hours), hours, "Security", "4616", **said)


SERVICE = ("C:\\Windows\\System32\\svchost.exe", "S-1-5-19")


def test_a_clock_that_was_set_is_told_with_its_sign_and_who_did_it(tmp_path: Path) -> None:
    """Only what the time service did says anything about true time."""
    rows = [
        changed(1, "2021-03-01T01:00:00Z", "2021-03-01T01:05:00Z", *SERVICE),
        changed(
            9, "2021-03-01T09:00:00Z", "2021-02-28T09:00:00Z", "C:\\Windows\\System32\\cmd.exe", "S-1-5-21-1-2-3-500"
        ),
    ]
    said = told(tmp_path, rows)
    assert [(c.seconds, c.time_service) for c in said.clock_changes] == [(300.0, True), (-86400.0, False)]
    assert [(t.day, t.seconds) for t in said.true_time] == [("2021-03-01", 300.0)]


def test_small_corrections_say_that_the_clock_was_right(tmp_path: Path) -> None:
    """They are no change worth a line, but they are knowledge of that day."""
    said = told(tmp_path, [changed(1, "2021-03-01T01:00:00.010Z", "2021-03-01T01:00:00Z", *SERVICE)])
    assert said.clock_changes == ()
    assert [(t.day, t.seconds) for t in said.true_time] == [("2021-03-01", -0.01)]


def test_a_day_on_which_time_was_only_compared_has_no_number(tmp_path: Path) -> None:
    """The service's record 35 says from whom, not how far."""
    rows = [record(1, 30, "System", "35", "Microsoft-Windows-Time-Service", TimeSource="ntp.example")]
    [day] = told(tmp_path, rows).true_time
    assert (day.day, day.seconds) == ("2021-03-02", None)
    assert "ntp.example" in day.how


def test_skew_between_logs_is_measured_from_requests_that_both_name(tmp_path: Path) -> None:
    """Seventy seconds between front end and IIS are found; ids that occur twice are left out."""
    rows = list[ExampleRow]()
    for n in range(20):
        proxied = ExampleRow(
            kind="exchange.httpproxy.request", ts=at(n), path="C:\\L\\Owa\\a", data={"RequestId": f"r{n}"}
        )
        web = {"cafeReqId": f"r{n}", "site": "W3SVC1"}
        rows += [proxied, ExampleRow(kind="iis.request", ts=at(n + 70 / 3600), path="C:\\L\\W3SVC1\\a", data=dict(web))]
    rows += [rows[0], rows[0]]
    [skew] = told(tmp_path, rows).skew
    assert (skew.second, skew.pairs, skew.median, skew.low, skew.high) == ("IIS W3SVC1", 19, 70.0, 70.0, 70.0)


# -- systems and whole cases -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "bam", "access"),
    [
        ("9600", True, False),
        ("14393.4225", True, False),
        ("17763", False, False),
        ("7601", True, True),
        ("", False, False),
    ],
)
def test_what_a_version_of_windows_does_not_make_is_its_own_state(
    build: str, bam: bool, access: bool, tmp_path: Path
) -> None:
    """An unknown version says nothing."""
    absent = {a.artefact.partition(" ")[0] for a in told(tmp_path, [record(1, 1)], build).not_on_system}
    assert ("Background" in absent, "User" in absent) == (bam, access)


def test_an_empty_case_has_an_account(tmp_path: Path) -> None:
    """Of nothing."""
    assert told(tmp_path, []) == CoverageAccount()


def test_the_cleared_log_of_the_server_is_in_its_account(ex01: Case) -> None:
    """The clearing, and the numbers that are not there since; and nothing on the clock, which nobody set."""
    said = msgspec.json.decode((ex01.evidence / "coverage.json").read_bytes(), type=CoverageAccount)
    assert [c.log for c in said.cleared] == ["Security"]
    assert [(j.channel, j.next) for j in said.jumps] == [("Security", said.cleared[0].ts)]
    assert said.clock_changes == ()
    assert {s.second for s in said.skew} == {"IIS W3SVC1", "IIS W3SVC2"}
    assert all(-1 < s.median < 0.5 for s in said.skew)


# -- how long logs are kept --------------------------------------------------------------------------------------------


def _setting(log: str, key: str, **values: int) -> ExampleRow:
    return ExampleRow(
        kind="windows.registry.event_log", ts=at(0), path="C:\\SYSTEM", data={"log": log, "key": key, **values}
    )


def _element(path: str, **data: str) -> ExampleRow:
    return ExampleRow(kind="iis.config.element", path=path, data={k.replace("_", "@"): v for k, v in data.items()})


def test_what_a_log_was_told_to_keep_stands_beside_what_is_there(tmp_path: Path) -> None:
    """Of each log that was read; two control sets that agree are one line."""
    key = "Services\\EventLog\\System"
    rows = [
        *(record(n, n * 24) for n in range(4)),
        _setting("System", f"ControlSet001\\{key}", MaxSize=20_971_520, Retention=0),
        _setting("System", f"ControlSet002\\{key}", MaxSize=20_971_520, Retention=0),
        _setting("Security", "ControlSet001\\Services\\EventLog\\Security", MaxSize=1),
    ]
    [kept] = told(tmp_path, rows).retention
    assert (kept.log, kept.place) == ("System", f"ControlSet001\\{key}")
    assert kept.configured == "at most 20971520 bytes, the oldest records are overwritten"
    assert (kept.first, kept.last, kept.days) == (at(0), at(72), 3.0)


@pytest.mark.parametrize(
    ("keep", "said"),
    [
        (0xFFFF_FFFF, "old records are never overwritten"),
        (-1, "old records are never overwritten"),
        (604_800, "records stay for 7 days"),
    ],
)
def test_the_ways_in_which_a_full_log_goes_on(keep: int, said: str, tmp_path: Path) -> None:
    """All bits set reads as a negative number where numbers have a sign."""
    rows = [record(1, 0), _setting("System", "k", Retention=keep, AutoBackupLogFiles=1)]
    assert told(tmp_path, rows).retention[0].configured == f"{said}, a full log is kept as an archive"


def test_ages_and_sizes_of_exchange_and_iis_are_told_as_written(tmp_path: Path) -> None:
    """No default is printed, a kept earlier configuration does not count, and other settings are none of logs."""
    host, web = (
        "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config",
        "C:\\Ex\\ClientAccess\\ecp\\web.config",
    )
    rows = [
        _element(host, element="site", _name="Default Web Site", _id="1"),
        *(replace(r, data={"site": "W3SVC1"}) for r in requests("IIS", range(3), 1)),
        *(replace(r, data={"site": "W3SVC2"}) for r in requests("IIS", range(100, 103), 1)),
        _element(host, element="logFile", site="Default Web Site", _period="Daily", _directory="E:\\logs"),
        _element(host, element="logFile", site="old", _period="Hourly", history="CFGHISTORY_0000000001"),
        _element(web, element="add", _key="ECPServerMaxLogAge", _value="30.00:00:00"),
        _element(web, element="add", _key="ECPServerMaxLogDirectorySize", _value="1GB"),
        _element(web, element="add", _key="PageSize", _value="20"),
        ExampleRow(kind="exchange.ecp.command", ts=at(0), path="C:\\a.log"),
        ExampleRow(kind="exchange.ecp.command", ts=at(36), path="C:\\a.log"),
    ]
    assert [(r.log, r.configured, r.days) for r in told(tmp_path, rows).retention] == [
        ("Exchange ECPServerMaxLogAge", "30.00:00:00 (30 days)", 1.5),
        ("Exchange ECPServerMaxLogDirectorySize", "1GB", 1.5),
        ("IIS Default Web Site", "period Daily, directory E:\\logs; IIS itself deletes no log", 0.1),
    ]
