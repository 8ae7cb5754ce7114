"""The sentences of the report that are chosen by rule: verdict, key times, limits, and words for readers.

Claims and weights are internal words. Readers see what the record says and the scale of support: conflicting, weak,
moderate, strong, very strong. "Not found" always names the sources and what they cover.
"""

from __future__ import annotations

from collections.abc import Sequence

from shellcase.model import Claim, Finding, HostFacts
from shellcase.result import Coverage, Verdict

CLAIM_WORDS: dict[Claim, str] = {
    "confirmed": "shown by the records",
    "attempted": "attempt recorded, success not shown",
    "suspicious": "needs an explanation",
    "context": "context only",
}

STRENGTH_SCALE = (
    ("conflicting", "sources contradict each other"),
    ("weak", "one source, and it could have been altered"),
    ("moderate", "one source that is hard to alter, or several that could have been altered"),
    ("strong", "independent sources agree"),
    ("very strong", "independent, protected sources agree and other explanations were tested"),
)

_SHOWN: tuple[Claim, ...] = ("confirmed", "suspicious")
KEY_TIMES: tuple[tuple[str, tuple[str, ...], tuple[Claim, ...]], ...] = (
    (
        "Earliest request through the front-end flaw (attempt)",
        ("HP-01", "HP-02", "HP-03", "HP-04", "IS-02", "AP-01"),
        (*_SHOWN, "attempted"),
    ),
    ("Earliest accepted back-end logon through it", ("HP-05",), ("confirmed",)),
    ("Script put into a virtual directory's address", ("EC-01", "MM-01", "HP-06"), ("confirmed",)),
    ("Virtual directory reset, which writes the file", ("HP-07", "EC-03", "MM-02"), _SHOWN),
    ("Address cleared again", ("EC-04",), _SHOWN),
    ("Earliest page without a legitimate origin", ("FS-01", "FS-02"), _SHOWN),
    ("First answered request to such a page", ("IS-05",), _SHOWN),
    ("First command started by the web server", ("PX-01",), _SHOWN),
    ("First trace of LSASS memory being written out", ("LD-01", "LD-02", "SE-02", "SY-01", "SY-02"), _SHOWN),
    ("Archive staged", ("PX-08",), _SHOWN),
    ("Traces hidden or logs cleared", ("PX-17",), _SHOWN),
)

_POINTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("HP-05", "HP-06", "HP-07", "EC-01", "MM-01"),
        "Requests through the Exchange front end were accepted and changed its configuration",
    ),
    (
        ("FS-01", "FS-02", "TA-01", "TA-03"),
        "Pages that no Exchange build ships lie, or lay, in folders that the internet can reach",
    ),
    (("IS-05",), "Such pages answered requests"),
    (("PX-01",), "The web server's own process started command shells"),
    (
        ("LD-01", "LD-02", "SE-02", "SY-01", "SY-02"),
        "The memory of LSASS was written to a file: credentials in it must be treated as exposed",
    ),
    (("PX-08",), "An archive was staged"),
    (("PX-17",), "Files were hidden or a log was cleared"),
)


def verdict(findings: Sequence[Finding], coverage: Sequence[Coverage], host: str) -> Verdict:
    """The answer first: shown, traces, attempted or none."""
    name = host or "this server"
    shown = [f for f in findings if f.claim == "confirmed"]
    traces = [f for f in findings if f.claim == "suspicious"]
    tried = [f for f in findings if f.claim == "attempted"]
    window = _window(coverage)
    points = tuple(_point(text, rules, [*shown, *traces]) for rules, text in _POINTS if _hits(rules, [*shown, *traces]))
    if shown:
        text = f"The records of {name} show that it was broken into through its Exchange web service."
        return Verdict(level="shown", text=text, points=points)
    if traces:
        text = (
            f"The records of {name} hold traces that need an explanation; a successful break-in is not shown by them."
        )
        return Verdict(level="traces", text=text, points=points)
    tail = f"No trace of a success was found in the sources examined. {window}"
    if tried:
        return Verdict(
            level="attempted",
            text=f"The records of {name} show attempts against its Exchange web service. {tail}",
            points=(),
        )
    text = f"No trace of the 2021 Exchange attacks was found on {name} in the sources examined. {window}"
    return Verdict(level="none", text=text, points=())


def _hits(rules: tuple[str, ...], findings: Sequence[Finding]) -> list[Finding]:
    return [f for f in findings if f.rule in rules]


def _point(text: str, rules: tuple[str, ...], findings: Sequence[Finding]) -> str:
    numbers = [f.number for f in _hits(rules, findings)]
    more = f" and {len(numbers) - 8} more" if len(numbers) > 8 else ""
    return f"{text} ({', '.join(numbers[:8])}{more})."


def _window(coverage: Sequence[Coverage]) -> str:
    parts = [f"{c.parser} {c.first[:10]} to {c.last[:10]}" for c in coverage if c.first and c.parser in LOGS]
    return f"They cover: {'; '.join(parts)}." if parts else "None of the request logs could be read."


LOGS = ("exchange.httpproxy", "exchange.ecp", "iis.w3c", "windows.evtx")


def limits(host: HostFacts, coverage: Sequence[Coverage]) -> tuple[str, ...]:
    """What this case cannot show, filled from its data."""
    said = [
        "One host, from its disk alone: no memory, no network capture, no other server, no directory service.",
        "A log shows what its writer recorded. An intruder with the system's rights could alter or delete records.",
        "Client addresses may be those of a proxy or load balancer and do not identify a person.",
        "The content of mailboxes was not examined.",
    ]
    if host.zone is None:
        said.append("The machine's time zone could not be read; local times are not shown.")
    failed = [f"{c.parser}: {c.failed} of {c.found}" for c in coverage if c.failed]
    if failed:
        said.append(f"Records that could not be read: {'; '.join(failed)}.")
    return (*said, *host.notes)


GLOSSARY: tuple[tuple[str, str], ...] = (
    ("Artefact", "A file or file-system record that tells something about what happened on the computer."),
    (
        "Back end, front end",
        "The halves of an Exchange server: the front end takes requests from outside and passes them on.",
    ),
    ("ECP", "Exchange Control Panel, the web page and service through which Exchange is configured."),
    ("HttpProxy log", "The front end's own record of each request that it passed on."),
    ("IIS", "Internet Information Services, the web server under Exchange; it writes its own log of each request."),
    ("LSASS", "The Windows process that holds the credentials of those who are logged on."),
    ("$MFT, $UsnJrnl", "The NTFS volume's list of all files, and its journal of changes to them."),
    ("OAB", "Offline address book; its virtual directory's settings can be abused to place a file."),
    ("UTC", "Coordinated universal time; every time in this report is given in it first."),
    ("w3wp.exe", "The process of IIS in which web pages run."),
    ("Web shell", "A page placed on a web server that runs what its visitor sends."),
)
"""Terms that the report uses."""
