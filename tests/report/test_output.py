"""What verbs print and write: nothing half-done is left, a reader may leave, a narrow screen is enough."""

from __future__ import annotations

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from shellcase.case import Case
from shellcase.errors import UsageError
from shellcase.show import case_summary, describe_event
from shellcase.timeline import Timeline
from tests.conftest import META
from tests.report.test_page import chromium
from tests.test_errors import PROGRAM, shellcase
from tests.tools import need

_FOREVER = "import sys\nfrom shellcase.output import print_lines\nsys.exit(print_lines('x' * 99 for _ in range(10**6)))"


@pytest.mark.parametrize("words", [["--format", "bogus"], ["--where", "nosuch = 1"]])
def test_a_refused_export_leaves_no_file(words: list[str], ex01: Case, tmp_path: Path) -> None:
    """An empty file would be taken for "no such events"."""
    out = tmp_path / "events.csv"
    assert shellcase("timeline", ex01.root, "-o", out, "--format", "csv", *words).returncode == 2
    assert not out.exists()


def test_a_missing_folder_is_the_callers_mistake(ex01: Case, tmp_path: Path) -> None:
    """A typing error in -o would be shown as our bug, with a traceback."""
    done = shellcase("timeline", ex01.root, "-o", tmp_path / "nowhere" / "x.csv")
    assert done.returncode == 2
    assert "folder for the output does not exist" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_period_that_ends_before_it_begins_is_refused(ex01: Case) -> None:
    """An empty table would be read as "nothing happened"."""
    done = shellcase("timeline", ex01.root, "--since", "2021-03-05", "--until", "2021-03-04")
    assert done.returncode == 2
    assert "ends before it begins" in done.stderr


def test_an_unknown_profile_leaves_no_case_behind(tmp_path: Path) -> None:
    """The next run would resume a case whose report names a profile that does not exist."""
    from tests.conftest import EX01

    done = shellcase("run", EX01, "--case", tmp_path / "case", "--profile", "bogus")
    assert done.returncode == 2
    assert not (tmp_path / "case").exists()


@pytest.mark.skipif("sys.platform == 'win32'", reason="pipes break otherwise there")
def test_a_reader_that_leaves_is_no_error() -> None:
    """`shellcase rules | head` would end with the code of a bug."""
    with subprocess.Popen([PROGRAM[0], "-c", _FOREVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout
        program.stdout.read(10)
        program.stdout.close()
        assert program.stderr
        assert program.stderr.read() == b""
        assert program.wait(timeout=20) == 0


@pytest.mark.real
def test_a_screen_of_320_pixels_needs_no_sideways_scrolling(ex01: Case, tmp_path: Path) -> None:
    """Sentences would be cut on a telephone (WCAG 1.4.10); wide tables scroll in their own frame."""
    need("chromium")
    page = (ex01.reports / "R1" / "examiner.html").resolve().as_uri()
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<iframe src="{page}" width=320 height=900 style="border:0" onload="document.title='
        f"'width '+this.contentDocument.documentElement.scrollWidth\"></iframe>"
    )
    done = chromium(tmp_path, ["--allow-file-access-from-files", "--dump-dom"], frame)
    width = int(done.stdout.partition("<title>width ")[2].partition("<")[0])
    assert 0 < width <= 320


def test_a_collection_period_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    """Every dated log would be taken, or none, while the call asks for what cannot be."""
    for verb in ("run", "collect"):
        done = shellcase(verb, tmp_path, "--case", tmp_path / "c", "--since", "2021-03-05", "--until", "2021-03-04")
        assert done.returncode == 2
        assert "ends before it begins" in done.stderr


def test_a_case_where_no_folder_can_be_is_the_callers_mistake(tmp_path: Path) -> None:
    """A drive that is not there would be shown as our bug, with a traceback."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be made there"):
        Case.create(tmp_path / "file" / "case", META)


def test_an_unsearched_case_does_not_tell_of_no_findings(tmp_path: Path) -> None:
    """After `collect` alone, "findings 0" would be read as an answer."""
    assert case_summary(Case.create(tmp_path / "case", META))["findings"] == "not yet searched"


def test_an_event_is_shown_with_one_time_and_its_bytes_counted(ex01: Case) -> None:
    """Seven digits would be split over two lines; "3479 to 4105" would count one byte too many."""
    with closing(Timeline.connect(ex01.timeline_to_read())) as timeline:
        event = timeline.events("ts_ns > 0 AND length > 0", limit=1).to_pylist()[0]
    lines = [" ".join(line.split()) for line in describe_event(ex01, event["event_id"])]
    assert f"ts {event['ts'].strftime('%Y-%m-%dT%H:%M:%S.%f')}{event['ts_ns'] // 100}Z" in lines
    assert not any(line.startswith("ts_ns") for line in lines)
    assert any(line.startswith(f"bytes {event['length']} from byte {event['offset']} ") for line in lines)
