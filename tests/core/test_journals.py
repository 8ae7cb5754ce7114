"""What a power loss leaves at the end of a journal is cut off and told; what no crash explains is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest

from collector.image import Image
from shellcase.case import Case, CaseMeta
from shellcase.case.description import read_meta
from shellcase.case.journal import AuditLine, Journal
from shellcase.errors import IntegrityError, UsageError
from shellcase.model import Missing
from shellcase.opening import _case_for, _refuse, _take_in
from tests.core.test_case import an_item

META = CaseMeta(case_number="1", fingerprints=("f",))


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A case with an artefact and an attempt that took nothing."""
    case = Case.create(tmp_path / "case", META)
    an_item(case, b"one", path=r"C:\1")
    case.missing(Missing(source="SRC-01", volume="v", definition="D", path="p", outcome="failed", reason="unreadable"))
    case.flush()
    return case


def last_audit(case: Case) -> list[AuditLine]:
    """The log of a case."""
    return [msgspec.json.decode(line, type=AuditLine) for line in Journal(case.data / "audit.jsonl").lines()]


@pytest.mark.parametrize("tail", [b'{"half', b"\0" * 300, b'{"a":1\0\0\0\0,"b":2}\n{"whole":1}\n', b"\0\n\0\n"])
@pytest.mark.parametrize("name", ["audit.jsonl", "numbers.jsonl", "work/collect.jsonl"])
def test_what_a_power_loss_leaves_is_cut_off_and_told(name: str, tail: bytes, case: Case) -> None:
    """Cut short, zeros to the end, a page of zeros in the midst: the case opens, and its log says what went."""
    path = case.data / name
    with path.open("ab") as fh:
        fh.write(tail)
    whole = Case.open(case.root)
    mended = [entry.args for entry in last_audit(whole) if entry.op == "mended"]
    assert mended == [{"file": path.name, "bytes": len(tail)}]
    assert path.read_bytes().count(b"\0") == 0
    assert whole.item_number("another") == "ITEM-000002"


def test_a_log_that_was_gutted_is_refused(case: Case) -> None:
    """A zero byte early in a long log is no crash: nothing is cut off."""
    for number in range(3000):
        case.audit("step", number=number, text="x" * 30)
    path = case.data / "audit.jsonl"
    content = bytearray(path.read_bytes())
    content[300] = 0
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match="no crash"):
        Case.open(case.root)
    assert path.read_bytes() == content


@pytest.mark.parametrize("name", ["numbers.jsonl", "work/collect.jsonl"])
def test_a_journal_that_was_edited_is_refused(name: str, case: Case) -> None:
    """With the line; never a traceback."""
    path = case.data / name
    path.write_bytes(b'{"no":"such record"}\n' + path.read_bytes())
    with pytest.raises(IntegrityError, match="line 1"):
        Case.open(case.root)


def test_what_an_interrupted_run_could_not_take_counts_no_more(case: Case) -> None:
    """The next run over the same source tries everything again; of another source the outcome stays."""
    other = Missing(source="SRC-02", volume="v", definition="D", path="q", outcome="missing", reason="no match")
    case.missing(other)
    case.flush()
    again = Case.open(case.root)
    an_item(again, b"two", path=r"C:\2")
    again.finish_collection()
    assert list(again.not_collected()) == [other]
    assert [i.path for i in again.items()] == [r"C:\1", r"C:\2"]


def test_an_artefact_with_read_errors_is_read_again(case: Case) -> None:
    """The better reading replaces the first, under the same number, and the first object goes."""
    torn = an_item(case, b"half\0\0\0\0", path=r"C:\2", read_errors=("4 bytes from 4 cannot be read",))
    case.flush()
    again = Case.open(case.root)
    assert again.known(torn.artifact_id) is None
    whole = an_item(again, b"half and", path=r"C:\2")
    again.finish_collection()
    assert whole.item == torn.item
    assert [i.sha256 for i in again.items() if i.path == r"C:\2"] == [whole.sha256]
    assert not (again.evidence / str(torn.object)).exists()
    assert last_audit(again)[-1].args == {"object": str(torn.object)}


@pytest.mark.parametrize("cls", ["log", "script"])
def test_a_half_object_is_never_trusted(cls: str, case: Case) -> None:
    """Cut at every length, or with zeros in it, in both ways of storing."""
    item = an_item(case, b'<%@ Page Language="C#" %> ' * 9, cls, r"C:\a.aspx")
    case.flush()
    path = case.evidence / str(item.object)
    content = path.read_bytes()
    spoilt = [content[:n] for n in range(len(content))] + [content[:9] + bytes(len(content) - 9), bytes(len(content))]
    for half in spoilt:
        path.chmod(0o644)
        path.write_bytes(half)
        assert Case.open(case.root).known(item.artifact_id) is None
        assert not path.exists()
        path.write_bytes(content)


def test_a_start_that_was_killed_before_the_case_was_made_is_gone_on_with(tmp_path: Path) -> None:
    """Only empty folders of ours, and a file that was not yet in its place."""
    root = tmp_path / "case"
    (root / "data" / "work" / "runs").mkdir(parents=True)
    (root / "data" / "case.json.part").write_bytes(b"\0" * 40)
    assert _case_for(root, META, ("f",), clobber=False).meta.fingerprints == ("f",)
    assert not (root / "data" / "case.json.part").exists()


def test_adding_that_was_killed_halfway_may_be_started_again(case: Case) -> None:
    """The stages are open again, and case.json does not yet name the new source."""
    from shellcase import __version__

    case.meta = msgspec.structs.replace(case.meta, version=__version__)
    new = cast("Image", SimpleNamespace(fingerprint="g", path=Path("second.E01")))
    with pytest.raises(UsageError, match="not finished"):
        _refuse(case, (new,))
    case.finish("adding")
    _refuse(case, (new,))
    _take_in(case, (new,))
    assert read_meta(case.data / "case.json").fingerprints == ("f", "g")
    assert not case.done("adding")
