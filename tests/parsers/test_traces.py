"""Tasks, recycle bin, PowerShell, compatibility assistant, crash reports: what real files say, what damage costs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.execution import clr, jobs, pca, psreadline, recycle, reports, tasks, transcript
from parsers.ntfs import zoneid
from shellcase.model import HostFacts, Job, Parser
from tests.parsers import execution_build as build
from tests.parsers.one_byte import BERLIN, check_one_byte
from tests.parsers.replaying import check_way_back
from tests.parsers.samples_execution import SAMPLES
from tests.parsers.stub import Answer, answer, corpora, write_source
from tests.tools import need_shared

PARSERS = (
    clr.PARSER, jobs.PARSER, pca.PARSER, psreadline.PARSER, recycle.PARSER, reports.PARSER, tasks.PARSER,
    transcript.PARSER, zoneid.PARSER,
)  # fmt: skip
BIN = "C:\\$Recycle.Bin\\S-1-5-21-1-2-3-1001\\"
_QUICK = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _real(name: str) -> bytes:
    file = corpora() / "plaso/test_data" / name
    need_shared(file.is_file())
    return file.read_bytes()


def _read(parser: Parser, folder: Path, raw: bytes, path: str) -> Answer:
    host = HostFacts(zone=BERLIN)
    said = answer(parser.parse, Job(source=write_source(folder, raw, path), host=host))
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed
    return said


@pytest.mark.parametrize(("name", "count"), [("PcaAppLaunchDic.txt", 4), ("PcaGeneralDb0.txt", 3)])
def test_every_line_of_the_compatibility_assistant_is_told(name: str, count: int, tmp_path: Path) -> None:
    """The numbers are those of the manifest; in UTF-16 without a mark it is the same."""
    raw = _real(name)
    for written in (raw, raw.decode().encode("utf-16-le")):
        said = _read(pca.PARSER, tmp_path, written, f"C:\\Windows\\appcompat\\pca\\{name}")
        assert (len(said.events), said.ledger.found, said.issues) == (count, count, [])
        assert all(event.process and event.when.ns for event in said.events)


def test_the_last_start_of_a_program_is_told_to_the_millisecond(tmp_path: Path) -> None:
    said = _read(pca.PARSER, tmp_path, _real("PcaAppLaunchDic.txt"), "C:\\Windows\\appcompat\\pca\\PcaAppLaunchDic.txt")
    [code] = [e for e in said.events if str(e.process).endswith("Code.exe")]
    assert (code.when.text, code.when.means) == ("2023-01-21 04:14:27.856", "last")


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("$I103S5F.jpg", ["C:\\Users\\random\\Downloads\\bunnies.jpg"]),
        ("$II3DF3L.zip", ["C:\\Users\\nfury\\Documents\\Alloy Research\\StarFury.zip"]),
        (
            "INFO2",
            [
                f"C:\\Documents and Settings\\Mr. Evil\\Desktop\\{name}"
                for name in (
                    "lalsetup250.exe",
                    "netstumblerinstaller_0_4_0.exe",
                    "WinPcap_3_01_a.exe",
                    "ethereal-setup-0.10.6.exe",
                )
            ],
        ),
    ],
)
def test_recycled_files_are_told_with_their_paths(name: str, paths: list[str], tmp_path: Path) -> None:
    """Both versions of `$I` and the list of Windows XP; counts are those of the manifest."""
    said = _read(recycle.PARSER, tmp_path, _real(f"recycler/{name}"), BIN + name)
    assert [e.file_path for e in said.events] == paths
    assert {e.user for e in said.events} == {"S-1-5-21-1-2-3-1001"}
    assert (said.ledger.found, said.issues) == (len(paths), [])


def test_a_recycled_file_names_the_file_that_holds_its_bytes(tmp_path: Path) -> None:
    [event] = _read(recycle.PARSER, tmp_path, _real("recycler/$I103S5F.jpg"), BIN + "$I103S5F.jpg").events
    assert (event.data["content"], event.data["size"]) == ("$R103S5F.jpg", 222255)
    assert event.when.text == "2016-06-29T21:37:45.6180000Z"


def test_a_task_of_the_old_form_tells_its_last_run_and_its_trigger(tmp_path: Path) -> None:
    """plaso counts two events in it."""
    said = _read(jobs.PARSER, tmp_path, _real("wintask.job"), "C:\\Windows\\Tasks\\wintask.job")
    task, trigger = said.events
    assert task.command == "C:\\Program Files (x86)\\Google\\Update\\GoogleUpdate.exe /ua /installsource scheduler"
    assert (task.user, task.when.text, task.when.means) == ("Brian", "2013-08-24T12:42:00.112", "last")
    assert (trigger.when.text, trigger.data["sort"], trigger.data["interval"]) == ("2013-07-12T15:42", "daily", 60)


def test_a_task_tells_who_runs_what_and_when(tmp_path: Path) -> None:
    raw = build.task("cmd.exe", "/c &quot;a &gt; b&quot;")
    said = _read(tasks.PARSER, tmp_path, raw, "C:\\Windows\\System32\\Tasks\\Sub\\Winnet")
    task, action, calendar, logon = said.events
    assert (task.data["task"], task.data["Author"], task.data["Hidden"]) == ("\\Sub\\Winnet", "EX01\\admin", "true")
    assert (task.command, task.user) == ('cmd.exe /c "a > b"', "S-1-5-18")
    assert task.when.ns == 1_614_754_182_123_456_700, "07:49 in Berlin is 06:49 in UTC"
    assert (action.process, action.data["@Arguments"]) == ("cmd.exe", '/c "a > b"')
    assert (calendar.data["@Interval"], calendar.when.text) == ("PT45M", "2021-03-03T08:00:00")
    assert logon.data["trigger"] == "LogonTrigger"
    assert said.issues == []


def test_a_damaged_tag_of_a_task_leaves_the_others(tmp_path: Path) -> None:
    raw = build.task("cmd.exe", "/c whoami").replace("<Author>".encode("utf-16-le"), "<Auth<r>".encode("utf-16-le"))
    said = _read(tasks.PARSER, tmp_path, raw, "C:\\Windows\\System32\\Tasks\\Winnet")
    assert [e.command for e in said.events if e.kind == tasks.ACTION] == ["cmd.exe /c whoami"]
    assert said.issues


@pytest.mark.parametrize(("name", "lines", "commands"), [("_transcript", 24, 1), ("_transcript_ger", 52, 7)])
def test_transcripts_are_read_in_any_language(name: str, lines: int, commands: int, tmp_path: Path) -> None:
    """Every line that is not empty is told; what was typed is told as such, with the account."""
    said = _read(transcript.PARSER, tmp_path, _real(f"powershell{name}.txt"), "C:\\Users\\a\\Documents\\x.txt")
    typed = [e for e in said.events if e.kind == transcript.COMMAND]
    assert (len(said.events), said.ledger.found, said.issues) == (lines, lines, [])
    assert len(typed) == commands
    assert len({e.user for e in typed}) == 1
    assert all(e.when.ns and "powershell.exe" in str(e.process) for e in typed)


def test_the_short_head_of_older_versions_ends_where_it_ends(tmp_path: Path) -> None:
    """Up to PowerShell 4 it has six lines."""
    stars = "*" * 22
    head = [stars, "Windows PowerShell transcript start", "Start time: 20210303074942", "Username  : EX01\\admin"]
    rows = [*head, "Machine   : EX01 (Microsoft Windows NT 6.3.9600.0)", stars, "PS C:\\> whoami", "ex01\\admin", stars]
    said = _read(transcript.PARSER, tmp_path, "\r\n".join([*rows, ""]).encode(), "C:\\x.txt")
    [typed] = [e for e in said.events if e.kind == transcript.COMMAND]
    assert (typed.command, typed.user) == ("whoami", "EX01\\admin")
    assert typed.when.ns == 1_614_754_182_000_000_000


def test_a_command_has_the_time_that_stands_before_it(tmp_path: Path) -> None:
    raw = _real("powershell_transcript_ger.txt")
    said = _read(transcript.PARSER, tmp_path, raw, "C:\\Users\\a\\Documents\\x.txt")
    [removed] = [e for e in said.events if e.command == "rm .\\filename"]
    assert (removed.when.text, removed.when.means) == ("20220824124237", "first")
    assert removed.when.ns == 1_661_337_757_000_000_000, "12:42 in Berlin's summer is 10:42 in UTC"


def test_lines_typed_at_a_prompt_keep_order_and_user(tmp_path: Path) -> None:
    path = "C:\\Users\\ann\\AppData\\Roaming\\Microsoft\\Windows\\PowerShell\\PSReadLine\\ConsoleHost_history.txt"
    said = _read(psreadline.PARSER, tmp_path, b"whoami\r\nGet-Item `\r\n  x\r\n", path)
    assert [row["command"] for row in said.rows] == ["whoami", "Get-Item `", "  x"]
    assert {row["user"] for row in said.rows} == {"ann"}


def test_a_crash_of_the_web_server_names_program_and_module(tmp_path: Path) -> None:
    raw = build.report("C:\\Windows\\System32\\inetsrv\\w3wp.exe", "mscorlib.ni.dll")
    path = "C:\\ProgramData\\Microsoft\\Windows\\WER\\ReportArchive\\AppCrash_w3wp\\Report.wer"
    [event] = _read(reports.PARSER, tmp_path, raw, path).events
    assert event.subject == "C:\\Windows\\System32\\inetsrv\\w3wp.exe failed: Stopped working in mscorlib.ni.dll"
    assert event.when.text == "2021-03-01T19:20:00.0000001Z"


def test_the_source_of_a_file_is_told(tmp_path: Path) -> None:
    raw = b"[ZoneTransfer]\r\nZoneId=3\r\nReferrerUrl=http://r.example/\r\nHostUrl=http://h.example/a.zip\r\n"
    [event] = _read(zoneid.PARSER, tmp_path, raw, "C:\\Temp\\a.zip:Zone.Identifier").events
    assert (event.file_path, event.url) == ("C:\\Temp\\a.zip", "http://h.example/a.zip")
    assert event.data["zone"] == "internet"


def test_a_net_program_is_told_by_the_name_of_its_log(tmp_path: Path) -> None:
    path = "C:\\Users\\ann\\AppData\\Local\\Microsoft\\CLR_v4.0\\UsageLogs\\evil.exe.log"
    [event] = _read(clr.PARSER, tmp_path, b'1,"fusion","GAC",0\r\n', path).events
    assert (event.process, event.user, event.data["runtime"]) == ("evil.exe", "ann", "CLR_v4.0")


@pytest.mark.parametrize("parser", [p for p in PARSERS if p is not psreadline.PARSER], ids=lambda p: p.name)
def test_events_lead_back_to_their_bytes(parser: Parser, tmp_path: Path) -> None:
    for path, make in SAMPLES[parser.name]:
        raw = make()
        need_shared(raw)
        check_way_back(parser, raw, path, tmp_path, [0])


@pytest.mark.parametrize("parser", PARSERS, ids=lambda p: p.name)
@given(data=st.data())
@_QUICK
def test_one_changed_byte_costs_one_record(parser: Parser, data: st.DataObject, tmp_path: Path) -> None:
    path, make = data.draw(st.sampled_from(SAMPLES[parser.name]))
    raw = make()
    need_shared(raw)
    check_one_byte(parser, raw, path, tmp_path, data)
