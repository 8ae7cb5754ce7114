"""Whether the fix of March 2021 was on the disk: by the version resources of the programs, not by the registry's build.

The build in the registry does not move with a security update. A program file shows the disk when the image was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shellcase.model import HostFacts
from shellcase.timeline import Timeline

_FILES = r"""
SELECT regexp_extract(file_path, '[^\\]+$') AS name, data->>'$.version' AS version,
  coalesce(data->>'$.march_2021', 'unknown') AS fixed, event_id AS event
FROM timeline WHERE kind = 'exchange.binary.version' AND state = 'live' AND copy_of IS NULL
ORDER BY lower(name), event_id
"""
_SAID = {
    "no": "below the version with the fix (KB5000871)",
    "yes": "of the version with the fix (KB5000871) or later",
    "unknown": "of a version that our list of fixes does not have",
}


def fix_of_march(timeline: Timeline, host: HostFacts) -> tuple[str, bool]:
    """The answer in words, and whether the files that were read give one answer."""
    builds = ", ".join(e.version for e in host.exchange if e.version)
    text = f"The registry names Exchange build {builds}" if builds else "The registry names no Exchange build"
    files = timeline.query(_FILES).to_pylist()
    if not files:
        return f"{text}. Security updates do not change that number; no Exchange program file could be read.", False
    groups = {word: [f for f in files if f["fixed"] == word] for word in _SAID}
    parts = [f"{_named(group)} {_SAID[word]}" for word, group in groups.items() if group]
    text += f"; security updates do not change that number. Program files on the disk: {'; '.join(parts)}."
    if groups["unknown"] or len(parts) > 1:
        return f"{text} They do not give one answer.", False
    return f"{text} This is how the disk was when the image was made; since when, the files do not tell.", True


def _named(files: Sequence[dict[str, Any]]) -> str:
    named = ", ".join(f"{f['name']} {f['version']} (event {f['event']})" for f in files[:3])
    return named + (f" and {len(files) - 3} more" if len(files) > 3 else "")
