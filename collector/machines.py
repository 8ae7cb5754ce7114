"""Which disks belong to one machine: those given together, told apart by the Windows they hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msgspec import structs

from collector.hostfacts import homes_of, read_machine
from collector.image import Image
from collector.letters import is_mounted
from collector.survey import VolumeTree, lettered
from shellcase.model import HostFacts


@dataclass(frozen=True, slots=True)
class Disk:
    """A source of the run with its volumes as they are called, and the facts of the machine it belongs to."""

    source: str
    image: Image
    volumes: tuple[VolumeTree, ...]
    host: HostFacts


def disks_of(
    sources: Sequence[tuple[str, Image]], volumes: Sequence[VolumeTree], known: Sequence[HostFacts]
) -> list[Disk]:
    """Every source with its facts, in the order given. `known`: machines that the case knows from before."""
    groups = _grouped(sources, volumes)
    found: dict[str, Disk] = {}
    for group in groups:
        images = [image for _source, image in group]
        prints = {i.fingerprint for i in images}
        own = [v for v in volumes if v.image.fingerprint in prints]
        host, named = read_machine(images, own, _fitting(images, own, known))
        for source, image in group:
            mine = tuple(v for (print_, _key), v in named.items() if print_ == image.fingerprint)
            trees = lettered([v for v in own if v.source == source], named)
            found[source] = Disk(source, image, trees, structs.replace(host, volumes=mine))
    return [found[source] for source, _image in sources]


def _grouped(sources: Sequence[tuple[str, Image]], volumes: Sequence[VolumeTree]) -> list[list[tuple[str, Image]]]:
    """A disk without Windows goes with the one that mounted it; where only one has a Windows, with that."""
    homes = {source: homes_of([v for v in volumes if v.source == source]) for source, _image in sources}
    groups = [[(s, i)] for s, i in sources if homes[s]]
    alone = list[list[tuple[str, Image]]]()
    for source, image in sources:
        if homes[source]:
            continue
        fits = [g for g in groups if any(is_mounted(image, home) for home in homes[g[0][0]])]
        fits = fits or (groups if len(groups) == 1 else [])
        if len(fits) == 1:
            fits[0].append((source, image))
        else:
            alone.append([(source, image)])
    return groups + alone


def _fitting(images: Iterable[Image], volumes: Sequence[VolumeTree], known: Sequence[HostFacts]) -> HostFacts | None:
    """The machine of the case that a source without Windows belongs to: only where there is just one."""
    return known[0] if len(known) == 1 and not homes_of(volumes) else None
