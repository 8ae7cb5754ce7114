"""Provenance as CASE/UCO 1.5 JSON-LD: sources, program, examiner, steps, exhibits and findings; never the timeline.

At most 200 objects, because validators of the field slow down with the square of their number. Ids are derived from
the evidence (uuid5), so that two exports of a case name the same things the same way.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence

from shellcase import __version__
from shellcase.case import Case
from shellcase.case.journal import AuditLine
from shellcase.clean import plain
from shellcase.model import Finding, Item
from shellcase.paper import facts
from shellcase.paper.custody import NOT_RECORDED, Entry, read_custody
from shellcase.reviewed import read_findings

LIMIT = 200
_STEPS, _ENTRIES, _FINDINGS = 20, 30, 80
_ENDS = {"collect": "collected", "verify": "verified", "parse": "parsed"}
_MOMENTS = ("detected", "report", "certification drafted", "sealed", "crosscheck")
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://ontology.caseontology.org/ shellcase")
_CONTEXT = {
    "kb": "http://example.org/kb/",
    "investigation": "https://ontology.caseontology.org/case/investigation/",
    "action": "https://ontology.unifiedcyberontology.org/uco/action/",
    "core": "https://ontology.unifiedcyberontology.org/uco/core/",
    "identity": "https://ontology.unifiedcyberontology.org/uco/identity/",
    "observable": "https://ontology.unifiedcyberontology.org/uco/observable/",
    "tool": "https://ontology.unifiedcyberontology.org/uco/tool/",
    "types": "https://ontology.unifiedcyberontology.org/uco/types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
Node = dict[str, object]


def case_jsonld(case: Case, *, limit: int = LIMIT) -> bytes:
    """The graph of a case with at most `limit` objects; exhibits that found no room are counted in its description."""
    return json.dumps({"@context": _CONTEXT, "@graph": _Graph(case).nodes(limit)}, indent=1, sort_keys=True).encode()


class _Graph:
    """Makes ids of one case."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._seed = " ".join(sorted(s.fingerprint for s in facts.sources(case)))

    def _id(self, kind: str, *key: str) -> str:
        return f"kb:{kind}-{uuid.uuid5(_NAMESPACE, json.dumps([self._seed, kind, *key]))}"

    def _ref(self, kind: str, *key: str) -> Node:
        return {"@id": self._id(kind, *key)}

    def nodes(self, limit: int) -> list[Node]:
        """The investigation, and what it is made of."""
        sources = facts.sources(self._case)
        found = read_findings(self._case).findings
        shown = [f for f in found if f.status != "rejected"][:_FINDINGS]
        people = self._people()
        steps = [*self._steps(sources, people), *map(self._entry, read_custody(self._case)[:_ENTRIES])]
        fixed = [*(self._source(s) for s in sources), self._tool(), *people, *steps]
        room = limit - 1 - len(fixed)
        shown = shown[: max(room // 3, 0)] if room < 2 * len(shown) else shown
        cited = self._cited(shown)
        items = cited[: max((room - len(shown)) // 2, 0)]
        kept = {i.artifact_id for i in items}
        exhibits = [n for i in items for n in self._exhibit(i)]
        findings = [self._finding(f, [a for a in f.artifacts if a in kept], sources) for f in shown]
        rest = [*fixed, *exhibits, *findings]
        left = (
            f"Left out for want of room or as rejected: {len(found) - len(shown)} findings, {len(cited) - len(items)}"
        )
        return [self._investigation(f"{left} exhibits. The timeline is never part of this export.", rest), *rest]

    def _investigation(self, description: str, parts: Sequence[Node]) -> Node:
        meta = self._case.meta
        return {
            "@id": self._id("investigation"),
            "@type": "investigation:Investigation",
            "core:name": plain(meta.case_number or NOT_RECORDED),
            "core:description": [plain(meta.title or NOT_RECORDED), description],
            "core:object": [{"@id": p["@id"]} for p in parts],
        }

    def _tool(self) -> Node:
        return {
            "@id": self._id("tool"),
            "@type": "tool:AnalyticTool",
            "core:name": "shellcase",
            "tool:version": self._case.meta.version or __version__,
            "core:description": f"exported by version {__version__}",
        }

    def _people(self) -> list[Node]:
        meta = self._case.meta
        named = (
            ("person", "identity:Person", meta.examiner),
            ("organization", "identity:Organization", meta.organisation),
        )
        return [{"@id": self._id(k), "@type": kind, "core:name": plain(name)} for k, kind, name in named if name]

    def _source(self, source: facts.SourcePaper) -> Node:
        said = facts.verification(self._case, source.source)
        hashes = (
            [("SHA256", said.sha256), ("SHA1", said.sha1), ("MD5", said.md5)]
            if facts.hashed_whole(said, source)
            else []
        )
        return {
            "@id": self._id("source", source.source),
            "@type": "observable:Image",
            "core:name": source.source,
            "core:description": f"verification: {plain(said.said)}",
            "core:hasFacet": [
                self._facet("image", source.source, **{"observable:imageType": plain(source.container)}),
                self._content(source.source, source.media_size, hashes),
            ],
        }

    def _exhibit(self, item: Item) -> tuple[Node, Node]:
        path = plain(f"{item.path}:{item.stream}" if item.stream else item.path, 4000)
        hashes = (("SHA256", item.sha256), ("SHA1", item.sha1), ("MD5", item.md5))
        names = {
            "observable:fileName": path.rpartition("\\")[2],
            "observable:filePath": path,
            "observable:sizeInBytes": item.size,
        }
        file: Node = {
            "@id": self._id("file", item.artifact_id),
            "@type": "observable:File",
            "core:name": item.item,
            "core:description": f"{item.source}, {plain(item.state)}, stored {item.stored_as}",
            "core:hasFacet": [
                self._facet("file", item.artifact_id, **names),
                self._content(item.artifact_id, item.size, hashes),
            ],
        }
        record: Node = {
            "@id": self._id("provenance", item.artifact_id),
            "@type": "investigation:ProvenanceRecord",
            "investigation:exhibitNumber": item.item,
            "investigation:rootExhibitNumber": item.source,
            "core:object": [self._ref("file", item.artifact_id), self._ref("source", item.source)],
        }
        return file, record

    def _facet(self, kind: str, key: str, **fields: object) -> Node:
        name = f"observable:{kind.capitalize()}Facet"
        return {"@id": self._id(f"{kind}-facet", key), "@type": name, **fields}

    def _content(self, key: str, size: int, hashes: Iterable[tuple[str, str]]) -> Node:
        return {
            "@id": self._id("content", key),
            "@type": "observable:ContentDataFacet",
            "observable:sizeInBytes": size,
            "observable:hash": [self._hash(key, method, value) for method, value in hashes if value],
        }

    def _hash(self, key: str, method: str, value: str) -> Node:
        return {
            "@id": self._id("hash", key, method),
            "@type": "types:Hash",
            "types:hashMethod": method,
            "types:hashValue": {"@type": "xsd:hexBinary", "@value": value.upper()},
        }

    def _finding(self, finding: Finding, artifacts: Sequence[str], sources: Sequence[facts.SourcePaper]) -> Node:
        """A claim over its exhibits, or over the sources where none of them has room here."""
        of = [self._ref("file", a) for a in artifacts] or [self._ref("source", s.source) for s in sources]
        automatic = finding.status != "accepted"
        period = f"{finding.first or 'no time in the record'} to {finding.last or 'no time in the record'}"
        return {
            "@id": self._id("finding", finding.id),
            "@type": "core:Annotation",
            "core:name": finding.number,
            "core:objectStatus": "Draft" if automatic else "Final",
            "core:tag": "automatic, not reviewed" if automatic else "accepted by the examiner",
            "core:statement": f"{plain(finding.title)}. {period}; {finding.event_count} events; support: "
            f"{finding.strength}",
            "core:description": f"rule {finding.rule} v{finding.rule_version}",
            "core:object": of,
        }

    def _cited(self, findings: Sequence[Finding]) -> list[Item]:
        """Cited items, those that most findings cite first, then by number."""
        count: dict[str, int] = {}
        for finding in findings:
            for artifact in finding.artifacts:
                count[artifact] = count.get(artifact, 0) + 1
        items = [i for i in self._case.items() if i.artifact_id in count]
        return sorted(items, key=lambda i: (-count[i.artifact_id], i.item))

    def _steps(self, sources: Sequence[facts.SourcePaper], people: Sequence[Node]) -> list[Node]:
        """What the audit log says was done, with the clock of the machine it was done on."""
        lines = list(facts.audit_lines(self._case))
        found = [(line, self._end(line, lines)) for line in lines if line.op in _ENDS or line.op in _MOMENTS]
        return [self._step(line, end, sources, people) for line, end in found[-_STEPS:]]

    @staticmethod
    def _end(line: AuditLine, lines: Sequence[AuditLine]) -> AuditLine | None:
        if line.op not in _ENDS:
            return line
        return next((e for e in lines if e.seq > line.seq and e.run == line.run and e.op == _ENDS[line.op]), None)

    def _step(
        self, line: AuditLine, end: AuditLine | None, sources: Sequence[facts.SourcePaper], people: Sequence[Node]
    ) -> Node:
        said = {**line.args, **(end.args if end else {})}
        node: Node = {
            "@id": self._id("action", line.run, str(line.seq)),
            "@type": "investigation:InvestigativeAction",
            "core:name": line.op,
            "core:description": f"data/audit.jsonl line {line.seq}; {_counts(said)}",
            "action:startTime": _time(line.t),
            "action:instrument": [self._ref("tool")],
            "action:object": [self._ref("source", s.source) for s in sources],
        }
        node |= {"action:endTime": _time(end.t)} if end else {}
        performer = [p for p in people if p["@type"] == "identity:Person"]
        return node | ({"action:performer": {"@id": performer[0]["@id"]}} if performer else {})

    def _entry(self, entry: Entry) -> Node:
        words = (f"from {entry.from_.name} ({entry.from_.org})", f"to {entry.to.name} ({entry.to.org})", entry.place)
        node: Node = {
            "@id": self._id("custody", entry.id),
            "@type": "investigation:InvestigativeAction",
            "core:name": f"custody: {entry.action}",
            "core:description": plain(
                f"{entry.id}, as people entered it: {entry.item_or_source}; {'; '.join(words)}", 2000
            ),
        }
        return node | ({} if entry.utc == NOT_RECORDED else {"action:startTime": _time(entry.utc)})


def _counts(args: dict[str, str | int]) -> str:
    """Numbers and verdicts of a step; paths of the examiner's machine stay in the audit log."""
    return ", ".join(f"{k} {plain(str(v))}" for k, v in sorted(args.items()) if k == "verdict" or isinstance(v, int))


def _time(text: str) -> Node:
    return {"@type": "xsd:dateTime", "@value": text}
