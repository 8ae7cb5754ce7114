"""What should lie on a drive that nobody can read must not be passed over."""

from __future__ import annotations

from shellcase.absent import absent
from shellcase.model import ExchangeInstall, HostFacts, IisSite, Volume


def _host(*volumes: tuple[str | None, str]) -> HostFacts:
    return HostFacts(
        exchange=(ExchangeInstall(key="v15", path="D:\\Exchange\\", version="15.1.2106.2"),),
        sites=(IisSite(id=1, name="Default Web Site", log_directory=r"E:\weblogs\W3SVC1"),),
        event_logs=(("Security", r"E:\ev\Security.evtx"), ("Vendor", r"\\server\share\x.evtx")),
        volumes=tuple(
            Volume(key=f"0-{n}", number=n, letter=letter, fs=fs, offset=n << 20, size=1 << 20)
            for n, (letter, fs) in enumerate(volumes)
        ),
    )


def test_logs_on_a_drive_of_another_file_system_are_told() -> None:
    """The configuration names E:, E: is there and is FAT: a run over C: and D: alone was called complete."""
    assert absent([_host(("C:", "NTFS"), ("D:", "NTFS"), ("E:", "FAT"))], ()) == [
        r"E: holds by the machine's own settings request logs of Default Web Site (E:\weblogs\W3SVC1), "
        r"event log Security (E:\ev\Security.evtx); that volume is FAT, which is not read: nothing of it was examined"
    ]


def test_a_drive_that_no_source_has_is_told() -> None:
    """Two disks, one given."""
    said = absent([_host(("C:", "NTFS"), ("E:", "NTFS"))], ())
    assert [s[:2] for s in said] == ["D:"]
    assert "Exchange 15.1.2106.2 (D:\\Exchange\\); no volume of the sources carries that letter" in said[0]


def test_a_second_source_and_a_volume_without_a_letter_answer_for_it() -> None:
    """Evidence added later, and what was found by its path on a volume whose letter nobody tells."""
    hosts = [_host(("C:", "NTFS")), _host(("D:", "files"))]
    paths = [r"vol2\weblogs\W3SVC1\u_ex210303.log", r"vol2\ev\Security.evtx"]
    assert absent(hosts, paths) == []
    assert len(absent(hosts, paths[:1])) == 1


def test_loose_files_tell_no_drive() -> None:
    """A bare folder of evidence says of no file which drive it came from, so no drive can be called absent."""
    assert absent([_host(("vol1", "files"))], [r"vol0\Security.evtx"]) == []
    assert absent([_host(("C:", "files"))], ()), "a collection with letters does tell"
