"""What was taken from EX01, held against Sleuth Kit and libewf, which read the same image without any of our code."""

from __future__ import annotations

import hashlib
import posixpath
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from shellcase.case import Case, open_object
from shellcase.model import Item
from shellcase.run import read_source, read_verification
from tests.conftest import EX01
from tests.tools import need

pytestmark = pytest.mark.real
SECTOR = 512
FILETIME_1970 = 11_644_473_600


class Listed(Struct, frozen=True):
    """A file as `fls` lists it: its place for `icat` (record-type-id) and the sector its volume begins at."""

    sector: int
    address: str

    @property
    def record(self) -> int:
        """The number of its $MFT record."""
        return int(self.address.split("-")[0])


def told(*command: str | Path) -> bytes:
    """What a program prints; it must succeed."""
    return subprocess.run(list(map(str, command)), capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def sectors(ex01: Case) -> dict[str, int]:
    """Drive letter to the first sector of its volume; it must be a partition for `mmls` too."""
    need("mmls", "fls", "icat", "istat", "tsk_recover", "ewfexport", "ewfinfo", "ewfverify")
    partitions = {int(start) for start in re.findall(rb"^\d+:\s+\d+\s+(\d+)", told("mmls", EX01), re.MULTILINE)}
    volumes = {str(v.letter): v.offset // SECTOR for v in read_source(ex01).volumes}
    assert set(volumes.values()) == partitions
    return volumes


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The raw disk as libewf unpacks it; thousands of calls would else unpack its tables thousands of times."""
    target = tmp_path_factory.mktemp("raw") / "EX01"
    told("ewfexport", "-u", "-q", "-f", "raw", "-t", target, EX01)
    return target.with_suffix(".raw")


@pytest.fixture(scope="module")
def listing(sectors: dict[str, int]) -> dict[str, Listed]:
    r"""Every live file and stream of `fls`, by its path as we write it: `C:\\x\\y:stream`."""
    found: dict[str, Listed] = {}
    for letter, sector in sectors.items():
        for line in told("fls", "-r", "-u", "-p", "-F", "-o", str(sector), EX01).decode().splitlines():
            address, path = line.split(" ", 1)[1].split(":\t", 1)
            found[letter + "\\" + path.replace("/", "\\")] = Listed(sector, address)
    return found


@pytest.fixture(scope="module")
def indexes(sectors: dict[str, int]) -> dict[str, Listed]:
    r"""Every folder's index by our path (`C:\\x:$I30`); `fls -a` lists a folder's own record as `.` and `..`."""
    found: dict[str, Listed] = {}
    for letter, sector in sectors.items():
        for line in told("fls", "-r", "-u", "-p", "-D", "-a", "-o", str(sector), EX01).decode().splitlines():
            address, path = line.split(" ", 1)[1].split(":\t", 1)
            found[_folder(letter, path) + ":$I30"] = Listed(sector, address.split("-")[0] + "-160")
    return found


def _folder(letter: str, path: str) -> str:
    whole = posixpath.normpath(path)
    return letter + "\\" + ("" if whole == "." else whole.replace("/", "\\"))


@pytest.fixture(scope="module")
def live(ex01: Case) -> dict[str, Item]:
    """Every live item by its path, with the stream."""
    items = [i for i in ex01.items() if i.state == "live"]
    found = {f"{i.path}:{i.stream}" if i.stream else i.path: i for i in items}
    assert len(found) == len(items) > 3000
    return found


def icat(disk: Path, where: Listed) -> bytes:
    """The content Sleuth Kit gives."""
    return told("icat", "-o", str(where.sector), disk, where.address)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# -- bytes ------------------------------------------------------------------------------------------------------------


def test_every_item_lies_where_sleuth_kit_lists_it(
    live: dict[str, Item], listing: dict[str, Listed], indexes: dict[str, Listed]
) -> None:
    """Path with its upper and lower case letters, and the number of the $MFT record."""
    listed = listing | indexes
    assert sorted(set(live) - set(listed)) == []
    assert [p for p, item in live.items() if listed[p].record != item.mft_record] == []


def test_every_file_has_the_hash_of_what_sleuth_kit_recovers(
    live: dict[str, Item], sectors: dict[str, int], tmp_path: Path
) -> None:
    """One pass of `tsk_recover` over each volume gives all live files but those of NTFS itself."""
    for letter, sector in sectors.items():
        told("tsk_recover", "-a", "-o", str(sector), EX01, tmp_path / letter[0])
    compared, wrong = 0, []
    for path, item in live.items():
        if "$" in path:
            continue
        copy = tmp_path / path[0] / path[3:].replace("\\", "/")
        compared += 1
        if sha256(copy.read_bytes()) != item.sha256:
            wrong.append(path)
    assert wrong == []
    assert compared >= 3000


def _differing(some: Iterator[Item] | list[Item], listing: dict[str, Listed], disk: Path) -> list[str]:
    return [i.path for i in some if sha256(icat(disk, listing[i.path])) != i.sha256]


def test_a_sample_has_the_hash_that_icat_gives(live: dict[str, Item], listing: dict[str, Listed], disk: Path) -> None:
    """Hives, event logs, pages, programs and every hundredth log."""
    plain = [i for i in live.values() if not i.stream]
    sample = [i for n, i in enumerate(plain) if i.cls != "log" or n % 100 == 0]
    assert len(sample) >= 100
    assert {i.volume for i in sample} == {"C:", "G:"}
    assert _differing(sample, listing, disk) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_everything_has_the_hash_that_icat_gives(live: dict[str, Item], listing: dict[str, Listed], disk: Path) -> None:
    """Each of the three thousand items, one call of `icat` each."""
    assert _differing([i for i in live.values() if not i.stream], listing, disk) == []


def test_streams_have_the_hash_that_icat_gives(
    live: dict[str, Item], listing: dict[str, Listed], indexes: dict[str, Listed], disk: Path
) -> None:
    """$Secure:$SDS, $UsnJrnl:$Max and indexes whole; of the sparse $J what is stored, and zeros are all the rest."""
    streams = {p: i for p, i in live.items() if i.stream}
    assert {i.stream for i in streams.values()} >= {"$SDS", "$J", "$Max", "$I30"}
    for path, item in streams.items():
        whole = icat(disk, (listing | indexes)[path])
        assert len(whole) == item.size, path
        extents = item.extents or ((0, item.size),)
        kept = b"".join(whole[start : start + length] for start, length in extents)
        assert sha256(kept) == item.sha256, path
        assert whole.count(0) - kept.count(0) == len(whole) - len(kept), path
        assert (item.stream == "$J") == (len(kept) < len(whole)), path


def test_the_kept_parts_of_a_dump_are_the_bytes_of_the_disk(
    ex01: Case, live: dict[str, Item], listing: dict[str, Listed], disk: Path
) -> None:
    """Of a memory dump only the parts that describe it are kept, each from its own place."""
    dumps = [i for i in live.values() if i.stored_as == "skeleton"]
    assert dumps
    for item in dumps:
        whole = icat(disk, listing[item.path])
        assert item.extents
        kept = b"".join(whole[start : start + length] for start, length in item.extents)
        assert item.object is not None
        assert (ex01.evidence / item.object).read_bytes() == kept
        assert len(kept) < len(whole) // 10


def test_a_deleted_file_has_the_bytes_that_icat_recovers(ex01: Case, sectors: dict[str, int], disk: Path) -> None:
    """The page that was deleted, by its record."""
    recovered = [i for i in ex01.items() if i.state == "recovered"]
    assert recovered
    for item in recovered:
        where = Listed(sectors[item.volume], str(item.mft_record))
        with open_object(ex01.evidence, item) as stored:
            assert stored.read() == told("icat", "-r", "-o", str(where.sector), disk, where.address)


def test_times_are_those_of_sleuth_kit(live: dict[str, Item], sectors: dict[str, int]) -> None:
    """The four times of $STANDARD_INFORMATION of every item, to the second that `fls -m` prints."""
    printed: dict[str, tuple[int, ...]] = {}
    for letter, sector in sectors.items():
        for line in told("fls", "-r", "-u", "-a", "-m", "", "-o", str(sector), EX01).decode().splitlines():
            fields = line.split("|")
            seconds = tuple(int(f) for f in fields[7:11])
            name = fields[1].removeprefix("/")
            printed[letter + "\\" + name.replace("/", "\\")] = seconds
            if fields[3].startswith("d/d"):
                printed[_folder(letter, name) + ":$I30"] = seconds
    wrong = []
    for path, item in live.items():
        assert item.si_times is not None, path
        times = item.si_times.ticks
        a, m, c, b = (times.a, times.m, times.c, times.b)
        if tuple(t // 10**7 - FILETIME_1970 for t in (a, m, c, b)) != printed[path]:
            wrong.append(path)
    assert wrong == []


# -- outcomes ---------------------------------------------------------------------------------------------------------

_EXCHANGE = r"g:\\programs\\exchange\\v15\\"
_WINDOWS = r"c:\\windows\\"
_USER = r"c:\\(users\\[^\\]+|windows\\system32\\config\\systemprofile)\\"
# What an examiner would ask for on this server, in words of regular expressions, without the collector's patterns.
WANTED = (
    r"[a-z]:\\\$(mft|boot|logfile|secure:\$sds|extend\\\$usnjrnl:\$(j|max))",
    _WINDOWS + r"system32\\winevt\\logs\\[^\\]+\.evtx",
    r"g:\\eventlogs\\[^\\]+\.evtx",
    _WINDOWS + r"system32\\config\\(system|software|sam|security|default)",
    _WINDOWS + r"system32\\config\\[^\\]+\.log[12]",
    _USER + r"ntuser\.dat(\.log\d?)?",
    _USER + r".*\\usrclass\.dat(\.log\d?)?",
    _USER + r".*\\psreadline\\[^\\]+\.txt",
    _USER + r"documents\\([^\\]+\\)?powershell_transcript[^\\]*\.txt",
    r"c:\\exchangesetuplogs\\.*",
    r"c:\\programdata\\microsoft\\windows\\wer\\report(archive|queue)\\.*",
    r"c:\\programdata\\microsoft\\windows defender\\(support\\mp.*\.log|quarantine\\.*)",
    _WINDOWS + r"system32\\inetsrv\\config\\[^\\]+\.config",
    r"c:\\inetpub\\history\\.*",
    r"c:\\inetpub\\wwwroot\\.*",
    r"g:\\logs\\web\\w3svc\d+\\.*",
    _EXCHANGE + r"logging\\.*\.log",
    _EXCHANGE + r"(frontend|clientaccess)\\.*",
    _EXCHANGE + r"bin\\(exsetup\.exe|microsoft\.exchange\.(frontendhttpproxy|um\.umcore)\.dll)",
    _WINDOWS + r"microsoft\.net\\framework(64)?\\[^\\]+\\temporary asp\.net files\\.*",
    r".*\.m?dmp",
    r".*\\[^\\]*lsass[^\\]*",
    r"c:\\programdata\\[^\\]+\.[^\\]+",
    r"c:\\programdata\\.*\.(zip|7z|rar|cab)",
    r"c:\\programdata\\[^\\]+\\[^\\]+\.aspx",
    _WINDOWS + r"temp\\[^\\]+\.[^\\]+",
    r"c:\\(temp|root|users\\public)\\.*",
    _WINDOWS + r"(system32\\)?tasks\\.*",
)
# Folders whose index is asked for: pages, tools and loot are put there, logs are removed there.
FOLDERS = (
    r"[a-z]:\\",
    r"c:\\inetpub(\\wwwroot(\\.*)?)?",
    _EXCHANGE + r"(frontend|clientaccess)(\\.*)?",
    _EXCHANGE + r"logging\\((httpproxy|ecp)(\\.*)?|oabgeneratorlog)",
    r"g:\\logs\\web(\\.*)?",
    r"g:\\eventlogs",
    _WINDOWS + r"microsoft\.net\\framework(64)?\\[^\\]+\\temporary asp\.net files(\\.*)?",
    _WINDOWS + r"(temp|system32\\tasks)(\\.*)?",
    _WINDOWS + r"(prefetch|system32\\winevt\\logs)",
    r"c:\\programdata",
    r"c:\\(perflogs|temp|root|users\\public)(\\.*)?",
    _USER + r"(desktop|downloads|appdata\\local\\temp(\\.*)?)",
    r"[a-z]:\\\$recycle\.bin(\\.*)?",
)
_ALL_WANTED = "|".join((*WANTED, *(f"(?:{f}):\\$i30" for f in FOLDERS)))


def test_indexes_that_sleuth_kit_reads_are_taken(live: dict[str, Item], indexes: dict[str, Listed], disk: Path) -> None:
    """Of the folders asked for, each whose index lies outside its $MFT record, and no other."""
    asked = {p for p in indexes if re.fullmatch("|".join(f"(?:{f}):\\$i30" for f in FOLDERS), p.lower())}
    outside = {p for p in asked if _has_index_outside(disk, indexes[p])}
    assert len(asked) > len(outside) > 10
    assert {p for p, item in live.items() if item.stream == "$I30"} == outside


def _has_index_outside(disk: Path, where: Listed) -> bool:
    return b"$INDEX_ALLOCATION" in told("istat", "-o", str(where.sector), disk, str(where.record))


def test_everything_wanted_has_an_outcome(ex01: Case, live: dict[str, Item], listing: dict[str, Listed]) -> None:
    """No file that an examiner would ask for is left out in silence."""
    wanted = {p for p in listing if re.fullmatch("|".join(WANTED), p.lower())}
    reported = {m.path for m in ex01.not_collected() if m.outcome != "missing"}
    assert len(wanted) >= 3000
    assert sorted(wanted - set(live) - reported) == []


def test_nothing_else_was_taken(live: dict[str, Item], listing: dict[str, Listed]) -> None:
    """Mailbox databases, manifests and people's files stay in the image."""
    assert len(listing) - len(live) > 400
    assert sorted(p for p in live if not re.fullmatch(_ALL_WANTED, p.lower())) == []


# -- the container ----------------------------------------------------------------------------------------------------


def test_stored_hashes_are_those_of_ewfinfo(ex01: Case, sectors: dict[str, int]) -> None:
    """MD5, SHA-1 and size that the imager wrote into the E01, as libewf reads them."""
    info = told("ewfinfo", EX01).decode()
    fields = dict(re.findall(r"^\t([^:\n]+):\s*(.+?)$", info, re.MULTILINE))
    said, record = read_verification(ex01), read_source(ex01)
    assert (said.stored_md5, said.stored_sha1) == (fields["MD5"], fields["SHA1"])
    assert (record.stored_md5, record.stored_sha1) == (fields["MD5"], fields["SHA1"])
    assert f"({record.media_size} bytes)" in fields["Media size"]
    assert record.acquisition["case_number"] == fields["Case number"]
    assert record.acquisition["examiner"] == fields["Examiner name"]


def test_ewfverify_comes_to_our_verdict(ex01: Case, sectors: dict[str, int]) -> None:
    """libewf hashes the media anew and finds the same MD5."""
    report = told("ewfverify", "-q", EX01).decode()
    said = read_verification(ex01)
    assert "SUCCESS" in report
    assert re.search(r"calculated over data:\s*(\w+)", report)[1] == said.md5  # type: ignore[index]
    assert said.verdict == "data hash matches"
