"""Patterns against paths, and the definitions they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.definitions import load
from collector.patterns import Matcher, make
from collector.variables import fill, values
from shellcase.errors import UsageError
from shellcase.model import ExchangeInstall, HostFacts, IisSite


def matches(pattern: str, path: str) -> bool:
    """Whether a walk along the path ends with the pattern fulfilled."""
    matcher = Matcher([make("X", pattern)])
    node = matcher.root([0])
    *folders, file = path.strip("\\").split("\\")
    for folder in folders:
        entered = node.enter(folder)
        if entered is None:
            return False
        node = entered
    return bool(node.wanted(file))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        (r"\a\b.txt", r"\A\B.TXT", True),
        (r"\a\b.txt", r"\a\b.txt\b.txt", False),
        (r"\a\*", r"\a\x", True),
        (r"\a\*", r"\a\x\y", False),
        (r"\a\**2", r"\a\x", True),
        (r"\a\**2", r"\a\x\y", True),
        (r"\a\**2", r"\a\x\y\z", False),
        (r"\a\**2", r"\a", False),
        (r"\a\**2\w.config", r"\a\w.config", True),
        (r"\a\**2\w.config", r"\a\b\c\w.config", True),
        (r"\a\**2\w.config", r"\a\b\c\d\w.config", False),
        (r"\**\*.dmp", r"\x.dmp", True),
        (r"\**\*.dmp", r"\1\2\3\4\5\6\7\8\9\10\x.dmp", True),
        (r"\**\*.dmp", r"\1\2\3\4\5\6\7\8\9\10\11\x.dmp", False),
        (r"\a\u?er*.l[o]g", r"\a\uXer.l[o]g", True),
        (r"\a\u?er*.l[o]g", r"\a\uXer.log", False),
        (r"\a\*.aspx", r"\a\.aspx", True),
        (r"\a\*\b\*\c", r"\a\1\b\2\c", True),
    ],
)
def test_wildcards_mean_what_the_documentation_says(pattern: str, path: str, expected: bool) -> None:
    """`*` and `?` in a name, `**N` for folders, case does not count, brackets are only brackets."""
    assert matches(pattern, path) is expected


def test_the_shipped_definitions_are_sound() -> None:
    """Every profile names definitions that exist, and the parsers' names are there."""
    catalogue = load()
    assert {d.name for d in catalogue.chosen("minimal")} < {d.name for d in catalogue.chosen("exchange")}
    assert len(catalogue.chosen("full")) == len(catalogue.definitions)
    wanted = {"NtfsMft", "NtfsUsnJrnl", "ExchangeHttpProxyLogs", "IisLogs", "WebRoots", "AspNetTemporaryFiles"}
    assert wanted <= set(catalogue.definitions)


def test_an_unknown_profile_names_the_known_ones() -> None:
    """The message is the help."""
    with pytest.raises(UsageError, match="no profile 'all'") as caught:
        load().chosen("all")
    assert "minimal" in caught.value.todo


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name: [", "YAML"),
        ("name: lower\ndoc: x\nsources: []", "capital letter"),
        ("name: Good\ndoc: x\nsources: [{type: PATH, attributes: {paths: ['\\a'], separator: '\\'}}]", "type FILE"),
        ("name: Good\ndoc: x\nsources: [{type: FILE, attributes: {paths: ['%%nope%%\\a'], separator: '\\'}}]", "nope"),
        (
            "name: Upp\ndoc: x\nsources: [{type: FILE, attributes: {paths: ['\\..\\a'], separator: '\\'}}]",
            "never goes",
        ),
        ("name: Good\nsources: []", "doc"),
    ],
)
def test_a_wrong_definition_is_refused_with_its_file(text: str, says: str, tmp_path: Path) -> None:
    """What is wrong, in which definition, in which file."""
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says) as caught:
        load(tmp_path)
    assert "mine.yaml" in caught.value.where


def test_variables_come_from_the_evidence() -> None:
    """Drive letters and folders are those of the machine, and nested web roots are not walked twice."""
    host = HostFacts(
        environment=(("systemroot", "D:\\WinNT"), ("systemdrive", "D:"), ("programdata", "D:\\PD")),
        exchange=(ExchangeInstall(key="v15", path="E:\\Ex\\"),),
        sites=(
            IisSite(id=1, name="a", log_directory="F:\\L\\W3SVC1", roots=(("/", "E:\\www"), ("/b", "E:\\www\\b"))),
            IisSite(id=2, name="b", log_directory="F:\\L\\W3SVC2", roots=(("/", "C:"),)),
        ),
        event_logs=(
            ("Security", "G:\\Ev\\Security.evtx"),
            ("System", "D:\\WinNT\\System32\\winevt\\Logs\\System.evtx"),
        ),
    )
    known = values(host)
    assert known["environ_systemroot"] == ("D:\\WinNT",)
    assert known["iis_site_root"] == ("E:\\www",)
    assert known["event_log_file"] == ("G:\\Ev\\*.evtx", "G:\\Ev\\Security.evtx")
    catalogue = load()
    patterns, empty = fill(catalogue.definitions["ExchangeEcpServerLogs"], known)
    assert [p.text for p in patterns] == ["E:\\Ex\\Logging\\ECP\\Server\\*"]
    assert empty == []


def test_without_hives_the_usual_places_are_tried_on_every_volume() -> None:
    """No drive letter in front: the pattern goes to each volume."""
    patterns, _ = fill(load().definitions["WindowsEventLogs"], values(HostFacts()))
    assert (patterns[0].drive, patterns[0].path) == ("", "\\Windows\\System32\\winevt\\Logs\\*.evtx")
