"""The case folder, and the only code that writes into it.

    CASE/data/case.json  custody.jsonl  audit.jsonl  numbers.jsonl
         data/evidence/  sources/SRC-01.json  collected.jsonl  not_collected.jsonl  files.csv
                         objects/ab/<sha256>[.cart]
                         timeline/source=SRC-01/<parser>-<n>.parquet  ledger.json  digest.json
         data/work/      findings.json  runs/0001/…  shards/…
         data/reports/R1/report.html  result.json

Evidence, work product and what is handed out are apart from the first run. Paths, clocks, users and durations of the
examiner's machine live only in audit.jsonl, custody.jsonl and work/runs.
"""

from shellcase.case.description import CaseMeta
from shellcase.case.digests import StoredObject
from shellcase.case.folder import Case
from shellcase.case.reading import ObjectSource, open_object

__all__ = ["Case", "CaseMeta", "ObjectSource", "StoredObject", "open_object"]
