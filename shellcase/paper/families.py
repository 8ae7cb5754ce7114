"""Log families, for a certification under rule 902(13): who writes the record, when, by which clock, and how it fails.

These sentences are general descriptions with their published source. A signer adopts each one or strikes it out; none
of them is a fact of the case.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One log family: the parser that reads it, and (topic, sentence, published source) for each point."""

    parser: str
    slug: str
    title: str
    points: tuple[tuple[str, str, str], ...]


_IIS = "Microsoft Learn, “W3C Logging” (HTTP Server API) and “Logging in IIS”"
_EVTX = "Microsoft Learn, “Windows Event Log”; J. Metz, “Windows XML Event Log (EVTX) format”"
_USN = "Microsoft Learn, “Change Journals” and “USN_RECORD_V2”"
_MFT = "Microsoft Learn, “Master File Table” and “File Times”; the Sleuth Kit's NTFS documentation"
_SEEN = "no description by the maker is published; observed in header lines and rows of the exhibits themselves"
_EDIT = "An account with administrative rights can alter or delete these records afterwards."

FAMILIES: tuple[Family, ...] = (
    Family(
        parser="iis.w3c",
        slug="iis",
        title="Internet Information Services, W3C extended log files",
        points=(
            ("Writer", "The kernel driver HTTP.sys of Windows writes one line for each request to a web site.", _IIS),
            ("When", "A line is written after the request ends; lines are buffered before they reach the disk.", _IIS),
            ("Clock", "Date and time are those of the server's clock in Coordinated Universal Time.", _IIS),
            ("Rotation", "By default a new file begins each day; IIS itself deletes no old file.", _IIS),
            ("Failure", "Lines still buffered are lost when the system stops without warning.", _IIS),
            ("Failure", "The client address is that of the last network hop, such as a load balancer.", _IIS),
            ("Failure", _EDIT, _IIS),
        ),
    ),
    Family(
        parser="windows.evtx",
        slug="evtx",
        title="Windows event logs",
        points=(
            ("Writer", "The Windows Event Log service writes records that programs and the system hand to it.", _EVTX),
            ("When", "A record is made when the event is reported; which events are depends on audit settings.", _EVTX),
            ("Clock", "The time of a record is that of the system clock in Coordinated Universal Time.", _EVTX),
            (
                "Rotation",
                "A log has a size limit; by default the oldest records are overwritten when it is full.",
                _EVTX,
            ),
            ("Failure", "Records not yet written to the disk are lost when the system stops without warning.", _EVTX),
            ("Failure", "A log can be cleared; Windows records that as an event of its own.", _EVTX),
            ("Failure", _EDIT, _EVTX),
        ),
    ),
    Family(
        parser="exchange.httpproxy",
        slug="httpproxy",
        title="Microsoft Exchange, HttpProxy logs",
        points=(
            ("Writer", "The front end of Exchange writes one row for each request that it handles.", _SEEN),
            ("When", "DateTime is the end of the request; GenericInfo holds its beginning.", _SEEN),
            ("Clock", "Times are the server's clock in Coordinated Universal Time, in milliseconds.", _SEEN),
            ("Rotation", "A new file begins at least each hour; old files are removed by age and total size.", _SEEN),
            ("Failure", "Rows that were not written out are lost when the process ends unexpectedly.", _SEEN),
            ("Failure", _EDIT, _SEEN),
        ),
    ),
    Family(
        parser="exchange.ecp",
        slug="ecp",
        title="Microsoft Exchange, ECP server logs",
        points=(
            ("Writer", "The Exchange Control Panel writes a row for each command and request that it logs.", _SEEN),
            ("When", "A row is written when the command or request is handled.", _SEEN),
            ("Clock", "Times are the server's clock in Coordinated Universal Time, in milliseconds.", _SEEN),
            ("Rotation", "A new file begins each day; old files are removed by age and total size.", _SEEN),
            ("Failure", "Rows that were not written out are lost when the process ends unexpectedly.", _SEEN),
            ("Failure", _EDIT, _SEEN),
        ),
    ),
    Family(
        parser="exchange.oabgenerator",
        slug="oabgenerator",
        title="Microsoft Exchange, offline address book generator logs",
        points=(
            ("Writer", "The mailbox assistant that makes the offline address book writes these rows.", _SEEN),
            ("When", "A row is written while the address book is made.", _SEEN),
            ("Clock", "Times are the server's clock in Coordinated Universal Time.", _SEEN),
            ("Failure", _EDIT, _SEEN),
        ),
    ),
    Family(
        parser="ntfs.usn",
        slug="usn",
        title="NTFS change journal ($UsnJrnl:$J)",
        points=(
            ("Writer", "The NTFS driver of Windows adds a record when a file or folder changes.", _USN),
            ("When", "A record is added with the change; its reasons accumulate until the file is closed.", _USN),
            ("Clock", "The time of a record is that of the system clock in Coordinated Universal Time.", _USN),
            ("Rotation", "The journal has a maximum size; the oldest records are removed.", _USN),
            ("Failure", "A record names the file, not the program or the user that changed it.", _USN),
            ("Failure", "The journal can be deleted and made anew by an administrator.", _USN),
        ),
    ),
    Family(
        parser="ntfs.mft",
        slug="mft",
        title="NTFS master file table ($MFT)",
        points=(
            ("Writer", "The NTFS driver of Windows keeps one or more records for each file and folder.", _MFT),
            ("When", "Records change with the file; four times are held in two sets.", _MFT),
            ("Clock", "Times are those of the system clock in Coordinated Universal Time, in steps of 100 ns.", _MFT),
            ("Rotation", "A record of a deleted file is kept until it is used for another file.", _MFT),
            ("Failure", "Programs can set the times of $STANDARD_INFORMATION to any value.", _MFT),
            ("Failure", "The time of last access may be kept inexactly or not at all, as Windows is set.", _MFT),
        ),
    ),
)
