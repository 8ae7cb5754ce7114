"""What a user adds: definitions in YAML, KAPE targets; and what the window and the profile leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.definitions import load
from collector.judge import Judge
from collector.mftrecord import Name
from collector.ntfs import FileRecord
from collector.runs import StreamInfo
from collector.window import Window, day_in
from shellcase.errors import UsageError
from shellcase.model import FileTimes

TARGET = r"""
Description: Web logs of a vendor
Author: somebody
Version: 1.0
Id: 5b2d
RecreateDirectories: true
Targets:
    -
        Name: Logs
        Category: Logs
        Path: C:\Vendor\logs\
        FileMask: "*.log"
        Recursive: true
    -
        Name: History of users
        Category: Logs
        Path: C:\Users\%user%\AppData\Vendor\
        FileMask: history.db
    -
        Name: Other
        Category: Logs
        Path: Other.tkape
"""
OTHER = "Description: x\nTargets:\n - {Name: One, Category: y, Path: 'C:\\Windows\\vendor.ini'}\n"
DAY = 86_400 * 10**9
MARCH_3 = 1_614_729_600 * 10**9


def test_kape_targets_become_definitions_of_every_profile(tmp_path: Path) -> None:
    """Paths lose their drive, users become a wildcard, recursion and references are followed."""
    (tmp_path / "Vendor Logs.tkape").write_text(TARGET, encoding="utf-8")
    (tmp_path / "Other.tkape").write_text(OTHER, encoding="utf-8")
    catalogue = load(also=tmp_path)
    patterns = (r"\Vendor\logs\**10\*.log", r"\Users\*\AppData\Vendor\history.db", r"\Windows\vendor.ini")
    assert catalogue.definitions["KapeVendorLogs"].patterns == patterns
    for profile in ("minimal", "exchange", "full"):
        assert "KapeVendorLogs" in {d.name for d in catalogue.chosen(profile)}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("Other.tkape", "Missing.tkape"), "Missing.tkape"),
        (("Other.tkape", "Vendor.tkape"), "circle"),
        (('"*.log"', '"regex:a.*"'), "regular expressions"),
        ((r"C:\Vendor\logs", r"C:\..\logs"), "not understood"),
        (("Targets:", "Tagets:"), "cannot be read"),
    ],
)
def test_a_target_that_cannot_be_taken_over_is_named(change: tuple[str, str], says: str, tmp_path: Path) -> None:
    """Never a file that is silently not looked for."""
    (tmp_path / "Vendor.tkape").write_text(TARGET.replace(*change), encoding="utf-8")
    (tmp_path / "Other.tkape").write_text(OTHER, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load(also=tmp_path)
    assert says in f"{caught.value.what} {caught.value.where}"


def test_own_yaml_is_taken_beside_ours(tmp_path: Path) -> None:
    """The same form as our own files."""
    text = "name: MyLogs\ndoc: mine\nsources: [{type: FILE, attributes: {paths: ['\\my\\*.log'], separator: '\\'}}]\n"
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    catalogue = load(also=tmp_path)
    assert catalogue.chosen("minimal")[-1].name == "MyLogs"
    assert catalogue.tier(["MyLogs"]) == len(catalogue.profiles.tiers) - 1


@pytest.mark.parametrize("make", [False, True])
def test_an_empty_folder_of_definitions_is_an_error(make: bool, tmp_path: Path) -> None:
    """A typing mistake must not collect less than was asked for."""
    folder = tmp_path / "definitions"
    if make:
        folder.mkdir()
    with pytest.raises(UsageError):
        load(also=folder)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("HttpProxy_2021030300-1.LOG", MARCH_3),
        ("ECPServer20210303-1.LOG", MARCH_3),
        ("u_ex210303.log", MARCH_3),
        ("u_ex21030312.log", None),
        ("u_ex2103.log", None),
        ("20219999.log", None),
        ("report.log", None),
    ],
)
def test_the_day_in_a_name(name: str, day: int | None) -> None:
    """Only names that say a day beyond doubt."""
    assert day_in(name) == day


def _file(born: int, written: int, seen: int | None = None) -> FileRecord:
    ticks = [t // 100 + 116_444_736_000_000_000 for t in (born, written)]
    true = FileTimes(ticks[0], (seen or written) // 100 + 116_444_736_000_000_000, ticks[1], ticks[1])
    name = Name(5, 5, "x", 1, true)
    shown = FileTimes(ticks[0], ticks[1], ticks[1], ticks[1])
    return FileRecord(
        number=40, seq=1, in_use=True, directory=False, si=shown, attributes=0, names=(name,), streams=(), reparse=b""
    )


def test_a_days_margin_on_both_sides() -> None:
    """A log that ends the evening before still stands; two days before it does not."""
    window = Window(MARCH_3, MARCH_3 + DAY, frozenset({"IisLogs"}))

    def out(name: str, born: int, written: int) -> str:
        return window.outside(f"\\logs\\{name}", _file(born, written), ("IisLogs",))

    assert not out("a.log", MARCH_3 - 5 * DAY, MARCH_3 - DAY // 2)
    assert out("a.log", MARCH_3 - 5 * DAY, MARCH_3 - 2 * DAY)
    assert not out("a.log", MARCH_3 + 3 * DAY // 2, MARCH_3 + 9 * DAY)
    assert out("a.log", MARCH_3 + 5 * DAY // 2, MARCH_3 + 9 * DAY)


def test_forged_times_do_not_hide_a_log() -> None:
    """The name or the other set of times speaks for it."""
    window = Window(MARCH_3, None, frozenset({"IisLogs"}))
    long_ago = MARCH_3 - 400 * DAY
    assert not window.outside("\\u_ex210303.log", _file(long_ago, long_ago), ("IisLogs",))
    assert not window.outside("\\a.log", _file(long_ago, long_ago, seen=MARCH_3), ("IisLogs",))
    assert not window.outside("\\a.log", _file(long_ago, long_ago), ("WebRoots",))


def test_diagnostics_are_left_out_with_a_reason_unless_everything_is_wanted() -> None:
    """And a log that another definition asks for too is still a diagnostics log."""
    stream = StreamInfo(name="", size=10, allocated=16, initialized=10)
    names = ("ExchangeOtherLogs", "ExchangeDiagnosticLogs")
    file = _file(MARCH_3, MARCH_3)
    window = Window(None, None, frozenset())
    profiles = load().profiles
    refused = Judge(profiles, window, "exchange").refusal("\\x.log", file, stream, names)
    assert refused is not None
    assert refused[0] == "excluded"
    assert "off by default" in refused[1]
    assert Judge(profiles, window, "full").refusal("\\x.log", file, stream, names) is None
