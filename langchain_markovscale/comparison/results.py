"""Every number of a comparison, by name, so that all of its outputs say the same."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.replay.crossfit import BudgetUnit, ComparedRule
from langchain_markovscale.theory.rates import Variant
from langchain_markovscale.theory.validation import TOLERANCE
from langchain_markovscale.types import NoKey

_MILLION = 1e6

Finding = Literal["more", "less", "same", "unclear"]
"""Whether MarkovScale is more or less accurate; `unclear` where the interval contains both."""


class RuleResult(NamedTuple):
    """How one rule fared, per question.

    Attributes:
        rule: What was replayed.
        accuracy: Share of right answers.
        attempts: Attempts of the model.
        calls: The same and the verifier's.
        tokens: Of both; None where some are unknown.
        exhausted: Share of runs that ended because the pool had no more.
        belief: What it believed of its answers, to be compared with its accuracy; None where it
            has no beliefs.
        promised: Gain in accuracy that it expected when it first went on, before cost; None where
            it expects none.
        delivered: Gain that came of going on.
        read: Tokens read by model and verifier; like the next two, None where some are unknown.
        written: Tokens written by them.
        seconds: Wall-clock time of their calls, one after the other.
    """

    rule: ComparedRule
    accuracy: Estimate
    attempts: float
    calls: float
    tokens: float | None
    exhausted: float
    belief: float | None
    promised: float | None
    delivered: float
    read: float | None = None
    written: float | None = None
    seconds: float | None = None

    def spent(self, budget: BudgetUnit) -> float:
        """Return what it spends of the budget; NaN where that is unknown."""
        spent = getattr(self, budget)
        return float("nan") if spent is None else float(spent)

    def usd(self, prices: "TokenPrices | None") -> float | None:
        """Return what it takes in USD; None where a price or a number of tokens is unknown."""
        if prices is None or self.read is None or self.written is None:
            return None
        return (self.read * prices.read + self.written * prices.written) / _MILLION


class TokenPrices(NamedTuple):
    """What a million tokens cost, in USD.

    Attributes:
        read: Of input.
        written: Of output.
    """

    read: float
    written: float


class Switch(NamedTuple):
    """One's own rule, and MarkovScale in its place.

    Attributes:
        mine: How the rule fared.
        assumed: Whether nobody has named it, so that a usual one is taken.
        ours: How MarkovScale fared at the cost of a round at which it spends most nearly what the
            rule spends; where the rule is a single pass, at the cost nearest to a point.
        gain: By how much the rule is more accurate than a single pass, paired over questions.
        difference: By how much MarkovScale is more accurate, paired over questions.
        even: The same for as much of the budget as the rule spends, as in a `Duel`.
        saved: By how much it spends less of the budget, paired over questions.
        needed: What MarkovScale spends to be as accurate as the rule; infinite where it never is.
    """

    mine: RuleResult
    assumed: bool
    ours: RuleResult
    gain: Estimate
    difference: Estimate
    even: Estimate
    saved: Estimate
    needed: Estimate

    @property
    def finding(self) -> Finding:
        """Whether MarkovScale is more accurate, interval and all."""
        return found(self.difference)


class Duel(NamedTuple):
    """MarkovScale at the budget of a rule.

    Attributes:
        rule: Name of the rule.
        variant: Of MarkovScale.
        budget: What the rule spends per question.
        accuracy: Of MarkovScale at that budget, between neighbouring costs if need be.
        difference: By how much MarkovScale is more accurate, paired over questions.
        needed: What MarkovScale spends to be as accurate as the rule; infinite where it never is.
    """

    rule: str
    variant: Variant
    budget: float
    accuracy: float
    difference: Estimate
    needed: Estimate

    @property
    def finding(self) -> Finding:
        """Whether MarkovScale is more accurate, interval and all."""
        return found(self.difference)


class Standing(NamedTuple):
    """MarkovScale at one cost, against what hindsight would have chosen.

    Attributes:
        variant: Of MarkovScale.
        cost: c, of a round.
        budget: What it spends per question.
        accuracy: Its accuracy.
        rival: The most accurate rule that spends no more.
        lead: By how much MarkovScale is more accurate than that, paired over questions.
        worth: Its accuracy less c for as much of the budget as a round takes: an attempt and its
            verification.
        best: The rule for which that is highest.
        regret: By how much it is higher for that rule, paired over questions.
    """

    variant: Variant
    cost: float
    budget: float
    accuracy: float
    rival: str
    lead: Estimate
    worth: float
    best: str
    regret: Estimate


@dataclass(frozen=True)
class ComparisonFindings:
    """The numbers of a comparison.

    Attributes:
        rows: How each rule fared.
        switch: What MarkovScale in place of one's own rule changes.
        prices: Of tokens; None where none were given.
        duels: MarkovScale at the budget of each rule, by variant.
        standings: MarkovScale at each cost, by variant.
        budget: What is spent.
        questions: Questions that were replayed.
        recorded: Questions of the pool; more than those where a random sample was taken.
        repeats: Runs at each question.
        level: Coverage of all intervals.
        seed: Of the folds, the fits and the resampling.
        max_rounds: The most attempts that MarkovScale may make.
        source: Where the calibration comes from; None where each fold was fitted.
        unverified: Share of MarkovScale's runs, over the costs of the first variant, that did not
            use the verifier although there was one.
        left_out: Kinds of rules that were left out, with the reason.
        reading_counts: Whether tokens are those read and written, not those written alone.
        attempts: Recorded attempts of the pool.
        no_key: Those without a key, by the reason, where it is known.
        censored: Whether the loop's own rule ended every run, so that no rule goes further in a
            chain of revisions than it did.
    """

    rows: tuple[RuleResult, ...]
    switch: Switch
    prices: TokenPrices | None
    duels: tuple[Duel, ...]
    standings: tuple[Standing, ...]
    budget: BudgetUnit
    questions: int
    recorded: int
    repeats: int
    level: float
    seed: int
    max_rounds: int
    source: str | None
    unverified: float
    left_out: tuple[str, ...]
    reading_counts: bool
    attempts: int
    no_key: dict[NoKey, int]
    censored: bool = False

    @property
    def variants(self) -> tuple[Variant, ...]:
        """MarkovScale's variants, the first being the one that the verdict is about."""
        return tuple(dict.fromkeys(row.rule.variant for row in self.rows if row.rule.variant))

    @property
    def rules(self) -> tuple[RuleResult, ...]:
        """The rules to beat."""
        return tuple(row for row in self.rows if row.rule.kind == "rule")

    @property
    def bounds(self) -> tuple[RuleResult, ...]:
        """The oracles, which read the labels and cannot be used in practice."""
        return tuple(row for row in self.rows if row.rule.kind == "bound")

    def curve(self, variant: Variant) -> tuple[RuleResult, ...]:
        """MarkovScale at each cost, from the highest to the lowest."""
        return tuple(row for row in self.rows if row.rule.variant == variant)

    def duels_of(self, variant: Variant) -> tuple[Duel, ...]:
        """MarkovScale at the budget of each rule."""
        return tuple(duel for duel in self.duels if duel.variant == variant)

    def standings_of(self, variant: Variant) -> tuple[Standing, ...]:
        """MarkovScale at each cost."""
        return tuple(each for each in self.standings if each.variant == variant)


def found(difference: Estimate) -> Finding:
    """Return whether a difference is above zero, interval and all."""
    low, high = difference.interval or (difference.value, difference.value)
    if low > TOLERANCE:
        return "more"
    if high < -TOLERANCE:
        return "less"
    return "same" if max(-low, high) <= TOLERANCE else "unclear"


def number(value: float) -> str:
    """Return an amount with three digits or more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
