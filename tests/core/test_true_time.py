"""The clock of the computer against the clocks of others, day by day; one stranger's clock proves nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest

from shellcase.coverage.record import TrueTime
from shellcase.coverage.truetime import true_time
from shellcase.rulebook import ExampleRow
from tests.timelines import timeline_of

NOON = datetime(2021, 3, 2, 12, tzinfo=UTC)


def told(folder: Path, *rows: ExampleRow) -> list[TrueTime]:
    timeline = timeline_of(rows, folder)
    try:
        return list(true_time(timeline))
    finally:
        timeline.close()


def text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def greeting(server: str, said: str, at: datetime = NOON, event: str = "<") -> ExampleRow:
    data = {"event": event, "data": said, "remote_address": server}
    return ExampleRow(kind="exchange.smtp.send", ts=text(at), path="C:\\SEND.LOG", data=dict(data))


def mail(ident: str, at: datetime = NOON, source: str = "SMTP") -> ExampleRow:
    data = {"event-id": "RECEIVE", "source": source, "message-id": ident}
    return ExampleRow(kind="exchange.tracking.event", ts=text(at), path="C:\\MSGTRK.LOG", data=dict(data))


def download(url: str, made: str, at: datetime = NOON) -> ExampleRow:
    return ExampleRow(
        kind="windows.evtx.record", ts=text(at), channel="Microsoft-Windows-Bits-Client/Operational", event_code="60",
        provider="Microsoft-Windows-Bits-Client", path="C:\\a.evtx",
        data={"EventData": {"url": url, "fileTime": made}},
    )  # fmt: skip


GREETINGS = (
    "220 AM5EUR03FT027.mail.example Microsoft ESMTP MAIL Service ready at {}",
    "220 mx.example.org ESMTP Exim 4.94 {}",
    '"220 mx.example.net ESMTP Sendmail 8.14.4/8.14.4; {}"',
)


def test_three_mail_servers_tell_how_far_the_clock_is_off(tmp_path: Path) -> None:
    """Each writes its own form and zone; the computer is five minutes behind them."""
    servers = ("52.101.1.1", "2606:4700::6810:1", "8.8.4.4")
    rows = []
    for hours, (server, form) in enumerate(zip(servers, GREETINGS, strict=True)):
        zone = (NOON + timedelta(minutes=5, seconds=hours)).astimezone(timezone(timedelta(hours=hours)))
        rows.append(greeting(server, form.format(format_datetime(zone))))
    [day] = told(tmp_path, *rows)
    assert (day.day, day.by, day.seconds) == ("2021-03-02", "mail servers", 301.0)
    assert "3 mail servers" in day.how
    assert "+300 to +302 s" in day.how


def test_a_server_that_greets_often_counts_once(tmp_path: Path) -> None:
    """Two servers are too few, however often they speak; so are a hundred greetings of a wrong clock."""
    wrong = [greeting("9.9.9.9", f"220 x {format_datetime(NOON + timedelta(days=3))}") for _ in range(50)]
    right = [greeting(f"8.8.8.{n}", f"220 x {format_datetime(NOON)}") for n in (1, 2)]
    [two] = told(tmp_path, *wrong, right[0])
    assert two.seconds is None
    assert "too few" in two.how
    (tmp_path / "more").mkdir()
    [three] = told(tmp_path / "more", *wrong, *right)
    assert three.seconds == 0.0


@pytest.mark.parametrize(
    ("server", "said", "event"),
    [
        ("10.0.0.5", "220 x Tue, 2 Mar 2021 12:00:00 +0000", "<"),
        ("fe80::1", "220 x Tue, 2 Mar 2021 12:00:00 +0000", "<"),
        ("mx.example", "220 x Tue, 2 Mar 2021 12:00:00 +0000", "<"),
        ("8.8.8.8", "220 mx.example ESMTP Postfix", "<"),
        ("8.8.8.8", "220 x Tue, 31 Feb 2021 12:00:00 +0000", "<"),
        ("8.8.8.8", "220 x Tue, 2 Mar 2021 12:00:00 CET", "<"),
        ("8.8.8.8", "250 ok Tue, 2 Mar 2021 12:00:00 +0000", "<"),
        ("8.8.8.8", "220 x Tue, 2 Mar 2021 12:00:00 +0000", ">"),
    ],
)
def test_what_is_no_strangers_time_is_left_out(server: str, said: str, event: str, tmp_path: Path) -> None:
    """The own network, no address, no time, no such day, a zone that is no number, another answer, our own words."""
    assert told(tmp_path, greeting(server, said, event=event)) == []


def test_mails_cannot_arrive_before_they_were_written(tmp_path: Path) -> None:
    """Ids of two kinds; two senders whose clocks run ahead do not count. The computer is an hour behind."""
    sent = NOON + timedelta(hours=1)
    ids = [
        f"<{sent - timedelta(seconds=4):%Y%m%d%H%M%S}.4DqXkL3zQ1z1h@a.example>",
        f"<12.7.{round((sent - timedelta(seconds=2)).timestamp() * 1000)}.JavaMail.app@b.example>",
        f"<1804.{round((sent - timedelta(seconds=9)).timestamp() * 1000)}@C.example>",
        f"<{sent + timedelta(days=9):%Y%m%d%H%M%S}.4DqXkL3zQ1z1h@ahead.example>",
        f"<{sent + timedelta(days=8):%Y%m%d%H%M%S}.4DqXkL3zQ1z1h@too.example>",
    ]
    [day] = told(tmp_path, *map(mail, ids))
    assert (day.by, day.seconds, day.ahead_at_most) == ("ids of mails", None, -3598.0)
    assert "5 senders" in day.how


@pytest.mark.parametrize(
    "ident",
    [
        "<20210302123456@a.example>", "<20219902123456.ABCDEF12@a.example>", "<CAB12.1614686400@a.example>",
        "<9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d@EX01.corp>", "", "20210302123456.ABCDEF12@a.example",
    ],
)  # fmt: skip
def test_other_ids_hold_no_time(ident: str, tmp_path: Path) -> None:
    """However many there are, and mails that a program on this server handed over."""
    rows = [mail(ident.replace("a.example", f"{n}.example")) for n in range(5)]
    own = [mail(f"<20210302110000.4DqXkL3zQ1z1h@{n}.example>", source="STOREDRIVER") for n in range(5)]
    assert told(tmp_path, *rows, *own) == []


def test_a_file_cannot_be_younger_than_its_download(tmp_path: Path) -> None:
    """The youngest of the day bounds the clock; an attacker's server, a copy on the disk and no time at all do not."""
    [day] = told(
        tmp_path,
        download("https://au.download.windowsupdate.com/a.cab", "2021-03-02T11:58:20Z"),
        download("http://r1.gvt1.com:80/chrome.exe", "2021-02-01T00:00:00.000000Z"),
        download("https://evil-microsoft.com/x", "2031-01-01T00:00:00Z"),
        download("https://evil.example/microsoft.com", "2031-01-01T00:00:00Z"),
        download("C:\\Windows\\system32\\cmd.exe", "2021-03-02T12:00:00Z"),
        download("https://g.live.com/x", "1601-01-01T00:00:00Z"),
        download("https://g.live.com/x", "soon"),
    )
    assert (day.by, day.seconds, day.ahead_at_most) == ("downloads", None, 100.0)
    assert "au.download.windowsupdate.com" in day.how


def test_each_kind_of_clock_has_a_line_of_its_own(tmp_path: Path) -> None:
    """None hides another."""
    rows = [greeting(f"8.8.8.{n}", f"220 x {format_datetime(NOON)}") for n in range(3)]
    said = told(tmp_path, *rows, download("https://download.microsoft.com/a", "2021-03-02T11:00:00Z"))
    assert [(t.by, t.seconds, t.ahead_at_most) for t in said] == [
        ("downloads", None, 3600.0),
        ("mail servers", 0.0, None),
    ]
