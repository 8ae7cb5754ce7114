"""Whether a stream is taken at all: the outcome and the reason where it is left in the source."""

from __future__ import annotations

from collector import identity
from collector.classify import HELD, UNLIMITED, classify
from collector.definitions import Profiles
from collector.ntfs import FileRecord
from collector.runs import StreamInfo
from collector.window import Window
from shellcase.model import OutcomeKind

Refusal = tuple[OutcomeKind, str]


class Judge:
    """The rules of one run: limits, the time window, what is only listed."""

    def __init__(self, profiles: Profiles, window: Window, profile: str = "") -> None:
        self._profiles, self._window = profiles, window
        self._presence = frozenset(profiles.presence_only)
        self._off = frozenset() if profile == "full" else frozenset(profiles.left_out)

    def refusal(self, path: str, file: FileRecord, stream: StreamInfo, definitions: tuple[str, ...]) -> Refusal | None:
        """None when the stream is to be taken."""
        if file.refused:
            return "excluded", file.refused
        if file.reparse and not stream.name:
            return "excluded", _reparse(file)
        if self._presence.issuperset(definitions):
            return "excluded", f"only its presence is recorded: {stream.size} bytes"
        if not self._off.isdisjoint(definitions):
            return "excluded", f"diagnostics and performance logs are off by default: {stream.size} bytes"
        if not stream.size:
            return "empty", "the file has 0 bytes"
        outside = self._window.outside(path, file, definitions)
        if outside:
            return "excluded", f"outside window: {outside}"
        if stream.allocated > self._profiles.largest_file:
            return self._too_large(path, stream)
        return None

    def _too_large(self, path: str, stream: StreamInfo) -> Refusal | None:
        cls = classify(path, stream.name or None, b"", stream.size)
        if cls in UNLIMITED or cls == HELD:
            return None
        return "too_large", f"{stream.allocated} allocated bytes, the limit is {self._profiles.largest_file}"


def _reparse(file: FileRecord) -> str:
    if identity.reparse_tag(file) == identity.WOF:
        return "compressed by the system; its bytes, still packed, are the stream WofCompressedData"
    return f"{identity.reparse_text(file)}, not followed"
