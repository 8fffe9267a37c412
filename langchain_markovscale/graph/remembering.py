"""A criterion that decides once for each pattern of attempts.

The mathematics reads of an attempt which key it has, how it was scored and what it revised, and of
keys only whether they are equal. Such patterns repeat from question to question, so that most
decisions have been made before: "one draw, rejected", "a revision that kept the answer, accepted".
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from langchain_markovscale.attempts import Attempt, Decision
from langchain_markovscale.theory.criterion import Criterion

Pattern = tuple[tuple[int | None, float | None, int | None], ...]


class RememberingCriterion(Criterion):
    """Decides as `Criterion` does, and remembers the last 1,024 patterns."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._remembered = lru_cache(maxsize=1024)(self._decide_pattern)

    def decide(
        self, attempts: Sequence[Attempt], class_weights: Sequence[float] | None = None
    ) -> Decision:
        """Return what to do after `attempts`; see `Criterion.decide`."""
        if class_weights is not None:
            return super().decide(attempts, class_weights)
        numbers: dict[str | None, int | None] = {None: None}
        pattern: Pattern = tuple(
            [
                (
                    numbers.setdefault(attempt["key"], len(numbers)),
                    attempt["score"],
                    attempt["parent"],
                )
                for attempt in attempts
            ]
        )
        return self._remembered(pattern).copy()

    def _decide_pattern(self, pattern: Pattern) -> Decision:
        attempts: list[Attempt] = [
            {
                "text": "",
                "key": None if number is None else str(number),
                "score": score,
                "action": "generate" if parent is None else "revise",
                "parent": parent,
                "feedback": None,
                "tokens": None,
            }
            for number, score, parent in pattern
        ]
        return super().decide(attempts)
