"""Ways to spoil an artefact, each told in words and drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

_RUNS = (1, 2, 4, 16, 512, 4096)


@dataclass(frozen=True, slots=True)
class Damage:
    """Spoilt bytes; `at` is the place where one byte alone was changed, None where more was done."""

    words: str
    raw: bytes
    at: int | None = None


def one_byte(raw: bytes, chance: random.Random) -> Damage:
    """One byte becomes any other; half of the time by one bit, sometimes one that structures text."""
    at = chance.randrange(len(raw))
    byte = raw[at] ^ (1 << chance.randrange(8) if chance.random() < 0.5 else chance.randrange(1, 256))
    if chance.random() < 0.2:
        byte = chance.choice([c for c in b'\n\r",#;=<> \0\xff' if c != raw[at]])
    words = f"byte {at} from {raw[at]:02x} to {byte:02x}"
    return Damage(words, raw[:at] + bytes([byte]) + raw[at + 1 :], at)


def cut(raw: bytes, chance: random.Random) -> Damage:
    """The end is missing."""
    at = chance.randrange(len(raw))
    return Damage(f"cut at {at} of {len(raw)}", raw[:at])


def run(raw: bytes, chance: random.Random) -> Damage:
    """Some bytes in a row become noise, zeros or ones."""
    at, length = chance.randrange(len(raw)), chance.choice(_RUNS)
    length = min(length, len(raw) - at)
    filled = chance.choice([chance.randbytes(length), bytes(length), b"\xff" * length])
    return Damage(f"{length} bytes at {at} spoilt", raw[:at] + filled + raw[at + length :])


def moved(raw: bytes, chance: random.Random) -> Damage:
    """Bytes put in or taken out, so that all behind them lies elsewhere."""
    at, length = chance.randrange(len(raw)), chance.choice(_RUNS[:4])
    if chance.random() < 0.5:
        return Damage(f"{length} bytes put in at {at}", raw[:at] + chance.randbytes(length) + raw[at:])
    return Damage(f"{length} bytes taken out at {at}", raw[:at] + raw[at + length :])


def noise(raw: bytes, chance: random.Random) -> Damage:
    """Nothing of the artefact is left but perhaps its first bytes."""
    kept, length = chance.choice((0, 8, 512)), chance.randrange(8192)
    return Damage(f"{length} random bytes behind the first {kept}", raw[:kept] + chance.randbytes(length))


def drawn(raw: bytes, chance: random.Random) -> Damage:
    """One of the above; most often a single byte."""
    if not raw:
        return noise(raw, chance)
    way = chance.choices((one_byte, cut, run, moved, noise), weights=(12, 3, 3, 2, 1))[0]
    return way(raw, chance)
