"""How many were right, and how little a few questions say about how many would be."""

from typing import NamedTuple


class Score(NamedTuple):
    """A number of right answers.

    Attributes:
        right: How many were right.
        asked: Of how many questions, at least 1.
    """

    right: int
    asked: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy on questions like these."""
        from scipy.stats import binomtest

        found = binomtest(self.right, self.asked).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def in_words(self) -> str:
        """Return the score and its interval, such as ``9 of 12 (75%; 95% interval 47% to 91%)``."""
        low, high = self.interval
        share = self.right / self.asked
        return f"{self.right} of {self.asked} ({share:.0%}; 95% interval {low:.0%} to {high:.0%})"
