"""Attempts counted: how many there are, what they have, and what they took."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_markovscale.answers.reading import count_without_key, without_key_in_words
from langchain_markovscale.display.wording import counted
from langchain_markovscale.types import NoKey, Usage, add_usage, no_usage


@dataclass
class AttemptCounts:
    """Counts of attempts.

    Attributes:
        attempts: All of them.
        keyed: Those with a key.
        scored: Those with a score.
        labelled: Those of which it is known whether they are right.
        right: Those that are.
        usage: Calls and tokens of those that have a `usage`.
        unmeasured: Those that have none.
        no_key: Those without a key, by the reason, where it is known.
    """

    attempts: int = 0
    keyed: int = 0
    scored: int = 0
    labelled: int = 0
    right: int = 0
    usage: Usage = field(default_factory=no_usage)
    unmeasured: int = 0
    no_key: dict[NoKey, int] = field(default_factory=dict)

    def add(self, attempts: Iterable[Mapping[str, Any]]) -> None:
        """Count more attempts."""
        attempts = list(attempts)
        for reason, number in count_without_key(attempts).items():
            self.no_key[reason] = self.no_key.get(reason, 0) + number
        for attempt in attempts:
            label = attempt.get("correct")
            self.attempts += 1
            self.keyed += attempt["key"] is not None
            self.scored += attempt["score"] is not None
            self.labelled += label is not None
            self.right += label is True
            usage = attempt.get("usage") or {}
            self.unmeasured += not usage
            for part in usage.values():
                self.usage = add_usage(self.usage, part)

    def __str__(self) -> str:
        text = (
            f"Of {counted(self.attempts, 'attempt')}: {self.keyed:,} with a key, "
            f"{self.scored:,} with a score, {self.labelled:,} with a label, {self.right:,} right. "
            f"{self._usage_text()}"
        )
        if self.no_key:
            text += f" {without_key_in_words(self.no_key, self.attempts)}"
        if self.labelled and not self.right:
            text += " None is right: check that the answer key and the grader fit the answers."
        return text

    def _usage_text(self) -> str:
        usage, read, written = self.usage, self.usage["input_tokens"], self.usage["output_tokens"]
        counts = ((usage["unknown"], "call"), (self.unmeasured, "attempt"))
        unknown = " and ".join(counted(*each) for each in counts if each[0])
        # A verifier that asks no model takes no tokens; the usage of other calls is still unknown.
        if not usage["calls"] or (unknown and not read + written):
            return "Usage: unknown."
        return (
            f"Usage: {read} tokens read, {written} written{unknown and f', unknown for {unknown}'}."
        )
