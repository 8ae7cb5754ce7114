"""$LogFile and folder indexes of volumes that Windows wrote: names, renames, leftovers, and what damage costs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.ntfs import index, logfile
from shellcase.model import Job, Parser
from tests.parsers import volumes
from tests.parsers.one_byte import check_one_byte
from tests.parsers.replaying import check_way_back
from tests.parsers.stub import Answer, answer, write_source
from tests.parsers.volumes import LINUX, WINDOWS_7, WINDOWS_10
from tests.tools import need_shared

LOG, INDEX = "C:\\$LogFile", "C:\\inetpub\\wwwroot:$I30"
MANY = 68  # the folder with 512 folders of the Linux volume
_QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _log(folder: Path, image: str, raw: bytes | None = None) -> Answer:
    """A log with the $MFT of its volume beside it."""
    raw = raw if raw is not None else volumes.file_of(image, 2)
    need_shared(raw)
    mft = write_source(folder, volumes.file_of(image, 0), "C:\\$MFT")
    return answer(logfile.parse, Job(source=write_source(folder, raw, LOG), companions={"mft": mft}))


def _index(folder: Path, image: str, record: int) -> Answer:
    raw = volumes.index_of(image, record)
    need_shared(raw)
    return answer(index.parse, Job(source=write_source(folder, raw, INDEX)))


@pytest.mark.parametrize(
    ("image", "found", "failed", "acts"),
    [
        (WINDOWS_7, 3417, 0, {"created": 34, "added": 27, "named": 2, "removed": 2, "unnamed": 1, "renamed": 1}),
        (WINDOWS_10, 1622, 1, {"created": 24, "added": 20, "removed": 8, "named": 6, "unnamed": 6, "renamed": 6}),
    ],
)
def test_every_record_of_a_real_log_is_found(
    image: str, found: int, failed: int, acts: dict[str, int], tmp_path: Path
) -> None:
    """Both versions of the log. Each record begins where the one before ends, so none is missing; the one that failed
    was half overwritten by the younger end of the log."""
    said = _log(tmp_path, image)
    assert (said.ledger.found, said.ledger.failed, len(said.issues)) == (found, failed, failed)
    assert Counter(e.act for e in said.events) == acts


def test_a_rename_is_told_with_both_paths(tmp_path: Path) -> None:
    """What a user did in the Explorer: a new text document got its name, later another one."""
    renamed = [e for e in _log(tmp_path, WINDOWS_10).events if e.act == "renamed"]
    told = [(e.data["old_path"], e.file_path) for e in renamed]
    assert ("C:\\New Text Document.txt", "C:\\.txt") in told
    assert ("C:\\.txt", "C:\\test.txt") in told
    assert (
        "C:\\Folder A\\Folder B\\New Text Document.txt",
        "C:\\Folder A\\Folder B\\Hello world text document.txt",
    ) in told


def test_a_deleted_file_is_only_in_the_log(tmp_path: Path) -> None:
    """`test.txt` has left the folder; its entry in the $MFT is another file's by now."""
    assert "test.txt" not in volumes.names_in(WINDOWS_10, 5)
    events = [e for e in _log(tmp_path, WINDOWS_10).events if e.file_path == "C:\\test.txt"]
    assert [e.act for e in events] == ["named", "renamed", "removed"]
    assert {str(e.data["record"]) for e in events} == {"None", "37"}


def test_records_come_in_the_order_of_the_log(tmp_path: Path) -> None:
    numbers = [int(str(e.data["lsn"])) for e in _log(tmp_path, WINDOWS_10).events]
    assert numbers == sorted(numbers)


