r"""Scheduled tasks as Windows Vista and later keep them: one XML file for each task below `System32\Tasks`.

Read tag by tag, so that a damaged one costs itself. Documented as Microsoft's Task Scheduler Schema. Dates are those of
the machine's clock; when a task was registered is what its author wrote, not what Windows saw (events 106 and 4698).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from parsers.execution.stamps import iso_local
from parsers.markup import Markup, Tag, read_markup, unescape
from parsers.small import DIGEST, NO_TIME, Damage, Part, Said, digest, tell, whole
from shellcase.model import Issue, Job, Kind, Moment, Parser, ParserOutput, Value

TASK, ACTION, TRIGGER = "windows.task.definition", "windows.task.action", "windows.task.trigger"
_FOLDER = re.compile(r"[\\/]Tasks([\\/].+)\Z", re.IGNORECASE)
_ABOUT = ("Author", "Description", "Source", "URI", "Version", "SecurityDescriptor")
_WHO = ("UserId", "GroupId", "RunLevel", "LogonType")
_HOW = ("Enabled", "Hidden")
_TRIGGERS = re.compile(r"\w*Trigger|WnfStateChangeTrigger")
_ACTIONS = ("Exec", "ComHandler", "SendEmail", "ShowMessage")
_MOST = 4 << 20

Fields = dict[str, str]


def _name(tag: Tag) -> str:
    return tag.name.rpartition(":")[2]


def _text(markup: Markup, tag: Tag) -> str:
    """What stands up to the next tag."""
    stop = markup.units.text.find("<", tag.end)
    return unescape(markup.units.decode(tag.end, stop if stop >= 0 else tag.end)).strip()


class Task:
    """The values of a task: of each element by the elements around it, the first of a name counts."""

    def __init__(self, raw: bytes) -> None:
        self.markup = read_markup(raw)
        self.about: Fields = {}
        self.actions: dict[int, tuple[str, Fields]] = {}
        self.triggers: dict[int, tuple[str, Fields]] = {}
        for tag in self.markup.tags:
            self._take(tag)

    def _take(self, tag: Tag) -> None:
        around = list(self.markup.around(tag))
        name, text = _name(tag), _text(self.markup, tag)
        for known, group in ((_ACTIONS, self.actions), (None, self.triggers)):
            for outer in (tag, *around):
                sort = _name(outer)
                if (sort in known) if known else _TRIGGERS.fullmatch(sort):
                    fields = group.setdefault(outer.start, (sort, {}))[1]
                    if outer is not tag and text:
                        fields.setdefault(name, text)
                    return
        if text and not tag.damaged:
            self.about.setdefault(name, text)

    @property
    def is_task(self) -> bool:
        """Whether it has anything a task has."""
        return any(
            _name(tag) in {"Task", "RegistrationInfo", "Actions", "Triggers", "Exec"} for tag in self.markup.tags
        )


def _command(sort: str, fields: Fields) -> str:
    if sort == "Exec":
        return " ".join(filter(None, (fields.get("Command", ""), fields.get("Arguments", ""))))
    return " ".join([sort, *fields.values()])


def _decode(raw: bytes, part: Part, job: Job) -> Iterator[Said | Issue]:
    task = Task(raw)
    if not task.is_task:
        raise Damage("this file is no task", "<Task> and its elements", raw[:32].hex())
    match = _FOLDER.search(job.source.path)
    name = match[1] if match else task.about.get("URI", "")
    base: dict[str, Value] = {"task": name, "record_sha256": digest(raw)}
    user = task.about.get("UserId") or task.about.get("GroupId")
    yield _definition(task, base, user, iso_local(task.about.get("Date", ""), job.host.zone, "written"))
    for number, (sort, fields) in enumerate(task.actions.values()):
        yield _action(sort, fields, base, user, number)
    for number, (sort, fields) in enumerate(task.triggers.values()):
        yield _trigger(sort, fields, base, number, job)
    for what, start, end in task.markup.wrong:
        offset, length = task.markup.units.place(start, end)
        yield Issue(grade="damaged", what=f"task: {what}", offset=offset, length=length, locator=part.locator)
    yield from _damaged(task, part)


def _damaged(task: Task, part: Part) -> Iterator[Issue]:
    for tag in task.markup.tags:
        if tag.damaged:
            offset, length = task.markup.units.place(tag.start, tag.end)
            what = "task: tag is not well-formed"
            yield Issue(grade="damaged", what=what, offset=offset, length=length, locator=part.locator)


def _definition(task: Task, base: dict[str, Value], user: str | None, when: Moment) -> Said:
    told: dict[str, Value] = {n: task.about[n] for n in (*_ABOUT, *_WHO, *_HOW) if n in task.about}
    commands = [_command(sort, fields) for sort, fields in task.actions.values()]
    author = task.about.get("Author")
    return Said(
        when=when if when.text else NO_TIME,
        act="registered",
        kind=TASK,
        subject=f"task {base['task']}{f' by {author}' if author else ''} runs {'; '.join(commands) or 'nothing'}",
        data={**base, **told, "commands": commands, "triggers": [sort for sort, _ in task.triggers.values()]},
        pivots={"user": user, "command": commands[0] if commands else None},
    )


def _action(sort: str, fields: Fields, base: dict[str, Value], user: str | None, number: int) -> Said:
    command = _command(sort, fields)
    program = fields.get("Command", "").strip('"')
    return Said(
        when=NO_TIME,
        act="configured",
        kind=ACTION,
        subject=f"task {base['task']} runs {command}{f' as {user}' if user else ''}",
        data={**base, "action": sort, **_prefixed(fields)},
        pivots={"command": command, "process": program, "file_path": program, "user": user},
        locator=f"action {number + 1}",
    )


def _trigger(sort: str, fields: Fields, base: dict[str, Value], number: int, job: Job) -> Said:
    begin = iso_local(fields.get("StartBoundary", ""), job.host.zone, "first")
    said = ", ".join(f"{name} {value}" for name, value in fields.items())
    return Said(
        when=begin if begin.text else NO_TIME,
        act="configured",
        kind=TRIGGER,
        subject=f"task {base['task']} is started by {sort}{f': {said}' if said else ''}",
        data={**base, "trigger": sort, **_prefixed(fields)},
        locator=f"trigger {number + 1}",
    )


def _prefixed(fields: Fields) -> dict[str, Value]:
    return {f"@{name}": value for name, value in fields.items()}


def parse(job: Job) -> Iterator[ParserOutput]:
    """One event for the task, one for each action, one for each trigger; the file is the one record."""
    yield from tell(job, whole, _decode, _MOST)


def recognises(head: bytes, path: str) -> bool:
    """The schema's name in one or two bytes for a character, or markup in the folder of tasks."""
    plain = head.replace(b"\0", b"")
    marked = b"schemas.microsoft.com/windows/2004/02/mit/task" in plain
    return marked or (_FOLDER.search(path) is not None and b"<" in head and (b"<Task" in plain or b"<?xml" in plain))


_BASE = {"task": "path of the task below the folder of tasks", **DIGEST}
PARSER = Parser(
    name="windows.task",
    version=1,
    definitions=("ScheduledTasks", "DroppedScripts"),
    yields=(
        Kind(
            name=TASK,
            fields={
                **_BASE,
                **{name: f"<{name}> of the task" for name in (*_ABOUT, *_WHO, *_HOW)},
                "commands": "what it runs, in order",
                "triggers": "sorts of its triggers",
            },
        ),
        Kind(name=ACTION, fields={**_BASE, "action": "Exec, ComHandler and others", "*": "each element of the action"}),
        Kind(name=TRIGGER, fields={**_BASE, "trigger": "sort of the trigger", "*": "each element of the trigger"}),
    ),
    recognises=recognises,
    parse=parse,
    tier=1,
)
