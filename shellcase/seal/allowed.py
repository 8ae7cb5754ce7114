"""allowed_signers, the file that `ssh-keygen -Y verify` is given: what the seal writes, and what another one would do.

The format is that of ssh-keygen(1), section ALLOWED SIGNERS, as OpenSSH 9 reads it: principals (a list of patterns),
options, key. A line that cannot be read is stepped over by ssh-keygen; here every line but the one that the seal
writes is a difference with a name.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from msgspec import Struct

from shellcase.seal.layout import NAMESPACE
from shellcase.seal.sshsig_check import fingerprint_of_line

PRINCIPAL = "examiner"
"""The name under which the key is listed."""

_BLANK = " \t"
_OPTION = re.compile(r'(namespaces|valid-after|valid-before)="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_DATE = re.compile(r"(\d{8}(\d{4}(\d\d)?)?)Z?", re.IGNORECASE)


def allowed_line(public_line: str) -> bytes:
    """What the seal writes, all of it."""
    return f'{PRINCIPAL} namespaces="{NAMESPACE}" {public_line}\n'.encode()


class AllowedLine(Struct, frozen=True, kw_only=True):
    """One line that can be read. `options` in their order, names in small letters; a flag has an empty value."""

    principals: str
    options: tuple[tuple[str, str], ...]
    key: str
    comment: str


class BadLine(Exception):  # noqa: N818 - a reason, told to people
    """Why ssh-keygen steps over a line."""


def differences(content: bytes, public_line: str) -> list[str]:
    """In what an allowed_signers file is other than the one the seal wrote for this key; empty when it is that one."""
    if content == allowed_line(public_line):
        return []
    found: list[str] = []
    lines = content.decode("utf-8", "replace").split("\n")
    told = [line for line in lines if line.strip()]
    if len(told) != 1:
        found.append(f"it has {len(told)} lines, not one")
    for number, line in enumerate(lines, 1):
        if line.strip():
            found += [f"line {number}: {what}" for what in _of_line(line, public_line)]
    return found or ["it is spelt otherwise than the seal writes it"]


def _of_line(line: str, public_line: str) -> Iterator[str]:
    """What is other in one line."""
    if line.lstrip(_BLANK).startswith("#"):
        yield "a comment"
        return
    try:
        read = parse_line(line)
    except BadLine as error:
        yield f"ssh-keygen cannot read it: {error}"
        return
    if read.principals != PRINCIPAL:
        yield f"it is for {read.principals!r}, not for {PRINCIPAL!r}"
    if read.key != public_line:
        yield f"it names another key than the manifest: {fingerprint_of_line(read.key) or read.key.split()[0]}"
    options = dict(read.options)
    if "cert-authority" in options:
        yield "it trusts every key that its key has certified (cert-authority)"
    if options.get("namespaces", "") != NAMESPACE:
        yield f"it is not limited to the purpose {NAMESPACE} (namespaces)"
    for name in ("valid-after", "valid-before"):
        if name in options:
            yield f"it is limited in time ({name})"
    if read.comment:
        yield "a comment follows the key"


def parse_line(line: str) -> AllowedLine:
    """One line that is neither empty nor a comment, as ssh-keygen reads it; BadLine when it steps over it."""
    principals, rest = _word(line.strip("\r\n").lstrip(_BLANK))
    if not principals:
        raise BadLine("no principals")
    key = _key(rest)
    options: tuple[tuple[str, str], ...] = ()
    if key is None:
        said, rest = _options_end(rest)
        options = _options(said)
        key = _key(rest)
    if key is None:
        raise BadLine("no key")
    return AllowedLine(principals=principals, options=options, key=key[0], comment=key[1])


def _word(text: str) -> tuple[str, str]:
    """The first word, which may be quoted, and what follows it."""
    if text.startswith('"'):
        inner, quote, rest = text[1:].partition('"')
        if not quote:
            raise BadLine("a quotation mark has no partner")
        return inner, rest.lstrip(_BLANK)
    found = re.match(r"[^ \t]*", text)
    end = found.end() if found else 0
    return text[:end], text[end:].lstrip(_BLANK)


def _key(text: str) -> tuple[str, str] | None:
    """Kind and base64 of a key at the beginning, and the comment after it."""
    words = text.split(None, 2)
    if len(words) < 2 or not re.fullmatch(r"[a-z0-9@.-]+", words[0]):
        return None
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    size = int.from_bytes(blob[:4], "big")
    fits = blob[4 : 4 + size] == words[0].encode() and len(blob) > 4 + size
    return (f"{words[0]} {words[1]}", words[2].strip() if len(words) > 2 else "") if fits else None


def _options_end(text: str) -> tuple[str, str]:
    """The options, up to the first blank outside of quotation marks, and what follows."""
    at, quoted = 0, False
    while at < len(text) and (quoted or text[at] not in _BLANK):
        if text.startswith('\\"', at):
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        at += 1
    if quoted:
        raise BadLine("a quotation mark has no partner")
    return text[:at], text[at:].lstrip(_BLANK)


def _options(text: str) -> tuple[tuple[str, str], ...]:
    """The list of options; BadLine for one of no known name or given twice."""
    found: list[tuple[str, str]] = []
    at = 0
    while True:
        match = _OPTION.match(text, at)
        if match:
            name, value, at = match[1].lower(), match[2].replace('\\"', '"'), match.end()
        elif text[at : at + 14].lower() == "cert-authority":
            name, value, at = "cert-authority", "", at + 14
        else:
            raise BadLine("an option of no known name")
        if name in dict(found) and value:
            raise BadLine(f"the option {name} twice")
        if name.startswith("valid-") and not _DATE.fullmatch(value):
            raise BadLine(f"the option {name} is no date")
        found.append((name, value))
        if at == len(text):
            return tuple(found)
        if text[at] != "," or at + 1 == len(text):
            raise BadLine("options are not parted by commas")
        at += 1
