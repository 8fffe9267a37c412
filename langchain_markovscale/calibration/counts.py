"""How much of what a calibration learns from is there: keys, scores and labels, by attempts.

A recording without keys, or one whose labels are all false, fits without an error and says nothing
of use; these counts, shown wherever traces are made or read, are how somebody notices.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class AttemptCounts:
    """Counts of attempts.

    Attributes:
        attempts: All of them.
        keyed: Those with a key.
        scored: Those with a score.
        labelled: Those of which it is known whether they are right.
        right: Those that are.
    """

    attempts: int = 0
    keyed: int = 0
    scored: int = 0
    labelled: int = 0
    right: int = 0

    def add(self, attempts: Iterable[Mapping[str, Any]]) -> None:
        """Count more attempts."""
        for attempt in attempts:
            label = attempt.get("correct")
            self.attempts += 1
            self.keyed += attempt["key"] is not None
            self.scored += attempt["score"] is not None
            self.labelled += label is not None
            self.right += label is True

    def __str__(self) -> str:
        noun = "attempt" if self.attempts == 1 else "attempts"
        text = (
            f"Of {self.attempts} {noun}: {self.keyed} with a key, {self.scored} with a score, "
            f"{self.labelled} with a label, {self.right} right."
        )
        if self.labelled and not self.right:
            text += " None is right: do the answer key and the grader fit the answers?"
        return text
