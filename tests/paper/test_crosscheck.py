"""Our copies against readers that are not ours: what matches, what differs, what cannot be compared, and why."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from shellcase.case import Case
from shellcase.cli import program
from shellcase.errors import INTEGRITY, OK, UsageError
from shellcase.model import Item
from shellcase.paper.crosscheck import LARGE_ONES, SMALL, read_comparisons, sample, unfit
from tests.conftest import EX01, EX02
from tests.paper.copies import copy_of
from tests.tools import need


@pytest.fixture
def case(ex01: Case, tmp_path: Path) -> Case:
    """A copy of EX01 to compare."""
    return copy_of(ex01, tmp_path / "case")


def keep_only(case: Case, wanted: list[Item]) -> None:
    """A case of a few items, so that a program that is started for each is done soon."""
    lines = b"".join(msgspec.json.encode(i, order="sorted") + b"\n" for i in wanted)
    (case.evidence / "collected.jsonl").write_bytes(lines)


def crosscheck(case: Case, *words: str, image: Path = EX01) -> int:
    """The exit code of the verb."""
    done = CliRunner().invoke(program(), ["crosscheck", str(case.root), "--image", str(image), "-q", *words])
    if isinstance(done.exception, UsageError):
        raise done.exception
    assert isinstance(done.exception, SystemExit | None), done.output
    return done.exit_code


def test_dissect_reads_the_same_bytes_for_every_item(case: Case) -> None:
    """Resident, compressed, sparse, streams, dumps, recovered: none differs, none is left out."""
    assert crosscheck(case, "--tool", "dissect", "--all") == OK
    (said,) = read_comparisons(case)
    assert (said.differing, said.not_comparable, said.matched) == (0, 0, len(list(case.items())))
    assert (said.tool, said.source) == ("dissect.ntfs", "SRC-01")
    assert said.version
    audit = json.loads((case.data / "audit.jsonl").read_bytes().splitlines()[-1])
    assert (audit["op"], audit["args"]["matched"]) == ("crosscheck", said.matched)


@pytest.mark.real
def test_sleuth_kit_reads_the_same_bytes(case: Case) -> None:
    """One item of each kind: plain, resident, stream, sparse journal, dump, recovered, on both volumes."""
    need("icat", "istat")
    kinds: dict[tuple[object, ...], Item] = {}
    for item in case.items():
        kinds.setdefault((item.volume, item.stream, item.state, item.stored_as, "resident" in item.flags), item)
    keep_only(case, list(kinds.values()))
    assert {"$J", None} <= {i.stream for i in kinds.values()}
    assert {"recovered", "live"} <= {i.state for i in kinds.values()}
    assert crosscheck(case, "--tool", "sleuthkit") == OK
    (said,) = read_comparisons(case)
    assert (said.tool, said.matched, said.not_comparable) == ("Sleuth Kit icat", len(kinds), 0), said.items


@pytest.mark.parametrize("tool", ["dissect", "sleuthkit"])
def test_a_difference_is_named_and_ends_with_3(case: Case, tool: str) -> None:
    """A record of another hash than the image gives is what this is for; what cannot be read is no difference."""
    if tool == "sleuthkit":
        need("icat", "istat")
    good, bad, gone, torn = list(case.items())[:4]
    replace = msgspec.structs.replace
    keep_only(
        case,
        [
            good,
            replace(bad, sha256="0" * 64),
            replace(gone, mft_record=2**31),
            replace(torn, read_errors=("512 bytes within 0-512: gone",)),
        ],
    )
    assert crosscheck(case, "--tool", tool) == INTEGRITY
    (said,) = read_comparisons(case)
    lines = {line.item: line for line in said.items}
    assert [lines[i.item].outcome for i in (good, bad, gone, torn)] == [
        "matched",
        "differing",
        "not comparable",
        "not comparable",
    ]
    assert lines[bad.item].theirs == bad.sha256
    assert lines[gone.item].why.startswith(("icat:", "dissect.ntfs:"))
    assert "could not be read whole" in lines[torn.item].why


def test_comparisons_by_two_tools_stand_side_by_side(case: Case, tmp_path: Path) -> None:
    """A second run replaces only its own tool's lines; with --output the case stays as it is."""
    keep_only(case, list(case.items())[:3])
    crosscheck(case, "--tool", "dissect")
    before = (case.data / "audit.jsonl").read_bytes()
    assert crosscheck(case, "--tool", "dissect", "-o", str(tmp_path / "out.json")) == OK
    assert (case.data / "audit.jsonl").read_bytes() == before
    assert len(json.loads((tmp_path / "out.json").read_text())["comparisons"]) == 1


def test_another_image_is_refused(case: Case) -> None:
    """Comparing with the wrong disk would show nothing but differences."""
    with pytest.raises(UsageError, match="no source of the case"):
        crosscheck(case, image=EX02)


def test_without_sleuth_kit_it_is_said(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for by name it must be there; left to the program, dissect stands in and the record says so."""
    monkeypatch.setattr("collector.secondreader.program", lambda _name: None)
    with pytest.raises(UsageError, match="Sleuth Kit is not installed"):
        crosscheck(case, "--tool", "sleuthkit")
    keep_only(case, list(case.items())[:3])
    assert crosscheck(case) == OK
    assert read_comparisons(case)[0].tool == "dissect.ntfs"


def test_the_sample_is_the_same_for_everybody(ex01: Case) -> None:
    """All small items and fifty large ones by hash, whatever the order of the list."""
    items = list(ex01.items())
    chosen, words = sample(items, everything=False)
    assert chosen == sample(reversed(items), everything=False)[0]
    assert sum(i.size >= SMALL for i in chosen) <= LARGE_ONES
    assert {i.item for i in items if i.size < SMALL} <= {i.item for i in chosen}
    assert "1 MiB" in words


def test_items_that_no_second_reader_can_find_say_why(ex01: Case) -> None:
    """Collections have no $MFT records, shadow copies are not what icat reads."""
    item = next(ex01.items())
    assert unfit(item) == ""
    assert "collection" in unfit(msgspec.structs.replace(item, mft_record=None))
    assert "shadow copy" in unfit(msgspec.structs.replace(item, state="snapshot:1"))
