"""What was to be reached, sentence by sentence, and whether it was."""

from __future__ import annotations

from dataclasses import dataclass, field

WORDS = {True: "reached", False: "NOT REACHED", None: "no verdict"}


@dataclass(slots=True)
class Verdicts:
    """Gathers the sentences of one run; `tell` prints them at its end."""

    rows: list[tuple[str, str, bool | None]] = field(default_factory=list)

    def add(self, sentence: str, got: str, reached: bool | None) -> None:
        """A sentence, the figures of this run, and whether they reach it (None: nothing to compare, or no target)."""
        self.rows.append((sentence, got, reached))

    def least(self, sentence: str, got: float, wanted: float, unit: str, note: str = "") -> None:
        """At least so much is wanted."""
        self.add(
            f"{sentence}: at least {wanted:g} {unit}", f"{got:.{2 if got < 10 else 0}f} {unit}{note}", got >= wanted
        )

    def most(self, sentence: str, got: float, wanted: float, unit: str, note: str = "") -> None:
        """At most so much is wanted."""
        self.add(
            f"{sentence}: at most {wanted:g} {unit}", f"{got:.{2 if got < 10 else 0}f} {unit}{note}", got <= wanted
        )

    def tell(self) -> None:
        """Print all, one a line."""
        reached = sum(1 for _s, _g, r in self.rows if r)
        print(f"\n{reached} of {len(self.rows)} reached")
        for sentence, got, said in self.rows:
            print(f"  {WORDS[said]:<12} {sentence}  [{got}]")
