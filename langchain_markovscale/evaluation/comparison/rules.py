"""What is compared: the rules to beat, bounds, and MarkovScale at each cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal, NamedTuple

from langchain_markovscale.attempts import Action
from langchain_markovscale.calibration.traces import Trace
from langchain_markovscale.evaluation.pool import Pool, PooledQuestion
from langchain_markovscale.evaluation.replay import Outcome, Strategy, replay
from langchain_markovscale.theory.variants import Variant

Kind = Literal["rule", "bound", "markovscale"]

Budget = Literal["tokens", "calls", "attempts"]
"""What is spent: tokens, calls (of model and verifier), or attempts (of the model alone)."""

NEVER = float("inf")  # the cost at which a criterion always stops after the first answer


@dataclass(frozen=True)
class Settings:
    """How MarkovScale is run; see `compare_strategies`."""

    costs: tuple[float, ...]
    variants: tuple[Variant, ...]
    max_rounds: int
    actions: tuple[Action, ...]
    choices: int | None
    budget: Budget
    seed: int


@dataclass(frozen=True)
class Rule:
    """One of the rules to beat, a bound, or MarkovScale at a cost.

    At the cost `NEVER` it is a single pass, which needs no verifier.
    """

    name: str
    kind: Kind
    variant: Variant | None = None
    cost: float | None = None

    @classmethod
    def markovscale(cls, variant: Variant, cost: float) -> "Rule":
        """Return MarkovScale at a cost."""
        at = "single pass" if cost == NEVER else f"c = {cost:g}"
        name = f"MarkovScale, {variant.replace('_', '-')}, {at}"
        return cls(name, "markovscale", variant, cost)


class Questions(NamedTuple):
    """Some questions of the pool.

    Attributes:
        traces: As recorded.
        scored: With the scores and the feedback of their attempts.
        bare: Without.
    """

    traces: list[Trace]
    scored: list[PooledQuestion]
    bare: list[PooledQuestion]

    @classmethod
    def of(cls, pool: Pool, indices: Sequence[int]) -> "Questions":
        """Return the questions of a pool at some indices."""
        scored = [pool[index] for index in indices]
        return cls(
            [pool.traces[index] for index in indices],
            scored,
            [question.without_verdicts() for question in scored],
        )


class Prices(NamedTuple):
    """What is spent of the budget, on average.

    Attributes:
        attempt: By an attempt.
        verification: By its verification.
    """

    attempt: float
    verification: float

    @property
    def round(self) -> float:
        """By both."""
        return self.attempt + self.verification

    @classmethod
    def of(cls, questions: Sequence[PooledQuestion], budget: Budget) -> "Prices":
        """Return the prices that some questions paid; those of tokens must be known."""
        if budget != "tokens":
            verified = any(question.verified for question in questions)
            return cls(1.0, 1.0 if budget == "calls" and verified else 0.0)
        tokens = [each["tokens"] or 0 for question in questions for each in question.attempts]
        checked = [question.verification_tokens or 0.0 for question in questions]
        return cls(fmean(tokens), fmean(checked))


class Player(NamedTuple):
    """A rule, made ready for half of the questions.

    Attributes:
        strategy: A strategy, or one for each question.
        verifies: Whether it has attempts verified; else it sees no scores.
        declined: Whether it could have had them verified, and does not since that costs more than
            it brings.
    """

    strategy: Strategy | Sequence[Strategy]
    verifies: bool
    declined: bool = False

    def replayed(self, questions: Questions, start: int) -> Outcome:
        """Replay it, beginning with that fresh draw."""
        seen = questions.scored if self.verifies else questions.bare
        return replay(self.strategy, seen, starts=(start,))
