"""Configuration of IIS and of transport agents: every element, where it holds, and no password."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Tree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parsers.iis.config import PARSER
from parsers.markup import MOST_READ, MOST_TAGS
from shellcase.model import Event, Job
from tests.parsers import samples_exchange as samples
from tests.parsers.one_byte import check_one_byte, read
from tests.parsers.stub import FileSource, answer, corpora
from tests.tools import need_shared

PATH = "C:\\Windows\\System32\\inetsrv\\config\\applicationHost.config"
REAL = sorted(corpora().joinpath("css-exchange").rglob("*.config"))
_QUICK = settings(
    max_examples=25, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def element(events: list[Event], name: str) -> Event:
    return next(e for e in events if e.data["element"] == name)


def test_a_hidden_folder_behind_a_virtual_directory_is_told_with_site_and_application(tmp_path: Path) -> None:
    found = element(read(PARSER, samples.HOST_CONFIG(), PATH, tmp_path).events, "virtualDirectory")
    assert found.file_path == "C:\\ProgramData\\COM1\\Ya"
    assert (found.data["site"], found.data["application"]) == ("Default Web Site", "/owa")


def test_a_module_tells_its_file_and_where_it_holds(tmp_path: Path) -> None:
    events = read(PARSER, samples.HOST_CONFIG(), PATH, tmp_path).events
    found = next(e for e in events if e.data.get("@name") == "m")
    assert (found.file_path, found.data["location"]) == ("C:\\Windows\\Temp\\m.dll", "Default Web Site/owa")
    assert found.data["path"] == "configuration/location/system.webServer/modules/add"


def test_a_password_is_nowhere_in_the_event_and_no_record_byte(tmp_path: Path) -> None:
    raw = samples.HOST_CONFIG()
    found = element(read(PARSER, raw, PATH, tmp_path).events, "processModel")
    assert "s3cret" not in str(found)
    records = b"".join(raw[s.offset : s.offset + s.length] for s in found.origin.spans if s.role == "record")
    assert b'password=""' in records


def test_what_stands_in_a_comment_is_no_element(tmp_path: Path) -> None:
    said = read(PARSER, samples.HOST_CONFIG(), PATH, tmp_path)
    assert "this" not in [e.data["element"] for e in said.events]
    assert said.issues == []


def test_an_earlier_state_says_so_and_utf16_tells_the_same(tmp_path: Path) -> None:
    path = "C:\\inetpub\\history\\CFGHISTORY_0000000007\\applicationHost.config"
    now = read(PARSER, samples.HOST_CONFIG(), PATH, tmp_path).events
    then = read(PARSER, samples.wide(samples.HOST_CONFIG)(), path, tmp_path).events
    assert [e.data for e in then] == [{**e.data, "history": "CFGHISTORY_0000000007"} for e in now]


def test_a_transport_agent_is_a_kind_of_its_own(tmp_path: Path) -> None:
    said = read(PARSER, samples.AGENTS(), "C:\\TransportRoles\\Agents\\agents.config", tmp_path)
    agents = [e for e in said.events if e.kind == "exchange.transport.agent"]
    assert [(e.file_path, e.data["@enabled"]) for e in agents] == [("C:\\h.dll", "true")]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"</application>", b"</applicatiox>"),
        (b"<clear />", b"<clear x>"),
        (b" -->", b" -x>"),
        (b"<clear", b"<clea\xff"),
    ],
)
def test_a_damaged_mark_costs_no_other_element(old: bytes, new: bytes, tmp_path: Path) -> None:
    raw = samples.HOST_CONFIG()
    sound = read(PARSER, raw, PATH, tmp_path)
    damaged = read(PARSER, raw.replace(old, new), PATH, tmp_path)
    kept = [e for e in sound.events if e in damaged.events]
    assert len(kept) >= len(sound.events) - 1
    assert damaged.issues
    assert damaged.ledger.found == damaged.ledger.parsed


@pytest.mark.parametrize(("piece", "read_to"), [(b"<a>", 3 * MOST_TAGS), (b"<!-- -->", MOST_READ)])
def test_a_giant_is_read_in_part_and_the_rest_is_accounted_for(piece: bytes, read_to: int, tmp_path: Path) -> None:
    raw = piece * (MOST_READ // len(piece) + 100)
    said = read(PARSER, raw, PATH, tmp_path)
    assert said.ledger.failed > 0
    assert said.ledger.failed_ranges == ((read_to, len(raw) - read_to),)
    assert [i.what for i in said.issues if i.grade == "lost"] == ["configuration is too large, the rest is not read"]


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", [b"<!--", b'<a b="', b"<![CDATA[", b"<?", b"</a>", b"<a>x", b"<a><b></x>", b"<"])
def test_endless_beginnings_do_not_hang(piece: bytes, tmp_path: Path) -> None:
    said = read(PARSER, piece * (MOST_READ // len(piece)), PATH, tmp_path)
    assert said.ledger.found == said.ledger.parsed + said.ledger.failed
    assert len(said.issues) <= 60_001


@pytest.mark.real
def test_every_element_of_real_configurations_is_told_as_an_xml_reader_has_it() -> None:
    """Names, attributes and their order, against Python's own XML reader; hidden values aside."""
    need_shared(REAL, "corpora/css-exchange")
    assert len(REAL) == 24
    for file in REAL:
        said = answer(PARSER.parse, Job(source=FileSource(file)))
        wanted = [(_bare(e.tag), e.attrib) for e in Tree.parse(file).getroot().iter()]  # noqa: S314 - known files
        assert said.ledger.found == said.ledger.parsed == len(wanted)
        assert said.issues == []
        for event, (name, attributes) in zip(said.events, wanted, strict=True):
            assert event.data["element"] == name
            for key, value in attributes.items():
                assert "}" in key or event.data[f"@{key}"] in (value, "hidden")


def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


@pytest.mark.parametrize("number", range(3))
@given(chance=st.data())
@_QUICK
def test_one_changed_byte_costs_one_element_at_most(number: int, chance: st.DataObject, tmp_path: Path) -> None:
    path, make = samples.SAMPLES["iis.config"][number]
    check_one_byte(PARSER, make(), path, tmp_path, chance)
