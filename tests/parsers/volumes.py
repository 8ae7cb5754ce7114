"""Files of the file system itself, out of real volumes of the corpora, read with dissect and nothing of ours."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from typing import BinaryIO, cast

from dissect.evidence import EWF
from dissect.hypervisor.disk.qcow2 import QCow2
from dissect.ntfs import NTFS
from dissect.ntfs.c_ntfs import ATTRIBUTE_TYPE_CODE
from dissect.ntfs.mft import MftRecord

from tests.parsers.stub import corpora

WINDOWS_7 = "plaso/test_data/vsstest.qcow2"
WINDOWS_10 = "velociraptor/artifacts/testdata/files/test.ntfs.dd.E01"
LINUX = "colinfinck-ntfs/testdata/testfs1"


def _volume(image: str) -> NTFS | None:
    """Read into memory, so that nothing stays open."""
    file = corpora() / image
    if not file.is_file():
        return None
    media = BytesIO(file.read_bytes())
    if file.suffix == ".E01":
        return NTFS(EWF([media]).open())
    return NTFS(cast(BinaryIO, QCow2(media).open())) if file.suffix == ".qcow2" else NTFS(media)


def _record(image: str, number: int) -> MftRecord | None:
    volume = _volume(image)
    return volume.mft.get(number) if volume and volume.mft else None


@cache
def file_of(image: str, number: int) -> bytes:
    """The unnamed stream of an $MFT entry; empty where the image is missing."""
    record = _record(image, number)
    return bytes(record.open().read()) if record else b""


@cache
def index_of(image: str, number: int) -> bytes:
    """The index allocation of a folder."""
    record = _record(image, number)
    return bytes(record.attributes[ATTRIBUTE_TYPE_CODE.INDEX_ALLOCATION].open().read()) if record else b""


@cache
def names_in(image: str, number: int) -> frozenset[str]:
    """Names of a folder as the referee lists them."""
    record = _record(image, number)
    return frozenset(record.listdir()) if record else frozenset()
