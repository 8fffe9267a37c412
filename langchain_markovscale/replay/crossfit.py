"""Cross-fitting: every rule replayed on every question, nothing learned from that question.

The pool is split into two folds; what is learned from one (a calibration, the threshold from which
scores are accepted, whether the verifier is worth its cost) is tried on the other, and the other
way round. Each repeat splits the pool anew and begins with another fresh draw, so that the result
depends on no single split or first answer. How a fit is made is the caller's to say.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

import numpy as np

from langchain_markovscale.replay.learned_rules import learned_rules
from langchain_markovscale.replay.named_rules import NamedRule
from langchain_markovscale.replay.pool import Pool, PooledQuestion
from langchain_markovscale.replay.replay import Floats, Outcome, Strategy, replay
from langchain_markovscale.replay.strategies import (
    Predicted,
    SinglePass,
    baselines,
    looks_at_scores,
)
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.rates import HasRates, Rates, Variant
from langchain_markovscale.traces.trace import Trace
from langchain_markovscale.traces.usage import Took
from langchain_markovscale.types import Action

Kind = Literal["rule", "bound", "markovscale"]

BudgetUnit = Literal["tokens", "calls", "attempts"]
"""What is spent: tokens, calls (of model and verifier), or attempts (of the model alone)."""

SINGLE_PASS = "single pass"
NEVER = float("inf")  # the cost at which a criterion always stops after the first answer


class FittedRates(HasRates, Protocol):
    """What is fitted to a fold, such as a `Calibration`."""

    @property
    def rates(self) -> Rates:
        """The rates as fitted; their threshold is the one from which rules accept a score."""


Fit = TypeVar("Fit", bound=FittedRates)
Strategies = Mapping[str, Strategy] | Callable[[Fit], Mapping[str, Strategy]]
"""Rules by name, or what makes them from the fit to the other fold."""

Weights = Sequence[float]
WeightsOf = Callable[[Sequence[Trace]], Iterable[Weights]]
"""The class weights of some questions: what the variant `"map"` decides with."""


@dataclass(frozen=True)
class CrossfitSettings:
    """How MarkovScale is run; see `compare_strategies`."""

    costs: tuple[float, ...]
    variants: tuple[Variant, ...]
    max_rounds: int
    actions: tuple[Action, ...]
    choices: int | None
    budget: BudgetUnit
    seed: int
    mine: NamedRule | None = None


@dataclass(frozen=True)
class ComparedRule:
    """One of the rules to beat, a bound, or MarkovScale at a cost.

    At the cost `NEVER` it is a single pass, which needs no verifier.
    """

    name: str
    kind: Kind
    variant: Variant | None = None
    cost: float | None = None

    @classmethod
    def markovscale(cls, variant: Variant, cost: float) -> "ComparedRule":
        """Return MarkovScale at a cost."""
        at = SINGLE_PASS if cost == NEVER else f"c = {cost:g}"
        name = f"MarkovScale, {variant.replace('_', '-')}, {at}"
        return cls(name, "markovscale", variant, cost)


class QuestionSet(NamedTuple):
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
    def of(cls, pool: Pool, indices: Sequence[int]) -> "QuestionSet":
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
    def of(cls, questions: Sequence[PooledQuestion], budget: BudgetUnit) -> "Prices":
        """Return the prices that some questions paid; those of tokens must be known."""
        if budget != "tokens":
            verified = any(question.verified for question in questions)
            return cls(1.0, 1.0 if budget == "calls" and verified else 0.0)
        tokens = [each or 0 for question in questions for each in question.tokens]
        checked = [question.verification_tokens or 0.0 for question in questions]
        return cls(fmean(tokens), fmean(checked))


class FoldRule(NamedTuple):
    """A rule, made ready for the questions of a fold.

    Attributes:
        strategy: A strategy, or one for each question.
        verifies: Whether it has attempts verified; else it sees no scores.
        declined: Whether it could have had them verified, and does not since that costs more than
            it gains.
    """

    strategy: Strategy | Sequence[Strategy]
    verifies: bool
    declined: bool = False

    def replayed(self, questions: QuestionSet, start: int) -> Outcome:
        """Replay it, beginning with that fresh draw."""
        seen = questions.scored if self.verifies else questions.bare
        return replay(self.strategy, seen, starts=(start,))


@dataclass(frozen=True)
class Fold(Generic[Fit]):
    """The questions of a fold, and what was learned from the other one.

    Attributes:
        fitted: What was fitted to the other fold.
        learned: The questions of the other fold.
        tried: The questions of this fold.
        prices: What an attempt and its verification take, in the other fold.
        start: The fresh draw that runs begin with.
        predict: Learns from traces and what was fitted to them to predict class weights.
    """

    fitted: Fit
    learned: QuestionSet
    tried: QuestionSet
    prices: Prices
    start: int
    predict: Callable[[Sequence[Trace], Fit], WeightsOf]

    @cached_property
    def weights_of(self) -> WeightsOf:
        """Predicts class weights as the other fold has taught it."""
        return self.predict(self.learned.traces, self.fitted)

    def rule(self, variant: Variant, cost: float, settings: CrossfitSettings) -> FoldRule:
        """Return MarkovScale for this fold, with or without the verifier.

        Args:
            variant: Which one.
            cost: c, of a verified round.
            settings: The rest.
        """
        criterion = self._criterion(variant, cost, settings)
        verifying = self._ready(criterion, self.tried)
        if not self.prices.verification:
            return verifying
        unverified = cost * self.prices.attempt / self.prices.round
        bare = self._criterion(variant, unverified, settings).without_verifier()
        if verifying.verifies:
            with_it, without = (self._ready(each, self.learned) for each in (criterion, bare))
            if self._worth(with_it, cost) >= self._worth(without, cost):
                return verifying
        return self._ready(bare, self.tried)._replace(declined=True)

    def _worth(self, fold_rule: FoldRule, cost: float) -> float:
        """Return the accuracy that a rule expects on the other fold, less its cost.

        By its own beliefs, which vary less than a few dozen labels.
        """
        outcome = fold_rule.replayed(self.learned, self.start)
        paid = outcome.attempts * self.prices.attempt
        if fold_rule.verifies:
            paid = paid + outcome.verified * self.prices.verification
        return float(outcome.belief.mean() - cost * paid.mean() / self.prices.round)

    def _criterion(self, variant: Variant, cost: float, settings: CrossfitSettings) -> Criterion:
        return Criterion(
            self.fitted,
            cost,
            settings.max_rounds,
            settings.actions,
            choices=settings.choices,
            variant=variant,
        )

    def _ready(self, criterion: Criterion, questions: QuestionSet) -> FoldRule:
        """Return a criterion as the rule for some questions."""
        strategy: Strategy | Sequence[Strategy] = criterion
        if criterion.variant == "map":
            weights = self.weights_of(questions.traces)
            strategy = [Predicted(criterion, each) for each in weights]
        return FoldRule(strategy, looks_at_scores(criterion))


@dataclass
class Crossfit(Generic[Fit]):
    """Replays one fold of the pool after the other, and adds up.

    Args:
        pool: The recorded attempts.
        settings: How MarkovScale is run.
        strategies: The rules to beat; None for the usual ones.
        fit: Makes of the traces of a fold what the other fold is tried with.
        predict: Learns from them to predict class weights, for the variant `"map"`.
        tallies: Sums over the runs at each question by rule, in the order of the rules; `verified`
            are the attempts that the rule had verified, and `tokens` include their verifications.
        declined: Questions on which a rule did not use the verifier although there was one.
    """

    pool: Pool
    settings: CrossfitSettings
    strategies: Strategies[Fit] | None
    fit: Callable[[Sequence[Trace]], Fit]
    predict: Callable[[Sequence[Trace], Fit], WeightsOf]
    tallies: dict[ComparedRule, Outcome] = field(default_factory=dict)
    declined: Counter[ComparedRule] = field(default_factory=Counter)

    def run(self, repeat: int) -> None:
        """Replay every rule once at every question.

        Args:
            repeat: Which split, and which fresh draw is the first.
        """
        one, other = self.pool.folds(self.settings.seed, repeat)
        for learned_from, tried_on in ((one, other), (other, one)):
            fold = self._fold(learned_from, tried_on, repeat)
            for rule, fold_rule in self._fold_rules(fold):
                self._add(rule, fold_rule, fold, tried_on)

    def _fold(self, learned_from: list[int], tried_on: list[int], start: int) -> Fold[Fit]:
        learned = QuestionSet.of(self.pool, learned_from)
        return Fold(
            fitted=self.fit(learned.traces),
            learned=learned,
            tried=QuestionSet.of(self.pool, tried_on),
            prices=Prices.of(learned.scored, self.settings.budget),
            start=start,
            predict=self.predict,
        )

    def _fold_rules(self, fold: Fold[Fit]) -> Iterator[tuple[ComparedRule, FoldRule]]:
        named = {SINGLE_PASS: SinglePass(), **self._named(fold)}
        mine = self.settings.mine
        if mine and mine.name not in named:
            named[mine.name] = mine.make(fold.fitted.rates.accept_threshold)
        for name, strategy in named.items():
            kind: Kind = "bound" if getattr(strategy, "bound", False) else "rule"
            yield ComparedRule(name, kind), FoldRule(strategy, looks_at_scores(strategy))
        for variant in self.settings.variants:
            yield ComparedRule.markovscale(variant, NEVER), FoldRule(SinglePass(), verifies=False)
            for cost in self.settings.costs:
                yield (
                    ComparedRule.markovscale(variant, cost),
                    fold.rule(variant, cost, self.settings),
                )

    def _named(self, fold: Fold[Fit]) -> Mapping[str, Strategy]:
        if self.strategies is None:
            pool, most = self.pool, self.settings.max_rounds
            rounds, draws = min(most, pool.longest_chain), min(most, pool.most_draws)
            usual = baselines(
                fold.fitted.rates.accept_threshold,
                rounds=rounds,
                draws=draws,
                most=most,
                keyed=pool.keyed,
                scored=pool.scored,
                criticised=pool.criticised,
            )
            learned = learned_rules(
                fold.learned.scored,
                rounds=rounds,
                draws=draws,
                keyed=pool.keyed,
                scored=pool.scored,
            )
            return usual | learned
        named = self.strategies(fold.fitted) if callable(self.strategies) else self.strategies
        before = [rule.name for rule in self.tallies if rule.kind != "markovscale"]
        mine = {self.settings.mine.name} if self.settings.mine else set()
        if before and {*named, SINGLE_PASS} | mine != set(before):
            raise ValueError(
                "strategies must return rules of the same names for every calibration, got "
                f"{sorted(named)} after {sorted(before)}: keep the names the same."
            )
        return named

    def _add(
        self, rule: ComparedRule, fold_rule: FoldRule, fold: Fold[Fit], where: list[int]
    ) -> None:
        outcome = fold_rule.replayed(fold.tried, fold.start)
        self.declined[rule] += fold_rule.declined * len(where)
        verified = outcome.verified * fold_rule.verifies
        price = [question.verification_tokens for question in fold.tried.scored]
        each = np.array([np.nan if tokens is None else tokens for tokens in price])
        tokens = outcome.tokens + np.where(verified > 0, verified * each, 0.0)
        tally = self.tallies.setdefault(rule, Outcome.zero(len(self.pool)))
        spent = _with_verifications(outcome, verified, fold.tried.scored)
        tally.add(replace(outcome, verified=verified, tokens=tokens, **spent), where)


def _with_verifications(
    outcome: Outcome, verified: Floats, questions: Sequence[PooledQuestion]
) -> dict[str, Floats]:
    """Return what was read and written, and how long it took, verifications included."""
    each = np.array([question.verification_usage for question in questions])
    with np.errstate(invalid="ignore"):
        added = np.where(verified[:, None] > 0, verified[:, None] * each, 0.0)
    return {name: getattr(outcome, name) + added[:, at] for at, name in enumerate(Took._fields)}
