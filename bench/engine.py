"""`python -m bench.engine CASE JOBS`: parse the one artefact of a case, all the way to Parquet and the ledger."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from shellcase.case import Case, CaseMeta
from shellcase.model import HostFacts, Item

PLACES = {
    "evtx": ("WindowsEventLogs", r"C:\Windows\System32\winevt\Logs\Security.evtx"),
    "iis": ("IisLogs", r"C:\inetpub\logs\LogFiles\W3SVC1\u_ex210301.log"),
    "httpproxy": ("ExchangeHttpProxyLogs", r"C:\Ex\Logging\HttpProxy\Ews\HttpProxy_2021030100-1.LOG"),
    "mft": ("NtfsMft", "C:\\$MFT"),
}


def prepare(folder: Path, kind: str, file: Path) -> Case:
    """A case that holds one artefact, as if it had been collected; the file is linked, not copied."""
    definition, path = PLACES[kind]
    case = Case.create(folder, CaseMeta(fingerprints=("bench",)))
    target = case.evidence / "objects" / "00" / "artefact"
    target.parent.mkdir(parents=True)
    os.link(file, target)
    case.collected(
        Item(
            item="ITEM-000001",
            source="SRC-01",
            artifact_id="0" * 15 + "1",
            volume="C:",
            path=path,
            path_b64="",
            definitions=(definition,),
            cls="other",
            size=file.stat().st_size,
            md5="",
            sha1="",
            sha256="0" * 64,
            object="objects/00/artefact",
            stored_as="raw",
        )
    )
    case.finish_collection()
    return case


def main() -> None:
    """Parse, write the timeline and the ledger, say how much there was."""
    from shellcase.parsing import parse  # not in the workers, which import this file anew

    case = Case.open(Path(sys.argv[1]))
    entries = parse(case, "SRC-01", HostFacts(), jobs=int(sys.argv[2]), progress=lambda _done, _total: None)
    case.write_json("evidence/ledger.json", {"artifacts": entries})
    case.reset_shards()
    [entry] = entries
    ledger = entry.ledger
    print(f"{ledger.found} {ledger.parsed} {ledger.failed} {ledger.raw_lines} {entry.events}")


if __name__ == "__main__":
    main()
