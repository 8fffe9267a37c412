"""What is compared: the rules to beat, bounds, and MarkovScale at each cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from langchain_markovscale.attempts import Action
from langchain_markovscale.evaluation.pool import PooledQuestion
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


class Player(NamedTuple):
    """A rule, made ready for half of the questions.

    Attributes:
        strategy: A strategy, or one for each question.
        verifies: Whether it has attempts verified; else it sees no scores.
    """

    strategy: Strategy | Sequence[Strategy]
    verifies: bool

    def replayed(self, questions: "Questions", start: int) -> Outcome:
        """Replay it, beginning with that fresh draw."""
        seen = questions.scored if self.verifies else questions.bare
        return replay(self.strategy, seen, starts=(start,))


class Questions(NamedTuple):
    """Questions of the pool, with and without their scores."""

    scored: list[PooledQuestion]
    bare: list[PooledQuestion]
