"""Words for readers: claims, the scale of support, limits, the glossary.

Claims and weights are internal words. Readers see what the record says and the scale of support: conflicting, weak,
moderate, strong, very strong. "Not found" always names the sources and what they cover.
"""

from __future__ import annotations

from collections.abc import Sequence

from shellcase.model import Claim, HostFacts
from shellcase.result import Coverage

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

STAGE_WORDS = {
    "RECON": "Looking around",
    "SSRF": "Requests routed past the front end",
    "AUTH": "Back-end logon",
    "CONFIG": "Settings changed",
    "WRITE": "File written",
    "CLEANUP": "Settings put back",
    "USE": "Page compiled or requested",
    "POST": "Programs, memory, accounts, traces",
}
"""What the stages of a chain are called on the page; the rule files use the short names."""

LIMIT_CLASSES = {
    "INCOMP": "incompleteness",
    "INAC-EX": "accuracy: existence",
    "INAC-ALT": "accuracy: alteration",
    "INAC-AS": "accuracy: association",
    "INAC-COR": "accuracy: corruption",
    "MISINT": "misinterpretation",
}
"""Classes of error that the rules name, in words."""


def limit_in_words(text: str) -> str:
    """A finding's limit, `INCOMP: Text.`, as `Text. (incompleteness)`."""
    kind, _, rest = text.partition(": ")
    return f"{rest} ({LIMIT_CLASSES[kind]})" if kind in LIMIT_CLASSES else text


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
