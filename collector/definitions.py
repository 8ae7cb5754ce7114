"""Loading what to take: the YAML definitions (ForensicArtifacts form) and the profiles, checked with clear errors."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import yaml
from msgspec import Struct, ValidationError, convert, structs

from collector.tkape import Converted, read_targets
from shellcase.errors import UsageError

FOLDER = Path(__file__).parent / "definitions"
VARIABLES = frozenset(
    {
        "environ_systemroot",
        "environ_systemdrive",
        "environ_programdata",
        "users.homedir",
        "exchange_install",
        "iis_log_directory",
        "iis_site_root",
        "event_log_file",
    }
)
_VARIABLE = re.compile(r"%%([^%]+)%%")
_NAME = re.compile(r"[A-Z][A-Za-z0-9]{2,63}")


class Attributes(Struct, frozen=True, forbid_unknown_fields=True):
    """Path patterns: `*` and `?` within a name, `**N` for up to N folders (10 where no number is given)."""

    paths: tuple[str, ...]
    separator: str


class FileSource(Struct, frozen=True, forbid_unknown_fields=True):
    """A source of type FILE, the only one we take."""

    type: str
    attributes: Attributes


class Definition(Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of artefact."""

    name: str
    doc: str
    sources: tuple[FileSource, ...]
    supported_os: tuple[str, ...] = ("Windows",)
    urls: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def patterns(self) -> tuple[str, ...]:
        """Every path pattern with backslashes."""
        found = (p.replace(s.attributes.separator, "\\") for s in self.sources for p in s.attributes.paths)
        return tuple(dict.fromkeys(found))


class Profiles(Struct, frozen=True, forbid_unknown_fields=True):
    """profiles.yaml."""

    tiers: tuple[tuple[str, ...], ...]
    profiles: dict[str, tuple[str, ...] | str]
    presence_only: tuple[str, ...]
    left_out: tuple[str, ...]
    dated: tuple[str, ...]
    largest_file: int
    deleted: tuple[str, ...]


class Catalogue(Struct, frozen=True):
    """All definitions by name, and the profiles over them."""

    definitions: dict[str, Definition]
    profiles: Profiles

    def chosen(self, profile: str) -> list[Definition]:
        """The definitions of a profile by tier. UsageError for a profile that does not exist."""
        names = self.profiles.profiles.get(profile)
        if names is None:
            known = ", ".join(sorted(self.profiles.profiles))
            raise UsageError(f"There is no profile '{profile}'", "", f"Choose one of: {known}.")
        wanted = set(self.definitions) if names == "all" else set(names)
        return [self.definitions[n] for tier in self.profiles.tiers for n in tier if n in wanted]

    def tier(self, names: Iterable[str]) -> int:
        """The first tier that asks for one of the names."""
        numbers = (i for i, tier in enumerate(self.profiles.tiers) for n in names if n in tier)
        return min(numbers, default=len(self.profiles.tiers))


def load(folder: Path = FOLDER, also: Path | None = None) -> Catalogue:
    """Read every file of a folder, and of the user's own. UsageError names the file, the definition and the fault."""
    definitions: dict[str, Definition] = {}
    for path in sorted(folder.glob("*.yaml")):
        if path.name == "profiles.yaml":
            continue
        for document in _documents(path):
            definition = _checked(document, path)
            if definition.name in definitions:
                raise _wrong(path, f"the name {definition.name} is used twice")
            definitions[definition.name] = definition
    catalogue = Catalogue(definitions, _profiles(folder / "profiles.yaml", definitions))
    return _with_own(catalogue, also) if also is not None else catalogue


def _with_own(catalogue: Catalogue, folder: Path) -> Catalogue:
    """The user's definitions and KAPE targets, taken last and in every profile."""
    if not folder.is_dir():
        raise UsageError("There is no such folder of definitions", str(folder), "Give a folder with .yaml or .tkape.")
    own = [_checked(d, p) for p in sorted(folder.glob("*.y*ml")) for d in _documents(p)]
    own += [_checked(_as_document(t), folder) for t in read_targets(folder)]
    if not own:
        raise UsageError("The folder holds no definition", str(folder), "Give a folder with .yaml or .tkape files.")
    definitions = dict(catalogue.definitions)
    for definition in own:
        if definition.name in definitions:
            raise _wrong(folder, f"the name {definition.name} is used twice")
        definitions[definition.name] = definition
    names = tuple(d.name for d in own)
    old = catalogue.profiles
    profiles = {n: p if isinstance(p, str) else (*p, *names) for n, p in old.profiles.items()}
    return Catalogue(definitions, structs.replace(old, tiers=(*old.tiers, names), profiles=profiles))


def _as_document(target: Converted) -> dict[str, object]:
    source = {"type": "FILE", "attributes": {"paths": target.patterns, "separator": "\\"}}
    return {"name": target.name, "doc": target.doc, "sources": (source,)}


def _documents(path: Path) -> list[object]:
    try:
        return [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if d is not None]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise _wrong(path, f"it cannot be read as YAML: {error}") from error


def _checked(document: object, path: Path) -> Definition:
    name = document.get("name", "?") if isinstance(document, dict) else "?"
    try:
        definition = convert(document, Definition)
    except ValidationError as error:
        raise _wrong(path, f"definition {name}: {error}") from error
    if not _NAME.fullmatch(definition.name):
        raise _wrong(path, f"definition {name}: a name is a capital letter, then letters and digits")
    for source in definition.sources:
        if source.type != "FILE" or not source.attributes.paths or len(source.attributes.separator) != 1:
            raise _wrong(path, f"definition {name}: a source has type FILE, paths and a separator of one character")
    for pattern in definition.patterns:
        _check_pattern(pattern, f"definition {name}", path)
    return definition


def _check_pattern(pattern: str, where: str, path: Path) -> None:
    unknown = set(_VARIABLE.findall(pattern)) - VARIABLES
    if unknown:
        raise _wrong(path, f"{where}: unknown variable {sorted(unknown)[0]} in {pattern}")
    if not pattern.startswith(("\\", "%%")) or ".." in pattern.split("\\"):
        raise _wrong(path, f"{where}: the path {pattern} starts with a backslash or a variable and never goes up")


def _profiles(path: Path, definitions: dict[str, Definition]) -> Profiles:
    try:
        found = convert(yaml.safe_load(path.read_text(encoding="utf-8")), Profiles)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise _wrong(path, str(error)) from error
    tiers = {n for tier in found.tiers for n in tier}
    listed = [n for names in found.profiles.values() if not isinstance(names, str) for n in names]
    for name in [*sorted(tiers), *listed, *found.presence_only, *found.left_out, *found.dated]:
        if name not in definitions:
            raise _wrong(path, f"it names {name}, which is not defined")
    if untiered := sorted(set(definitions) - tiers):
        raise _wrong(path, f"{untiered[0]} is in no tier")
    return found


def _wrong(path: Path, what: str) -> UsageError:
    return UsageError(f"A collection definition is wrong: {what}", str(path), "Correct the file.")
