"""The answer on page one: one sentence by what is shown, then one point per matter.

A point is worded by the strongest claim among its findings, so that a trace is never told as a fact.
"""

from __future__ import annotations

from collections.abc import Sequence

from shellcase.detect import RuleRun
from shellcase.fold import RANK
from shellcase.model import Claim, Finding
from shellcase.result import Point, Verdict

_ENTRY = ("HP-05", "HP-06", "HP-07", "EC-01", "EC-03", "MM-01", "MM-02", "IS-03")
_USE = ("FS-01", "FS-02", "TA-03", "TA-04", "IS-05", "PX-01")
_DUMPS = ("AP-10", "LD-01", "LD-02", "PS-01", "SE-02", "SE-03", "SY-01", "SY-02")

_POINTS: tuple[tuple[tuple[str, ...], str, str], ...] = (
    # rules, words when a record shows it, words when it only needs an explanation
    (
        ("HP-05", "IS-03"),
        "The back end accepted a request that the client had routed to it past the logon",
        "The back end answered calls whose origin needs an explanation",
    ),
    (
        ("EC-01", "EC-02", "EC-03", "EC-04", "MM-01", "MM-02", "HP-06", "HP-07"),
        "Settings of a virtual directory were changed or reset in a way that no administration needs",
        "A virtual directory was changed or reset in a way that needs an explanation",
    ),
    (
        ("FS-01", "TA-01", "TA-03", "TA-04"),
        "Pages that are on no list of files shipped with Exchange lie, or lay, in folders that the internet can reach",
        "Traces of pages that are on no list of files shipped with Exchange, in folders that the internet can reach",
    ),
    (
        ("FS-02",),
        "A file under a name that Exchange ships holds other content, which runs what it is sent",
        "A file under a name that Exchange ships holds content of no known build, which runs what it is sent",
    ),
    (
        ("FS-05",),
        "Pages that run what they are sent lie outside the folders known to be served",
        "Pages that run what they are sent lie outside the folders known to be served",
    ),
    (
        ("UM-01", "UM-02", "OG-01"),
        "Unified Messaging or the offline address book service was misused",
        "Unified Messaging or the offline address book service did what its known flaws of 2021 make it do",
    ),
    (("IS-05",), "Such pages answered requests", "A page of that kind answered requests"),
    (
        ("PX-01",),
        "The web server's own process started programs",
        "The web server's own process started programs; why is not shown",
    ),
    (
        _DUMPS,
        "The memory of LSASS was written to a file; credentials in it were readable by whoever held that file",
        "Commands or files point to the memory of LSASS being written to a file; a file with it was not read",
    ),
    (
        ("DF-01",),
        "Antivirus software reported a web shell, an Exchange exploit or a tool for taking credentials",
        "Antivirus software reported a web shell, an Exchange exploit or a tool for taking credentials",
    ),
    (
        ("PX-05",),
        "An account was made or put into a group by a command of the computer's own account",
        "A command of the computer's own account was to make an account or put one into a group",
    ),
    (
        ("PX-08",),
        "An archive was staged",
        "Records name an archive, or a command that makes one, in a folder used for staging; its content is not shown",
    ),
    (
        ("SV-01",),
        "A service or a scheduled task was set up that starts a shell, a script or a program out of its place",
        "A service or a scheduled task was set up that starts a shell, a script or a program out of its place",
    ),
    (
        ("PX-17",),
        "A log was cleared, or files were hidden or removed",
        "Commands to clear a log, or to hide or remove files, were recorded",
    ),
)


def verdict(findings: Sequence[Finding], tested: Sequence[RuleRun], host: str, window: str) -> Verdict:
    """The answer first: shown, traces, attempted, none, or unknown. `window` says what the logs cover."""
    name = host or "this server"
    by_claim = {c: [f for f in findings if f.claim == c] for c in ("confirmed", "suspicious", "attempted", "context")}
    points = [*_graded(by_claim["confirmed"], by_claim["suspicious"])]
    if by_claim["confirmed"]:
        level, text = "shown", _shown(name, {f.rule for f in by_claim["confirmed"]})
    elif by_claim["suspicious"]:
        level = "traces"
        text = f"The records of {name} hold traces that need an explanation; they do not show a successful break-in."
    elif by_claim["attempted"]:
        level = "attempted"
        text = (
            f"The records of {name} show attempts against its Exchange web service. "
            "No trace of a success was found in the sources examined."
        )
    elif not any(run.state == "ran" for run in tested):
        level = "unknown"
        text = f"Nothing can be said about {name}: no rule could be tested on the records that were read."
    else:
        level = "none"
        text = f"No trace of the 2021 Exchange attacks was found on {name} in the sources examined."
    points += _rest(by_claim["attempted"], by_claim["context"])
    if level in ("attempted", "none"):
        window += " A success would have left records there, unless they were removed or had rolled over."
    return Verdict(level=level, text=text, window=window + _untested(tested), points=tuple(points))


def _untested(tested: Sequence[RuleRun]) -> str:
    """Not tested is not clean: say so on page one."""
    idle = [run.rule for run in tested if run.state != "ran"]
    return (
        f" {len(idle)} of {len(tested)} rules could not be tested ({', '.join(idle)}); see section 13." if idle else ""
    )


def _shown(name: str, rules: set[str]) -> str:
    entry, use = bool(rules & set(_ENTRY)), bool(rules & set(_USE))
    if entry and use:
        return (
            f"The records of {name} show that it was broken into through its Exchange web service. Whether whoever did "
            "it had been allowed to, as in a penetration test, they do not tell."
        )
    if entry:
        return (
            f"The records of {name} show that its Exchange web service was misused. A web shell, or commands run "
            "through one, are not shown."
        )
    if use:
        return f"The records of {name} show the use of a web shell or its presence. How it got there is not shown."
    return (
        f"The records of {name} show acts that belong to break-ins. That the Exchange web service was the way in is "
        "not shown."
    )


def _graded(shown: Sequence[Finding], traces: Sequence[Finding]) -> list[Point]:
    points: list[Point] = []
    for rules, fact, trace in _POINTS:
        sure = [f for f in shown if f.rule in rules]
        perhaps = [f for f in traces if f.rule in rules]
        if sure:
            points.append(_point(fact, "confirmed", sure))
        elif perhaps:
            points.append(_point(trace, "suspicious", perhaps))
    told = {rule for rules, _, _ in _POINTS for rule in rules}
    others = [f for f in (*shown, *traces) if f.rule not in told]
    if others:
        points.append(_point("Further findings", max(others, key=lambda f: RANK[f.claim]).claim, others))
    return points


def _rest(tried: Sequence[Finding], context: Sequence[Finding]) -> list[Point]:
    points: list[Point] = []
    if tried:
        text = "Requests of the kind used against flaws of the front end reached the server; their success is not shown"
        points.append(_point(text, "attempted", tried))
    if context:
        text = "Records that look like part of such an attack and have an ordinary explanation"
        points.append(_point(text, "context", context))
    return points


def _point(text: str, claim: Claim, findings: Sequence[Finding]) -> Point:
    return Point(text=text, claim=claim, findings=tuple(f.number for f in findings))
