"""The members of a container that have no place on a volume and are no evidence we know: each with its reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, structs

from collector.gathered.bundle import Bundle, Member
from collector.gathered.shape import Parts
from shellcase.model import OutcomeKind

UNKNOWN = "of no kind that is known, by its first bytes and by its name"
RECORD = "a record of the collecting tool, read for what it tells of the other files"
INDEX = "the index of a sparse file, read together with it"
IMAGE = "a disk image, not opened: give it as a source of its own"
DOUBLE = "the name occurs twice in the collection, the first was used"


class Left(Struct, frozen=True, kw_only=True):
    """One member that stays in the container. `name` is its path inside it; `size` in bytes as the container says."""

    name: str
    size: int
    outcome: OutcomeKind
    reason: str


def left_of(member: Member, reason: str = UNKNOWN) -> Left:
    """A member with the reason that is its own, where it has one, else the one given."""
    return Left(name=member.name, size=member.size, outcome=_outcome(member), reason=why_not(member) or reason)


def why_not(member: Member) -> str:
    """Why a member cannot be read, empty where it can."""
    if member.kind == "link":
        return f"a link{f' to {member.note}' if member.note else ''}, not followed"
    return member.note if member.kind in ("refused", "device") else ""


def _outcome(member: Member) -> OutcomeKind:
    if member.kind == "refused" and member.note.startswith("it cannot be read"):
        return "failed"
    return "empty" if member.kind == "file" and not member.size else "excluded"


def lefts(
    bundle: Bundle, others: Iterable[int], images: Iterable[int], doubles: Iterable[int], logs: Iterable[Parts]
) -> Iterator[Left]:
    """All that is left, in the order of the container. Members are given by their numbers."""
    told = dict.fromkeys(images, IMAGE) | dict.fromkeys(doubles, DOUBLE)
    wholes, records = {f"{m.name}.idx" for m in bundle.members}, set(logs)
    for index in sorted({*others, *told, *_nameless(bundle.members)}):
        member = bundle.members[index]
        reason = told.get(index) or _kind_of(member, wholes, records)
        left = left_of(member, reason)
        # Equal names would be one line.
        yield structs.replace(left, name=f"{left.name} [entry {index + 1}]") if reason == DOUBLE else left


def _nameless(members: Sequence[Member]) -> Iterator[int]:
    return (n for n, m in enumerate(members) if not m.parts and m.kind != "folder")


def _kind_of(member: Member, wholes: set[str], records: set[Parts]) -> str:
    if member.name in wholes:
        return INDEX
    return RECORD if member.parts in records else UNKNOWN


def beside(bundle: Bundle, opened: int, inside: Iterable[Left]) -> tuple[Left, ...]:
    """What lies beside the one archive that was opened, then what is left inside that."""
    name = bundle.members[opened].name
    around = (n for n, m in enumerate(bundle.members) if n != opened and m.kind != "folder")
    outer = [left_of(bundle.members[n], f"it lies beside the archive {name} and is {UNKNOWN}") for n in around]
    return (*outer, *(structs.replace(one, name=f"{name}/{one.name}") for one in inside))
