r"""Configuration of IIS and of what runs in it: one event for every element with its attributes and its place.

`applicationHost.config` with its history (`inetpub\history\CFGHISTORY_*`), every `web.config`, and Exchange's list of
transport agents (`agents.config`). No element has a time: when the file was written, the file system tells. Passwords
and keys are not shown; their bytes are context of the event, not record. What the elements mean: Microsoft's IIS
configuration reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from parsers.account import Account
from parsers.leaning import whole
from parsers.markup import MOST_READ, MOST_TAGS, Markup, Tag, read_markup, unescape
from shellcase.model import Event, Issue, Job, Kind, Moment, Origin, Parser, ParserOutput, Span

ELEMENT, AGENT = "iis.config.element", "exchange.transport.agent"
_SECRET = re.compile(r"password|pwd|secret|(?:validation|decryption|encryption|private|session)key", re.IGNORECASE)
_OPEN = re.compile(r"AutoGenerate(?:,IsolateApps)?|", re.IGNORECASE)
_HISTORY = re.compile(r"[\\/](CFGHISTORY_\d+)[\\/]", re.IGNORECASE)
_FILES = ("physicalPath", "image", "assemblyPath", "scriptProcessor", "directory", "type")
_PLACES = {"location": "path", "site": "name", "application": "path"}
_HIDDEN = "hidden"
_SUBJECT = 300
_MOST_ISSUES = 10_000
_FIELDS: Mapping[str, str] = {
    "*": "each attribute under its name with `@` before it, entities undone; `hidden` for passwords and keys",
    "element": "the element's name",
    "path": "names of the elements around it and its own, outermost first",
    "location": "path of the <location> around it: the part of the site it holds for",
    "site": "name of the <site> around it",
    "application": "path of the <application> around it",
    "text": "the text behind the start tag, where there is any",
    "history": "CFGHISTORY_… when the file is a kept earlier state",
    "source": "the tag as written, only where its spelling is not the usual one",
    "raw": "the tag as written when it is not well-formed",
}


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for every start tag, an issue for every broken one, one ledger."""
    with job.source.open() as stream:
        raw = stream.read(MOST_READ)
    account, markup = Account(bytes_seen=len(raw)), read_markup(raw)
    account.found = markup.found
    for number, tag in enumerate(markup.tags):
        if tag.damaged:
            account.raw_lines += 1
            yield _issue(markup, "tag is not well-formed, kept as raw text", tag.start, tag.text_end)
        account.parsed += 1
        yield _event(job, markup, tag, number)
    for what, start, end in markup.wrong[:_MOST_ISSUES]:
        yield _issue(markup, what, start, end)
    left = markup.units.place(markup.read_to, markup.read_to)[0]
    if left < job.source.size - len(raw) % markup.units.width:
        account.found += job.source.size > len(raw)
        account.lost(left, job.source.size - left)
        what = "configuration is too large, the rest is not read"
        yield Issue(
            grade="lost", what=what, offset=left, length=job.source.size - left, expected=f"up to {MOST_TAGS} tags"
        )
    yield account.close()


def _issue(markup: Markup, what: str, start: int, end: int) -> Issue:
    offset, length = markup.units.place(start, end)
    return Issue(grade="odd", what=what, offset=offset, length=length)


def _event(job: Job, markup: Markup, tag: Tag, number: int) -> Event:
    around = list(markup.around(tag))
    values = {name: unescape(markup.units.decode(low, high)) for name, low, high in tag.attributes}
    hidden = _hidden(tag, values)
    shown = {name: _HIDDEN if name in hidden else value for name, value in values.items()}
    data = {
        "element": tag.name,
        "path": "/".join([t.name for t in reversed(around)] + [tag.name]),
        **_places(markup, around),
        **{f"@{name}": value for name, value in shown.items()},
        **_spelling(markup, tag, hidden),
    }
    match = _HISTORY.search(job.source.path)
    if match:
        data["history"] = match[1].upper()
    said = " ".join(f'{name}="{value}"' for name, value in shown.items())
    agent = tag.name == "agent" and "assemblyPath" in values
    return Event(
        when=Moment(None, 0, "", ""),
        act="configured",
        kind=AGENT if agent else ELEMENT,
        subject=f"{'transport agent' if agent else data['path']} {said}".strip()[:_SUBJECT],
        origin=Origin(tuple(_spans(markup, tag, around, hidden)), f"element {number + 1}", job.source.state),
        file_path=next((shown[n] for n in _FILES[:-1] if shown.get(n)), None),
        url=shown.get("path") if tag.name in {"virtualDirectory", "application", "location"} else None,
        data=data,
    )


def _hidden(tag: Tag, values: Mapping[str, str]) -> frozenset[str]:
    """The attributes whose values are nobody's business: by their own name, or by the name of the setting."""
    named = any(_SECRET.search(values.get(name, "")) for name in ("key", "name"))
    secret = {n for n in values if _SECRET.search(n) or (named and n.lower() == "value")}
    return frozenset(n for n in secret if not _OPEN.fullmatch(values[n]))


def _places(markup: Markup, around: list[Tag]) -> dict[str, str]:
    """Which part of the server the element speaks of; the innermost counts."""
    found: dict[str, str] = {}
    for tag in around:
        wanted = _PLACES.get(tag.name)
        for name, low, high in tag.attributes:
            if name == wanted:
                found.setdefault(tag.name, unescape(markup.units.decode(low, high)))
    return found


def _spelling(markup: Markup, tag: Tag, hidden: frozenset[str]) -> dict[str, str]:
    """The text behind a tag, and the tag itself where the fields above do not say all of it."""
    written, pairs, at = "", "", tag.start
    for name, low, high in tag.attributes:
        value = _HIDDEN if name in hidden else markup.units.decode(low, high)
        written, at = written + markup.units.decode(at, low) + value, high
        pairs += f' {name}="{value}"'
    written += markup.units.decode(at, tag.end)
    if tag.damaged:
        return {"raw": written}
    found = {"text": markup.units.decode(tag.end, tag.text_end)} if tag.text_end > tag.end else {}
    repeated = len({name for name, _, _ in tag.attributes}) < len(tag.attributes)
    usual = written in {f"<{tag.name}{pairs}>", f"<{tag.name}{pairs} />"} and not repeated and "&#" not in written
    return found if usual else {**found, "source": written}


def _spans(markup: Markup, tag: Tag, around: list[Tag], hidden: frozenset[str]) -> Iterator[Span]:
    """The tag and its text as record, hidden values cut out of it as context, the tags around it as context."""
    at = tag.start
    cut = [(low, high) for name, low, high in tag.attributes if name in hidden]
    for low, high in cut:
        yield Span(*markup.units.place(at, low))
        at = high
    yield Span(*markup.units.place(at, max(tag.end, tag.text_end)))
    for low, high in [*cut, *((t.start, t.end) for t in around)]:
        yield Span(*markup.units.place(low, high), "context")


def recognises(head: bytes, path: str) -> bool:
    """Markup in a file whose name ends in .config, or the older MetaBase.xml."""
    named = path.lower().endswith((".config", "\\metabase.xml", "/metabase.xml"))
    return named and b"<" in head


PARSER = Parser(
    name="iis.config",
    version=1,
    definitions=("IisConfiguration", "ExchangeTransportLogs"),
    yields=(Kind(name=ELEMENT, fields=_FIELDS), Kind(name=AGENT, fields=_FIELDS)),
    recognises=recognises,
    context=whole,
    parse=parse,
    tier=1,
)