def test_a_page_that_was_lost_is_an_issue_and_the_rest_is_told(tmp_path: Path) -> None:
    raw = bytearray(volumes.file_of(WINDOWS_7, 2))
    need_shared(raw)
    whole = _log(tmp_path, WINDOWS_7)
    page = next(e for e in whole.events if e.act == "renamed" or e.file_path == "C:\\password.txt").origin.spans[0]
    at = page.offset // 4096 * 4096
    raw[at + 512 : at + 1024] = bytes(512)
    said = _log(tmp_path, WINDOWS_7, bytes(raw))
    assert said.issues
    assert said.ledger.failed
    lost = {e.origin.locator for e in whole.events} - {e.origin.locator for e in said.events}
    places = {e.origin.locator: e.origin.spans for e in whole.events}
    assert all(any(s.offset // 4096 * 4096 == at for s in places[name]) for name in lost)


@pytest.mark.parametrize(("image", "record", "live"), [(WINDOWS_7, 5, 18), (WINDOWS_10, 5, 18), (LINUX, MANY, 512)])
def test_names_in_a_folder_are_those_another_reader_lists(image: str, record: int, live: int, tmp_path: Path) -> None:
    """dissect as referee, name by name; leftovers do not count among them."""
    said = _index(tmp_path, image, record)
    names = {str(e.data["name"]) for e in said.events if e.origin.state == "live"}
    assert names == set(volumes.names_in(image, record))
    assert len(names) == live
    assert (said.ledger.found - said.ledger.recovered, said.ledger.failed, said.issues) == (live, 0, [])


def test_slack_gives_names_that_stood_there(tmp_path: Path) -> None:
    """Splitting pages left half of each page's names behind; all of them are names that the folder had."""
    left = [e for e in _index(tmp_path, LINUX, MANY).events if e.origin.state == "slack"]
    assert len(left) == 378
    assert {str(e.data["name"]) for e in left} <= set(volumes.names_in(LINUX, MANY))
    assert {str(e.data["parent"]) for e in left} == {str(MANY)}


def test_a_deleted_name_is_told_from_the_slack(tmp_path: Path) -> None:
    """As Windows deletes: the entries behind move up and the end mark with them."""
    raw = bytearray(volumes.index_of(WINDOWS_10, 5))
    need_shared(raw)
    said = _index(tmp_path, WINDOWS_10, 5)
    last = [e for e in said.events if e.origin.state == "live"][-1]
    span = last.origin.spans[0]
    raw[span.offset + 8 : span.offset + 16] = (16).to_bytes(2, "little") + bytes(2) + (2).to_bytes(4, "little")
    after = answer(index.parse, Job(source=write_source(tmp_path, bytes(raw), INDEX)))
    left = {e.file_path for e in after.events if e.origin.state == "slack"}
    assert left == {last.file_path}


def _sample(parser: Parser) -> tuple[bytes, str]:
    raw = volumes.file_of(WINDOWS_10, 2)[:0x30000] if parser is logfile.PARSER else volumes.index_of(WINDOWS_7, 5)
    need_shared(raw)
    return raw, LOG if parser is logfile.PARSER else INDEX


@pytest.mark.parametrize("parser", [logfile.PARSER, index.PARSER], ids=lambda p: p.name)
def test_events_lead_back_to_their_bytes(parser: Parser, tmp_path: Path) -> None:
    raw, path = _sample(parser)
    check_way_back(parser, raw, path, tmp_path, [0, 5, 9])


@pytest.mark.parametrize("parser", [logfile.PARSER, index.PARSER], ids=lambda p: p.name)
@given(data=st.data())
@_QUICK
def test_one_changed_byte_costs_one_record(parser: Parser, data: st.DataObject, tmp_path: Path) -> None:
    raw, path = _sample(parser)
    check_one_byte(parser, raw, path, tmp_path, data)


@given(raw=st.binary(max_size=9000), head=st.sampled_from([b"RSTR", b"INDX(\0\x09\0", b""]))
@_QUICK
def test_any_bytes_end_in_a_ledger(raw: bytes, head: bytes, tmp_path: Path) -> None:
    for parser in (logfile.PARSER, index.PARSER):
        said = answer(parser.parse, Job(source=write_source(tmp_path, head + raw, LOG)))
        assert said.ledger.found == said.ledger.parsed + said.ledger.failed
