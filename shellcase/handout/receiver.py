"""What the receiver reads first: README.txt, and the same facts for machines in package.json."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from shellcase.case import CaseMeta
from shellcase.clean import plain
from shellcase.handout.audience import NONE, Request
from shellcase.handout.withheld import Withheld

_WIDTH = 78


class Redacted(Struct, frozen=True, kw_only=True):
    """A sealed file that stayed because it has records of withheld items; `rest`: where it lies without them."""

    path: str
    sha256: str
    taken_out: int
    rest: str


class PackageFacts(Struct, frozen=True, kw_only=True):
    """data/package.json."""

    schema: str = "shellcase.package/1"
    audience: str
    edition: str
    parent_manifest_sha256: str
    parent_sealed: str
    include_secrets: str
    include_work: str
    audit_log: bool
    items: int
    withheld: dict[str, int]
    redacted: tuple[Redacted, ...]


def facts(
    request: Request, edition: str, parent: tuple[str, str], items: int, withheld: Iterable[Withheld], **more: object
) -> PackageFacts:
    """The record of one package; `parent`: SHA-256 and time of the seal it comes from."""
    counts = dict(sorted(Counter(w.cls for w in withheld).items()))
    return PackageFacts(
        audience=request.audience,
        edition=edition,
        parent_manifest_sha256=parent[0],
        parent_sealed=parent[1],
        include_secrets=request.secrets,
        include_work=request.work,
        items=items,
        withheld=counts,
        **more,  # type: ignore[arg-type]
    )


def readme(meta: CaseMeta, said: PackageFacts) -> bytes:
    """README.txt: plain text of 78 columns."""
    head = [
        "EVIDENCE PACKAGE",
        "",
        f"  Case number   {plain(meta.case_number, 100) or 'not recorded'}",
        f"  Title         {plain(meta.title, 200) or 'not recorded'}",
        f"  Made for      {said.audience}",
        f"  Report        {'none' if said.edition == NONE else f'edition {said.edition}'}",
        f"  Items         {said.items - sum(said.withheld.values())} of {said.items}; the rest: data/withheld.csv",
    ]
    parts = ["\n".join(head), *(_filled(p) for p in _paragraphs(said)), _CHECKS]
    return ("\n\n".join(parts) + "\n").encode("utf-8", "backslashreplace")


def _filled(text: str) -> str:
    return textwrap.fill(text, _WIDTH, break_on_hyphens=False, break_long_words=False)


def _paragraphs(said: PackageFacts) -> Iterable[str]:
    yield (
        f"This is a part of a larger case that was sealed at {said.parent_sealed} (its examiner's clock). The signed "
        "record of that seal lies in seal/parent/: a file that is in both lists has the same SHA-256 in both. "
        f"SHA-256 of the parent's manifest: {said.parent_manifest_sha256}"
    )
    counts = ", ".join(f"{n} {cls}" for cls, n in said.withheld.items()) or "none"
    yield (
        f"Withheld items: {counts}. data/withheld.csv gives path, size, SHA-256 and reason of each; "
        "data/evidence/collected.jsonl lists all items, withheld ones too. 'secret' means that the item holds "
        "credentials, 'held' that it never left its source."
    )
    for one in said.redacted:
        rest = f"what remains lies in {one.rest}" if one.rest else "nothing remains of it"
        yield f"{one.path} stayed: {one.taken_out} of its records come from withheld items; {rest}."
    if said.include_secrets:
        yield f"CREDENTIALS ARE INCLUDED. Reason given: {plain(said.include_secrets, 400)}"
    if said.include_work:
        yield f"Work product (data/work/) is included. Reason given: {plain(said.include_work, 400)}"
    yield (
        "The audit log goes along up to the seal; what was written to it later, such as the making of this package, "
        "does not."
        if said.audit_log
        else "The audit log does not go along. Its length and the hash of its last line stand in seal/manifest.json."
    )
    yield (
        "Collected files lie in data/evidence/objects/ under their SHA-256; data/evidence/files.csv says which is "
        "which. Names ending in .cart are scripts and programs, neutralised in the CaRT format against antivirus "
        "programs; `cart -d FILE` or `shellcase extract` gives their true bytes, which may be malicious. Leave this "
        "folder as it is: whatever is added or changed in it breaks the seal."
    )


_CHECKS = """How to check it without our software, inside the folder with bagit.txt:

  sha256sum -c manifest-sha256.txt
  python3 -I seal/verify.py .
  ssh-keygen -Y verify: the command stands in seal/SEAL.txt"""
