"""W3C logs without a date on their lines: which day each line is of, and that it is said how that is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from parsers.iis.w3c import PARSER
from parsers.lines import SPAN
from shellcase.model import Job, Span
from tests.parsers.stub import Answer, FileSource, answer, write_source

PATH = "C:\\inetpub\\logs\\LogFiles\\W3SVC1\\u_ex210303.log"
HEAD = "#Date: 2021-03-03 22:00:05\r\n#Fields: time c-ip cs-method cs-uri-stem sc-status\r\n"
FROM_DATE = "UTC by format, day from #Date"


def log(*times: str, head: str = HEAD) -> bytes:
    return (head + "".join(f"{t} 10.0.0.9 GET /owa/ 200\r\n" for t in times)).encode()


def read(raw: bytes, folder: Path) -> Answer:
    return answer(PARSER.parse, Job(source=write_source(folder, raw, PATH)))


def told(said: Answer) -> list[str]:
    return [str(row["ts"])[:19] for row in said.rows]


@pytest.mark.parametrize("few", [1, 40], ids=["line by line", "by columns"])
def test_lines_behind_midnight_are_of_the_next_day(tmp_path: Path, few: int) -> None:
    """Nobody would find the requests of a night 24 hours before they came."""
    said = read(log(*["23:59:58"] * few, *["00:00:01"] * few, *["09:00:00"] * few, *["00:10:00"] * few), tmp_path)
    days = ["2021-03-03 23:59:58", "2021-03-04 00:00:01", "2021-03-04 09:00:00", "2021-03-05 00:10:00"]
    assert told(said) == [day for day in days for _n in range(few)]
    assert [row["ts_text"] for row in said.rows[::few]] == days
    zones = [FROM_DATE] + [f"{FROM_DATE}, counted on over midnight"] * 3
    assert [row["ts_zone"] for row in said.rows[::few]] == zones
    assert [(i.grade, i.found) for i in said.issues] == [
        ("odd", "taken for 2021-03-04"),
        ("odd", "taken for 2021-03-05"),
    ]


def test_a_line_that_was_written_late_is_of_the_evening_before(tmp_path: Path) -> None:
    said = read(log("23:59:58", "00:00:01", "23:59:59", "00:00:02"), tmp_path)
    assert [t[8:10] for t in told(said)] == ["03", "04", "03", "04"]


def test_seconds_back_are_no_new_day(tmp_path: Path) -> None:
    said = read(log("22:00:09", "22:00:05", "21:30:00"), tmp_path)
    assert {t[8:10] for t in told(said)} == {"03"}
    assert not said.issues


def test_a_header_tells_the_day_again(tmp_path: Path) -> None:
    again = log("05:00:00", head=HEAD.replace("03-03 22:00:05", "03-09 04:59:59")).decode()
    said = read(log("23:00:00", "01:00:00") + again.encode(), tmp_path)
    assert [t[5:10] for t in told(said)] == ["03-03", "03-04", "03-09"]
    assert said.rows[-1]["ts_zone"] == FROM_DATE


def test_a_log_opened_before_midnight_whose_first_line_came_after(tmp_path: Path) -> None:
    said = read(log("00:00:03", head=HEAD.replace("22:00:05", "23:59:59")), tmp_path)
    assert told(said) == ["2021-03-04 00:00:03"]


def test_no_day_is_made_up_where_no_header_names_one(tmp_path: Path) -> None:
    said = read(log("23:00:00", "01:00:00", head=HEAD.partition("\r\n")[2]), tmp_path)
    assert [row["ts"] for row in said.rows] == [None, None]
    assert said.ledger.found == said.ledger.parsed == 2


def test_lines_with_a_date_are_left_alone(tmp_path: Path) -> None:
    head = b"#Date: 2021-03-03 22:00:05\r\n#Fields: date time c-ip\r\n"
    raw = head + b"2021-03-03 23:00:00 ::1\r\n2021-03-03 01:00:00 ::1\r\n"
    said = read(raw, tmp_path)
    assert [t[8:10] for t in told(said)] == ["03", "03"]
    assert not said.issues


def test_a_part_of_a_log_counts_the_days_in_front_of_it(tmp_path: Path) -> None:
    raw = log("23:00:00", "02:00:00", "00:30:00", "00:45:00")
    cut = raw.rindex(b"00:45:00")
    job = Job(source=write_source(tmp_path, raw, PATH), span=Span(cut, len(raw) - cut))
    said = answer(PARSER.parse, job)
    assert told(said) == ["2021-03-05 00:45:00"]
    assert not said.issues, "the part in front has told it"


def test_a_line_is_read_again_from_what_its_day_is_counted_from(tmp_path: Path) -> None:
    raw = log("23:00:00", "01:00:00", "02:00:00") + b"#Remark: x\r\n" + log("03:00:00", "04:00:00", head="")
    at = raw.index(b"02:00:00")
    source = write_source(tmp_path, raw, PATH)
    assert PARSER.context is not None
    left = bytearray(len(raw))
    for span in (Span(at, raw.index(b"\r\n", at) - at), *PARSER.context(source, at)):
        left[span.offset : span.offset + span.length] = raw[span.offset : span.offset + span.length]
    assert told(read(bytes(left), tmp_path))[2] == "2021-03-04 02:00:00"
    assert b"04:00:00" not in left, "what comes behind it says nothing about it"


def test_each_part_of_a_big_log_says_what_the_whole_says(tmp_path: Path) -> None:
    """The parts go to several processes."""
    times = [f"{n // 900 % 24:02d}:{n // 15 % 60:02d}:{n % 15:02d}" for n in range(50_000)]
    raw = log(*times)
    assert len(raw) < SPAN
    source = write_source(tmp_path, raw, PATH)
    assert isinstance(source, FileSource)
    whole = told(answer(PARSER.parse, Job(source=source)))
    middle = raw.index(b"\n", len(raw) // 2) + 1
    spans = (Span(0, middle), Span(middle, len(raw) - middle))
    assert [t for s in spans for t in told(answer(PARSER.parse, Job(source=source, span=s)))] == whole
    assert whole[-1][:10] == "2021-03-06"
