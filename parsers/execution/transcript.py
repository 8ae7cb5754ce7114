r"""PowerShell transcripts: what was typed and shown, with the account, the host program and, if asked for, times.

Field names are in the language of Windows, so lines are told apart by their form and place: the head ends at a row of
stars, a time is a line that ends in `: ` and 14 digits, a command follows `PS …>`. Times are the machine's own clock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from parsers import lines
from parsers.account import Account
from parsers.execution.stamps import digits_local
from parsers.leaning import whole
from parsers.lines import Line
from parsers.small import NO_TIME, Part, Said, event
from shellcase.model import Job, Kind, Moment, Parser, ParserOutput, Span, Value

LINE, COMMAND = "powershell.transcript.line", "powershell.transcript.command"
_HEAD_LINES = range(5, 25)  # the row of stars that ends the head stands here: line 6 up to PowerShell 4, 18 since
_LONGEST = 32_000
_TIME = re.compile(r"([^:]{1,60}): ?(\d{14})", re.ASCII)
_FIELD = re.compile(r"([^\\:/]{3,60}):(?: (.*))?")
_PROMPT = re.compile(r"(?:\[[^\]]{1,200}\]: )?PS ([^>]{0,300})>+ ?(.*)", re.DOTALL)
_STARS = re.compile(r"[^*]?[*]{8,}[^*]?[*]*|[*]+[^*][*]{8,}")  # one of them may be damaged
_ACCOUNT = re.compile(r"[^\\/:]{1,60}\\[^\\/:]{1,60}")


@dataclass(slots=True)
class _State:
    """What holds for the lines that follow, and the bytes that said so."""

    user: str | None = None
    host: str | None = None
    begun: Moment = NO_TIME
    head: tuple[int, int] = (0, 0)
    in_head: bool = True
    time: Moment | None = None
    time_at: Span | None = None

    def context(self) -> tuple[Span, ...]:
        """The head, and the line with the time."""
        head = (Span(*self.head, "context"),) if self.head[1] else ()
        return (*head, self.time_at) if self.time_at else head

    def when(self) -> Moment:
        """The last time that was written: no line is older."""
        at = self.time or self.begun
        return Moment(at.ns, at.resolution_ns, at.text, at.zone, "first", at.low, at.high) if at.text else NO_TIME


def _take(text: str, line: Line, number: int, state: _State, job: Job) -> Said:
    """One line as event; the head and times change what holds for the lines behind."""
    timed = _TIME.fullmatch(text)
    means = "start" if state.in_head else "instant"
    when = digits_local(timed[2], job.host.zone, means) if timed else None
    if state.in_head:
        state.in_head = number < _HEAD_LINES.start or (number < _HEAD_LINES.stop and not _STARS.fullmatch(text))
        return _head(text, line, when, timed[1] if timed else "", state)
    if timed and when:
        state.time, state.time_at = when, Span(line.offset, line.length, "context")
        return _said("time", text, when, {"name": timed[1], "value": timed[2]}, state)
    prompt = _PROMPT.fullmatch(text)
    if prompt:
        return _command(text, prompt, state)
    return _said("mark" if _STARS.fullmatch(text) else "output", text, state.when(), {}, state, state.context())


def _head(text: str, line: Line, when: Moment | None, name: str, state: _State) -> Said:
    state.head = (0, line.offset + line.length)
    if when:
        state.begun = when
        return _said("time", text, when, {"name": name, "value": when.text}, state)
    field = _FIELD.fullmatch(text)
    if not field:
        return _said("mark" if _STARS.fullmatch(text) else "head", text, NO_TIME, {}, state)
    value = field[2] or ""
    if state.user is None and _ACCOUNT.fullmatch(value):
        state.user = value
    if state.host is None and re.search(r"\.exe\b", value, re.IGNORECASE):
        state.host = value
    return _said("field", text, NO_TIME, {"name": field[1], "value": value}, state)


def _command(text: str, prompt: re.Match[str], state: _State) -> Said:
    data: dict[str, Value] = {"text": text[:_LONGEST], "folder": prompt[1], "command": prompt[2][:_LONGEST]}
    return Said(
        when=state.when(),
        act="typed",
        kind=COMMAND,
        subject=f"{state.user or 'a user'} typed at a PowerShell prompt in {prompt[1]}: {prompt[2]}",
        data={**data, "user": state.user, "host_application": state.host},
        pivots={"user": state.user, "process": state.host, "command": prompt[2]},
        context=state.context(),
    )


def _said(
    role: str, text: str, when: Moment, more: dict[str, Value], state: _State, context: tuple[Span, ...] = ()
) -> Said:
    about = {"output": "shown", "time": "time", "field": "head", "head": "head", "mark": "mark"}[role]
    user = state.user if context else None
    return Said(
        when=when,
        act="shown" if role == "output" else "logged",
        kind=LINE,
        subject=f"PowerShell transcript, {about}: {text}",
        data={"role": role, "text": text[:_LONGEST], **more},
        pivots={"user": user},
        context=context,
    )


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for each line that is not empty, one ledger."""
    account, state, number = Account(), _State(), 0
    for block in lines.blocks(job):
        account.bytes_seen += block.taken
        account.found += int((block.ends > block.starts).sum())
        for index in range(len(block)):
            line = block.line(index)
            if line.raw:
                said = _take(lines.decode(line.raw), line, number + index + 1, state, job)
                account.parsed += 1
                account.saw(said.when.ns)
                yield event(said, Part(line.offset, line.length, f"line {number + index + 1}"), job, 0)
        number += len(block)
    yield account.close()


def recognises(head: bytes, path: str) -> bool:
    """The name PowerShell gives, or a row of stars and a time of 14 digits at the start."""
    name = path.lower().rpartition("\\")[2]
    named = name.startswith("powershell_transcript") and name.endswith(".txt")
    plain = head[:600].removeprefix(b"\xef\xbb\xbf").replace(b"\0", b"")
    return bool(head) and (named or (plain.startswith(b"*" * 22) and re.search(rb": \d{14}\r?\n", plain) is not None))


PARSER = Parser(
    name="powershell.transcript",
    version=1,
    definitions=("PowerShellHistory", "DroppedScripts"),
    yields=(
        Kind(
            name=LINE,
            fields={
                "role": "head, field, time, mark or output",
                "text": "the line",
                "name": "name of the field, in the language of Windows",
                "value": "its value",
            },
        ),
        Kind(
            name=COMMAND,
            fields={
                "text": "the line",
                "folder": "folder of the prompt",
                "command": "what was typed",
                "user": "account of the session",
                "host_application": "program and arguments it runs in",
            },
        ),
    ),
    recognises=recognises,
    context=whole,
    parse=parse,
    tier=1,
)
