"""RC4 with the key that Defender uses for its quarantine: obfuscation that everybody may undo, not a secret.

The key has been published many times (for instance in Cuckoo Sandbox and in Fox-IT's dissect).
"""

from __future__ import annotations

_KEY = bytes.fromhex(
    "1e87781b8dbaa844ce69702c0c78b786a3f623b738f5edf9af83530fb3fc54faa21eb9cf1331fd0f0da954f687cb9e182796"
    "97900e53fb317c9cbce48e23d05371ecc15951b8f3649d7ca33ed68dc9047e82c9baad9799d0d458cb847ca9ffbe3c8a7752"
    "33557dde13a8b14087cc1bc8f10f6ecdd083a959cff84a9d1d50755e3e191818af23e2293558766d2c07e25712b2ca0b535e"
    "d8f6c56ce73d24bdd0291771861a54b4c285a9a3db7aca6d224aeacd621db9f2a22ed1e9e11d75bed7dc0ecb0a8e68a2ff12"
    "63408dc808dffd164b116774cd0b9b8d05411ed6262e429ba495676b8398db2f35d3c1b9ced52636f2765e1a95cb7ca4c3dd"
    "abddbff38253"
)


class Rc4:
    """The running key stream; `turn` hides or shows the next bytes."""

    def __init__(self) -> None:
        box, j = list(range(256)), 0
        for i in range(256):
            j = (j + box[i] + _KEY[i]) & 255
            box[i], box[j] = box[j], box[i]
        self._box, self._i, self._j = box, 0, 0

    def turn(self, raw: bytes) -> bytes:
        """The next bytes, as many as are given."""
        box, i, j = self._box, self._i, self._j
        stream = bytearray(len(raw))
        for at in range(len(raw)):
            i = (i + 1) & 255
            a = box[i]
            j = (j + a) & 255
            b = box[j]
            box[i], box[j] = b, a
            stream[at] = box[(a + b) & 255]
        self._i, self._j = i, j
        return (int.from_bytes(raw, "little") ^ int.from_bytes(stream, "little")).to_bytes(len(raw), "little")


def turn(raw: bytes) -> bytes:
    """Bytes under a key stream of their own."""
    return Rc4().turn(raw)
