"""The rooms' dependencies, read from the imports of every file."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("shellcase", "collector", "parsers", "fixtures")
MODEL = {f"shellcase.{name}" for name in ("model", "records", "schema", "digits", "zones", "errors")}
ALL_KNOWING = {"shellcase.run", "shellcase.cli", "shellcase.parsing", "shellcase.worker", "shellcase.show"} | {
    f"shellcase.{name}"
    for name in (
        "computers",
        "twice",
        "early",
        "opening",
        "planning",
        "preflight",
        "replay",
        "settings",
        "tell",
        "verification",
        "working",
    )
}
IMAGE_LIBRARIES = ("dissect.target", "dissect.volume", "dissect.hypervisor", "dissect.fve", "dissect.evidence")
OPENERS = {"collector.containers", "collector.partitions", "collector.bitlocker", "collector.gathered.ad1"}
ONE_FILE = {"shellcase.seal.standalone"}
"""The verifier for the other side: it ships in every seal, so it must be one file that needs no other."""
_FILES = sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py"))


def name_of(path: Path) -> str:
    """The module's dotted name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, at the top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found |= {f"{node.module}.{a.name}" for a in node.names}
    return found


def ours(path: Path) -> set[str]:
    """What a file imports of our own rooms, as module names that exist."""
    modules = {name_of(p) for p in _FILES}
    return {m for m in imports_of(path) if m in modules}


def knows_all(module: str) -> bool:
    """The verbs of the command line, and what runs the steps."""
    return module in ALL_KNOWING or module.startswith("shellcase.commands.")


def allowed(module: str) -> tuple[str, ...]:
    """The prefixes that a module may import of ours."""
    room = module.split(".", maxsplit=1)[0]
    if module in MODEL or module == "shellcase.processes":
        return {
            "shellcase.model": ("shellcase.records", "shellcase.zones"),
            "shellcase.records": ("shellcase.zones",),
        }.get(module, ())
    if room == "parsers":
        return ("parsers", *MODEL)
    if room == "collector":
        return ("collector", "shellcase.case", "shellcase.processes", *MODEL)
    if room == "fixtures":
        return ("fixtures",)
    if knows_all(module):
        return ("shellcase", "collector", "parsers")
    return ("shellcase",)


@pytest.mark.parametrize("path", _FILES, ids=name_of)
def test_a_room_imports_only_what_it_may(path: Path) -> None:
    """A forbidden arrow between rooms is named with its file."""
    module = name_of(path)
    prefixes = allowed(module)
    wrong = {m for m in ours(path) if m != module and not any(m == p or m.startswith(p + ".") for p in prefixes)}
    wrong -= {"shellcase", "collector", "parsers", "fixtures"}
    assert not wrong, f"{module} must not import {sorted(wrong)}"


@pytest.mark.parametrize("path", [p for p in _FILES if not name_of(p).startswith("fixtures")], ids=name_of)
def test_later_stages_do_not_know_the_former_rooms(path: Path) -> None:
    """timeline, detect, report and case read files, not collector or parsers."""
    module = name_of(path)
    if not module.startswith("shellcase") or knows_all(module):
        return
    assert not {m for m in ours(path) if m.split(".")[0] in ("collector", "parsers")}, module


def test_only_the_image_file_opens_images() -> None:
    """Containers, volumes and targets are opened in one place."""
    wrong = {
        name_of(p)
        for p in _FILES
        if name_of(p) not in OPENERS and any(m.startswith(IMAGE_LIBRARIES) for m in imports_of(p))
    }
    assert not wrong


def test_only_the_report_knows_jinja() -> None:
    """Templates are rendered in one place."""
    wrong = {name_of(p) for p in _FILES if any(m.split(".")[0] in ("jinja2", "markupsafe") for m in imports_of(p))}
    assert wrong == {"shellcase.report"}


def test_nothing_imports_the_fixtures() -> None:
    """The product does not know the scenarios that judge it."""
    wrong = {
        name_of(p)
        for p in _FILES
        if name_of(p).split(".")[0] != "fixtures" and any(m.split(".")[0] == "fixtures" for m in imports_of(p))
    }
    assert not wrong


def test_one_broad_except() -> None:
    """A bug in a parser costs its artefact in one place; nowhere else may an error vanish."""
    broad = [
        name_of(path)
        for path in _FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    ]
    assert broad == ["shellcase.worker"]


@pytest.mark.parametrize("path", _FILES, ids=name_of)
def test_a_file_stays_under_300_lines(path: Path) -> None:
    """A file that grows past 300 lines is two files."""
    if name_of(path) in ONE_FILE:
        return
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300, name_of(path)
