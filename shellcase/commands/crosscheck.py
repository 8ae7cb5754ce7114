"""The verb `crosscheck`: collected items read again from the image by a program that is not ours."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from collector.image import Image, open_source
from collector.keychain import Keys
from collector.secondreader import SecondReader, Unanswered, dissect_ntfs, sleuthkit
from shellcase import opening
from shellcase.case import Case
from shellcase.clean import plain
from shellcase.commands.custody import seal_is_old
from shellcase.errors import UsageError
from shellcase.model import Item
from shellcase.options import AsJson, CaseArg, Jobs, Keychain, Quiet, RecoveryKey
from shellcase.output import print_lines, write_new
from shellcase.paper import crosscheck as check
from shellcase.paper.facts import SourcePaper, sources
from shellcase.parsing import usable_cores
from shellcase.progress import Display

_SHOWN = 20
_TOOLS = ("auto", "sleuthkit", "dissect")


def crosscheck_command(
    case_dir: CaseArg,
    image_path: Annotated[Path, typer.Option("--image", help="The image that the case was made from.")],
    everything: Annotated[bool, typer.Option("--all", help="Every item, not only the sample.")] = False,
    tool: Annotated[str, typer.Option("--tool", help="auto, sleuthkit (icat) or dissect.")] = "auto",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A new file instead of the one in the case.")
    ] = None,
    recovery_key: RecoveryKey = None,
    keychain: Keychain = None,
    jobs: Jobs = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Read collected items from the image again with a second tool and compare SHA-256; exit code 3 on a difference."""
    if tool not in _TOOLS:
        raise UsageError(f"--tool {tool} is unknown", todo=f"use {', '.join(_TOOLS)}")
    case = Case.look(case_dir)
    with closing(open_source(image_path, Keys(tuple(recovery_key or ()), keychain))) as image:
        source = _source_of(case, image)
        reader = _reader(image, tool)
        case = case if output else Case.open(case_dir)  # only now: a refused command leaves no line in the audit log
        items, chosen = check.sample((i for i in case.items() if i.source == source.source), everything=everything)
        with Display(quiet=quiet) as display:
            said = _ask_all(items, source, reader, jobs or usable_cores(), display.progress)
        named = (reader.name, reader.version, reader.container)
        result = check.compare_all(items, lambda i: said[i.item], tool=named, source=source.source, chosen=chosen)
    _keep(case, result, output)
    return _tell(result, as_json=as_json)


def _source_of(case: Case, image: Image) -> SourcePaper:
    record, sameness = opening.known_source(case, image) or (None, None)
    if record and sameness:
        typer.echo(f"{record.source} was damaged or changed since it was collected ({sameness.told})", err=True)
    found = next((s for s in sources(case) if record and s.source == record.source), None)
    if found is None:
        known = ", ".join(f"{s.source} ({s.container}, {s.media_size} bytes)" for s in sources(case))
        raise UsageError(
            "this image is no source of the case", str(image.path), f"give the image of one of these: {known}"
        )
    return found


def _reader(image: Image, tool: str) -> SecondReader:
    reader = sleuthkit(image) if tool != "dissect" else None
    if reader is None and tool == "sleuthkit":
        raise UsageError(
            f"Sleuth Kit is not installed, or does not read {image.container} by itself",
            str(image.path),
            "install it (Debian: sleuthkit), convert the image to raw, or use --tool dissect",
        )
    if reader is not None:
        return reader
    if not any(h.volume.fs == "NTFS" and not h.snapshot for h in image.volumes):
        raise UsageError("a collection has no second reader", str(image.path), "give the disk image it was made from")
    return dissect_ntfs(image)


def _ask_all(
    items: tuple[Item, ...],
    source: SourcePaper,
    reader: SecondReader,
    jobs: int,
    progress: Callable[[str, int, int], None],
) -> dict[str, check.Answer]:
    """Every item's answer. Only programs of their own are asked side by side; a library is asked by one thread."""
    offsets = {v.name: v.offset for v in source.host.volumes}
    total, done = sum(i.size for i in items), 0
    said: dict[str, check.Answer] = {}
    with ThreadPoolExecutor(jobs) if reader.parallel else nullcontext() as pool:
        ask: Callable[[Item], check.Answer] = lambda i: _ask(reader, offsets, i)  # noqa: E731 - one line, used twice
        answers: Iterator[check.Answer] = pool.map(ask, items) if pool else map(ask, items)
        for item, answer in zip(items, answers, strict=True):
            said[item.item] = answer
            done += item.size
            progress("check", done, total)
    return said


def _ask(reader: SecondReader, offsets: dict[str, int], item: Item) -> check.Answer:
    why = check.unfit(item)
    if why or item.mft_record is None:
        return "", why
    if item.volume not in offsets:
        return "", f"no record of the volume {item.volume}"
    digest = hashlib.sha256()
    kept = item.extents if item.stored_as != "skeleton" else None
    try:
        for chunk in reader.read(offsets[item.volume], item.mft_record, item.stream or "", kept):
            digest.update(chunk)
    except Unanswered as none:
        return "", str(none)
    return digest.hexdigest(), ""


def _keep(case: Case, result: check.Comparison, output: Path | None) -> None:
    joined = check.joined(case, result)
    if output is not None:
        write_new(output, msgspec.json.format(msgspec.json.encode(joined, order="sorted"), indent=1) + b"\n")
        return
    case.write_json(check.FILE, joined)
    counts = {"matched": result.matched, "differing": result.differing, "not_comparable": result.not_comparable}
    case.audit("crosscheck", source=result.source, tool=f"{result.tool} {result.version}", **counts)
    seal_is_old(case)


def _tell(result: check.Comparison, *, as_json: bool) -> int:
    if as_json:
        print_lines([msgspec.json.format(msgspec.json.encode(result, order="sorted"), indent=1).decode()])
        return result.code
    for line in [c for c in result.items if c.outcome == "differing"][:_SHOWN]:
        typer.echo(plain(f"alarm: {line.item} {line.path}: recorded {line.ours}, read {line.theirs}", 600), err=True)
    print_lines(
        [
            f"{result.source}: {result.tool} {result.version}, the container decoded by {result.container}",
            f"{result.matched} matched, {result.differing} differ, {result.not_comparable} cannot be compared",
        ]
    )
    return result.code
