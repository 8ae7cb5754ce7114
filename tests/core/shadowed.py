"""A volume in three states, the two earlier ones presented as its shadow copies: Windows alone can make real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from collector.filesystem import VolumeHandle
from collector.image import open_source
from fixtures.disk.raw import build_raw
from fixtures.plan import Append, Create, Delete, DiskPlan, Overwrite, Step, VolumePlan
from shellcase.records import SnapshotInfo

SECOND = 10**9
BORN = 1_614_556_800 * SECOND  # 2021-03-01T00:00:00Z
DAY = 86_400 * SECOND
ROOT = r"\inetpub\wwwroot\aspnet_client"
LOGS = r"\inetpub\logs\LogFiles\W3SVC1"
OLD, NEW = "vss:11111111-1111-1111-1111-111111111111", "vss:22222222-2222-2222-2222-222222222222"
_HEAD = (
    "#Software: Microsoft Internet Information Services 10.0\r\n#Version: 1.0\r\n#Date: {day} 00:00:00\r\n"
    "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status\r\n"
)
_LINE = "{day} {clock} 10.0.0.5 {method} {stem} - 443 - {client} {agent} 200\r\n"
SHELL = b'<%@ Page Language="C#" %><% System.Diagnostics.Process.Start(Request["c"]); %>\r\n'


def log(day: str, *requests: tuple[str, str, str, str]) -> bytes:
    """An IIS log of one day; a request is (clock, method, stem, client)."""
    lines = (_LINE.format(day=day, clock=c, method=m, stem=s, client=a, agent="curl/7") for c, m, s, a in requests)
    return (_HEAD.format(day=day) + "".join(lines)).encode()


def line(day: str, clock: str, method: str, stem: str, client: str) -> bytes:
    """One more request."""
    return _LINE.format(day=day, clock=clock, method=method, stem=stem, client=client, agent="curl/7").encode()


QUIET = ("08:00:00", "GET", "/owa/", "10.0.0.9")
STEPS: tuple[tuple[int, Step], ...] = (
    (1, Create(t=BORN + SECOND, volume="C", path=rf"{ROOT}\kept.aspx", data=b"<%@ Page %>kept\r\n")),
    (1, Create(t=BORN + 2 * SECOND, volume="C", path=rf"{ROOT}\web.config", data=b"<configuration/>")),
    (1, Create(t=BORN + 3 * SECOND, volume="C", path=rf"{LOGS}\u_ex210301.log", data=log("2021-03-01", QUIET, QUIET))),
    (
        1,
        Create(
            t=BORN + 4 * SECOND,
            volume="C",
            path=rf"{LOGS}\u_ex210228.log",
            data=log("2021-02-28", ("05:00:00", "POST", "/ecp/y.js", "203.0.113.7")),
        ),
    ),
    (2, Create(t=BORN + DAY, volume="C", path=rf"{ROOT}\shell.aspx", data=SHELL)),
    (2, Create(t=BORN + DAY + SECOND, volume="C", path=rf"{ROOT}\brief.aspx", data=SHELL + b"<!-- other -->")),
    (2, Append(t=BORN + DAY + 2 * SECOND, volume="C", path=rf"{LOGS}\u_ex210301.log", data=line("2021-03-01", *QUIET))),
    (3, Delete(t=BORN + 2 * DAY, volume="C", path=rf"{LOGS}\u_ex210228.log")),
    (3, Delete(t=BORN + 2 * DAY + SECOND, volume="C", path=rf"{ROOT}\brief.aspx")),
    (
        3,
        Overwrite(
            t=BORN + 2 * DAY + 2 * SECOND,
            volume="C",
            path=rf"{ROOT}\web.config",
            data=b"<configuration>\r\n</configuration>",
        ),
    ),
    (
        3,
        Append(
            t=BORN + 2 * DAY + 3 * SECOND,
            volume="C",
            path=rf"{LOGS}\u_ex210301.log",
            data=line("2021-03-01", "09:00:00", "GET", "/owa/", "10.0.0.9"),
        ),
    ),
)


def image_of(state: int, folder: Path) -> Path:
    """The volume after the steps up to a state, as a raw disk."""
    volume = VolumePlan(letter="C", label="System", size=16 << 20, serial=7, formatted=BORN, journal_from=BORN)
    plan = DiskPlan(
        name="SHADOW",
        table="mbr",
        disk_guid="5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b001",
        disk_signature=0xA1B2C3D4,
        partition_guids=("5f1a0e0e-7c53-4b3f-9a51-3d0c8ae1b0c1",),
        volumes=(volume,),
        steps=tuple(step for when, step in STEPS if when <= state),
        acquired=BORN + 3 * DAY,
    )
    built = build_raw(plan, folder / f"state{state}.raw", folder / f"work{state}")
    return built.raw


@contextmanager
def presented(copies: Sequence[Path]) -> Iterator[None]:
    """Every volume that is opened has those of `copies`, the oldest first, as its shadow copies."""
    states = (OLD, NEW)

    def shadows(handle: VolumeHandle) -> tuple[tuple[VolumeHandle, ...], tuple[str, ...]]:
        if opening:
            return (), ()
        opening.append(True)
        found = tuple(shadow(handle, n, path) for n, path in enumerate(copies, 1))
        opening.clear()
        return found, ()

    def shadow(handle: VolumeHandle, number: int, path: Path) -> VolumeHandle:
        image = open_source(path)
        stack.callback(image.close)
        other = image.volumes[0]
        created = 132_590_304_000_000_000 + number * 864_000_000_000
        info = SnapshotInfo(
            snapshot=states[number - 1], volume_key=handle.volume.key, number=number, created=created, sequence=number
        )
        return replace(other, volume=handle.volume, snapshot=info.snapshot, info=info)

    opening: list[bool] = []
    with ExitStack() as stack, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("collector.image.snapshots_of", shadows)
        yield
