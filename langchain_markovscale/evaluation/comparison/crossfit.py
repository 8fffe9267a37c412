"""Every rule replayed on every question, with nothing learned from the question it is tried on.

The pool is halved; what is learned from one half (a calibration, the threshold from which scores
are accepted, whether the verifier is worth what it costs) is tried on the other, and the other way
round. Each repeat halves the pool anew and begins with another fresh draw, so that neither one
split nor one first answer decides.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.evaluation.comparison.half import Half
from langchain_markovscale.evaluation.comparison.rules import (
    NEVER,
    Kind,
    Player,
    Prices,
    Questions,
    Rule,
    Settings,
)
from langchain_markovscale.evaluation.pool import Pool
from langchain_markovscale.evaluation.replay import Strategy
from langchain_markovscale.evaluation.strategies import (
    OracleGate,
    SinglePass,
    baselines,
    looks_at_scores,
)

Floats = NDArray[np.float64]
Strategies = Mapping[str, Strategy] | Callable[[Calibration], Mapping[str, Strategy]]
"""Rules by name, or what makes them from the calibration of the other half."""

_DRAWS = 16  # resampled fits that a criterion decides with


@dataclass
class Tally:
    """Sums over the runs at each question, shape (Q,).

    Attributes:
        correct: Runs that ended with a right answer.
        attempts: Attempts of the model.
        verified: Those that the rule had verified.
        tokens: Of both; NaN where some are unknown.
        exhausted: Runs that ended because the pool had no more.
        belief: What the rule believed of its answers; NaN where it has no beliefs.
    """

    correct: Floats
    attempts: Floats
    verified: Floats
    tokens: Floats
    exhausted: Floats
    belief: Floats

    @classmethod
    def zero(cls, questions: int) -> "Tally":
        """Return the tally before any run."""
        return cls(*np.zeros((6, questions)))


@dataclass
class Crossfit:
    """Replays the halves of the pool one after the other, and adds up.

    Args:
        pool: The recorded attempts.
        settings: How MarkovScale is run.
        strategies: The rules to beat; None for the usual ones.
        calibration: One that was fitted to other questions; None to fit each half.
        tallies: What came out, by rule, in the order of the rules.
        declined: Questions that a rule was tried on without a verifier that was there.
    """

    pool: Pool
    settings: Settings
    strategies: Strategies | None
    calibration: Calibration | None
    tallies: dict[Rule, Tally] = field(default_factory=dict)
    declined: Counter[Rule] = field(default_factory=Counter)

    def run(self, repeat: int) -> None:
        """Replay every rule once at every question.

        Args:
            repeat: Which halving, and which fresh draw is the first.
        """
        one, other = self.pool.halves(self.settings.seed, repeat)
        for learned_from, tried_on in ((one, other), (other, one)):
            half = self._half(learned_from, tried_on, repeat)
            for rule, player in self._players(half):
                self._add(rule, player, half, tried_on)

    def _half(self, learned_from: list[int], tried_on: list[int], start: int) -> Half:
        learned = Questions.of(self.pool, learned_from)
        return Half(
            calibration=self._fitted(learned_from),
            learned=learned,
            tried=Questions.of(self.pool, tried_on),
            prices=Prices.of(learned.scored, self.settings.budget),
            start=start,
            seed=self.settings.seed,
        )

    def _fitted(self, learned_from: Sequence[int]) -> Calibration:
        if self.calibration is not None:
            return self.calibration
        return Calibration.fit(
            [self.pool.traces[index] for index in learned_from],
            n_bootstrap=_DRAWS,
            seed=self.settings.seed,
        )

    def _players(self, half: Half) -> Iterator[tuple[Rule, Player]]:
        named = {"single pass": SinglePass(), **self._named(half.calibration)}
        for name, strategy in named.items():
            kind: Kind = "bound" if isinstance(strategy, OracleGate) else "rule"
            yield Rule(name, kind), Player(strategy, looks_at_scores(strategy))
        for variant in self.settings.variants:
            yield Rule.markovscale(variant, NEVER), Player(SinglePass(), verifies=False)
            for cost in self.settings.costs:
                yield Rule.markovscale(variant, cost), half.player(variant, cost, self.settings)

    def _named(self, calibration: Calibration) -> Mapping[str, Strategy]:
        if self.strategies is None:
            pool, most = self.pool, self.settings.max_rounds
            return baselines(
                calibration.rates.accept_threshold,
                rounds=min(most, pool.longest_chain),
                draws=min(most, pool.most_draws),
                most=most,
                keyed=pool.keyed,
                scored=pool.scored,
                criticised=pool.criticised,
            )
        named = self.strategies(calibration) if callable(self.strategies) else self.strategies
        before = [rule.name for rule in self.tallies if rule.kind != "markovscale"]
        if before and {*named, "single pass"} != set(before):
            raise ValueError(
                "strategies must return rules of the same names for every calibration, got "
                f"{sorted(named)} after {sorted(before)}."
            )
        return named

    def _add(self, rule: Rule, player: Player, half: Half, where: list[int]) -> None:
        outcome = player.replayed(half.tried, half.start)
        self.declined[rule] += player.declined * len(where)
        tally = self.tallies.setdefault(rule, Tally.zero(len(self.pool)))
        tally.correct[where] += outcome.correct
        tally.attempts[where] += outcome.attempts
        tally.exhausted[where] += outcome.exhausted
        tally.belief[where] += outcome.belief
        verified = outcome.verified * player.verifies
        tally.verified[where] += verified
        price = [question.verification_tokens for question in half.tried.scored]
        each = np.array([np.nan if tokens is None else tokens for tokens in price])
        tally.tokens[where] += outcome.tokens + np.where(verified > 0, verified * each, 0.0)
