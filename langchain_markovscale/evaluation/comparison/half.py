"""MarkovScale made ready for one half of the questions by what the other half teaches.

Beside rates, the other half teaches whether the verifier is worth what it costs: where a
verification takes as much as an attempt and says little, the same budget buys more without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.evaluation.comparison.rules import Player, Prices, Questions, Settings
from langchain_markovscale.evaluation.replay import Strategy
from langchain_markovscale.evaluation.strategies import Predicted, looks_at_scores
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.variants import Variant

if TYPE_CHECKING:
    from langchain_markovscale.calibration.predictor.class_predictor import ClassPredictor


@dataclass(frozen=True)
class Half:
    """The questions of a half, and what was learned from the other one.

    Attributes:
        calibration: Fitted to the other half.
        learned: The questions of the other half.
        tried: The questions of this half.
        prices: What an attempt and its verification take, in the other half.
        start: The fresh draw that runs begin with.
        seed: Of what is learned.
    """

    calibration: Calibration
    learned: Questions
    tried: Questions
    prices: Prices
    start: int
    seed: int

    @cached_property
    def predictor(self) -> "ClassPredictor":
        """What the other half teaches of classes, by the features recorded with the traces."""
        from langchain_markovscale.calibration.predictor.class_predictor import ClassPredictor

        return ClassPredictor.fit(self.learned.traces, self.calibration, seed=self.seed)

    def player(self, variant: Variant, cost: float, settings: Settings) -> Player:
        """Return MarkovScale for this half, with or without the verifier.

        Args:
            variant: Which one.
            cost: c, of a verified round.
            settings: The rest.
        """
        verifying = self._player(self.calibration, variant, cost, settings, self.tried)
        if not self.prices.verification:
            return verifying
        bare = self.calibration.decision_rates.without_verifier()
        bare_cost = cost * self.prices.attempt / self.prices.round
        if verifying.verifies:
            with_it = self._player(self.calibration, variant, cost, settings, self.learned)
            without = self._player(bare, variant, bare_cost, settings, self.learned)
            if self._worth(with_it, cost) >= self._worth(without, cost):
                return verifying
        declining = self._player(bare, variant, bare_cost, settings, self.tried)
        return declining._replace(declined=True)

    def _worth(self, player: Player, cost: float) -> float:
        """Return what a player expects to earn on the other half, less what it pays for it.

        By its own beliefs, which are surer than a few dozen labels.
        """
        outcome = player.replayed(self.learned, self.start)
        paid = outcome.attempts * self.prices.attempt
        if player.verifies:
            paid = paid + outcome.verified * self.prices.verification
        return float(outcome.belief.mean() - cost * paid.mean() / self.prices.round)

    def _player(
        self,
        source: Calibration | Rates,
        variant: Variant,
        cost: float,
        settings: Settings,
        questions: Questions,
    ) -> Player:
        criterion = Criterion(
            source,
            cost,
            settings.max_rounds,
            settings.actions,
            choices=settings.choices,
            variant=variant,
        )
        strategy: Strategy | Sequence[Strategy] = criterion
        if variant == "map":
            weights = self.predictor.weights_of(
                [trace["question"] for trace in questions.traces],
                [trace.get("features") for trace in questions.traces],
            )
            strategy = [Predicted(criterion, each) for each in weights]
        return Player(strategy, looks_at_scores(criterion))
