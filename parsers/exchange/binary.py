"""Versions of Exchange's own programs: which build really lies on the disk, and if it has the update of March 2021.

The registry's build does not move with a security update, the version resource of a file does. One file alone proves
little (updates have left files behind), so every collected program is told. Builds: Microsoft's list of Exchange
Server build numbers and the table of KB5000871.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from parsers.exchange.peversion import Damaged, Version, read_version
from parsers.leaning import whole
from parsers.times import ns_text
from shellcase.model import Event, Issue, Job, Kind, Ledger, Moment, Origin, Parser, ParserOutput, Span, Value

KIND = "exchange.binary.version"
_PRODUCTS = {(14, 3): "2010 SP3", (15, 0): "2013", (15, 1): "2016", (15, 2): "2019"}
# product: {build: (update, revision that has the fixes of March 2021; None where that is not published, 0 if all have)}
_BUILDS: Mapping[str, Mapping[int, tuple[str, int | None]]] = {
    "2013": {847: ("CU4 (SP1)", 64), 1395: ("CU21", 12), 1473: ("CU22", 6), 1497: ("CU23", 12)},
    "2016": {
        396: ("CU1", None), 845: ("CU5", None), 1034: ("CU6", None), 1261: ("CU7", None), 1415: ("CU8", 10),
        1466: ("CU9", 16), 1531: ("CU10", 12), 1591: ("CU11", 18), 1713: ("CU12", 10), 1779: ("CU13", 8),
        1847: ("CU14", 12), 1913: ("CU15", 12), 1979: ("CU16", 8), 2044: ("CU17", 13), 2106: ("CU18", 13),
        2176: ("CU19", 9), 2242: ("CU20", 0), 2308: ("CU21", 0), 2375: ("CU22", 0), 2507: ("CU23", 0),
    },
    "2019": {
        221: ("RTM", 18), 330: ("CU1", 11), 397: ("CU2", 11), 464: ("CU3", 15), 529: ("CU4", 13), 595: ("CU5", 8),
        659: ("CU6", 12), 721: ("CU7", 13), 792: ("CU8", 10), 858: ("CU9", 0), 922: ("CU10", 0), 986: ("CU11", 0),
        1118: ("CU12", 0),
    },
}  # fmt: skip
_LAST = {"2016": 2242, "2019": 858}
"""From this build on every update contains the fixes."""
_FIELDS = {
    "*": "each string of the resource under its own name with `@` before it",
    "version": "the file's version as numbers, 15.1.2176.2",
    "product_version": "the product's version as numbers",
    "product": "Exchange 2013, 2016, 2019 …, by the first two numbers",
    "update": "the cumulative update, by the third number; absent when it is not in the table",
    "march_2021": "whether this file is of the update of 2 March 2021 (KB5000871) or later: yes, no, unknown",
    "linked": "time stamp of the PE header; newer linkers put a hash there",
    "resource_sha256": "of the version resource",
}


def known_build(version: tuple[int, int, int, int]) -> dict[str, str]:
    """Product, cumulative update and whether it has the fixes of March 2021."""
    major, minor, build, revision = version
    product = _PRODUCTS.get((major, minor))
    if product is None:
        return {}
    update, fixed = _BUILDS.get(product, {}).get(build, ("", None))
    if product in _LAST and build >= _LAST[product]:
        fixed = 0
    said = "unknown" if fixed is None else "yes" if revision >= fixed else "no"
    return {"product": f"Exchange {product}", **({"update": update} if update else {}), "march_2021": said}


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event, or an issue that says why there is none, and the ledger: the file is the record."""
    with job.source.open() as stream:
        found, seen = read_version(stream, job.source.size)
    fine = isinstance(found, Version)
    if isinstance(found, Version):
        yield _event(job, found)
    elif job.source.size:
        yield Issue(grade="damaged", what="program without a readable version", offset=_in(job, found), found=found.why)
    failed = int(not fine and job.source.size > 0)
    ranges = ((0, job.source.size),) if failed else ()
    yield Ledger(bytes_seen=seen, found=fine + failed, parsed=int(fine), failed=failed, failed_ranges=ranges)


def _in(job: Job, found: Damaged) -> int:
    return min(found.offset, job.source.size)


def _event(job: Job, found: Version) -> Event:
    version = ".".join(map(str, found.file))
    known = known_build(found.file)
    data: dict[str, Value] = {
        "version": version,
        "product_version": ".".join(map(str, found.product)),
        **known,
        **{f"@{name}": text for name, text in found.strings},
        "linked": ns_text(found.linked * 10**9, 0),
        "resource_sha256": hashlib.sha256(found.raw).hexdigest(),
    }
    name = job.source.path.replace("/", "\\").rpartition("\\")[2]
    said = " ".join(filter(None, (known.get("product"), known.get("update"))))
    return Event(
        when=Moment(None, 0, "", ""),
        act="installed",
        kind=KIND,
        subject=f"{name} is version {version}{f', {said}' if said else ''}"[:300],
        origin=Origin((Span(found.offset, len(found.raw)),), "version resource", job.source.state),
        file_path=job.source.path,
        data=data,
    )


def recognises(head: bytes, path: str) -> bool:
    """A Windows program."""
    del path
    return head[:2] == b"MZ"


PARSER = Parser(
    name="exchange.binary",
    version=1,
    definitions=("ExchangeBinaries",),
    yields=(Kind(name=KIND, fields=_FIELDS),),
    recognises=recognises,
    context=whole,
    parse=parse,
    tier=1,
)
