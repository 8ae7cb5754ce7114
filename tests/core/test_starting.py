"""What is loaded at the start: slow libraries only where a verb needs them."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from shellcase.cli import VERBS, program

_SLOW = ("dissect", "duckdb", "pyarrow", "Crypto", "jinja2", "yara")


def _loaded(code: str) -> set[str]:
    """The packages a fresh interpreter has after these lines."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sorted({{m.split('.')[0] for m in sys.modules}}))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(told.stdout.split())


def test_the_command_line_itself_loads_no_library_of_a_verb() -> None:
    """`shellcase --version` and a mistyped option answer at once."""
    assert not _loaded("import shellcase.cli") & set(_SLOW)


@pytest.mark.parametrize(("module", "not_wanted"), [("shellcase.parsing", "Crypto"), ("shellcase.worker", "duckdb")])
def test_parsing_loads_no_opener_of_images(module: str, not_wanted: str) -> None:
    """The main process reads artefacts out of the case; workers query nothing."""
    found = _loaded(f"import {module}")
    assert "pyarrow" in found
    assert not_wanted not in found


@pytest.mark.parametrize("verb", [v[0] for v in VERBS])
def test_one_verb_alone_is_the_verb_of_all(verb: str) -> None:
    """Its options do not depend on what else is loaded."""
    assert list(_callbacks(program(verb))) == [verb]
    assert _callbacks(program(verb))[verb] is _callbacks(program())[verb]


def _callbacks(app: typer.Typer) -> dict[str | None, object]:
    found: dict[str | None, object] = {c.name: c.callback for c in app.registered_commands}
    return found | {str(g.name): g.typer_instance for g in app.registered_groups}
