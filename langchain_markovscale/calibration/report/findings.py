"""Every number of a report, by name, so that all of its faces say the same."""

from dataclasses import dataclass
from typing import NamedTuple

from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.calibration.simulate import Outcome
from langchain_markovscale.faces.estimates import Estimate
from langchain_markovscale.theory.rates import Rates

COSTS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Costs of a round that a report looks at, beside the one that it is asked for."""

_FEW = 8  # classes
_SOME = 0.5  # answers: without labels these counts are expectations, hardly ever quite zero


class Round(NamedTuple):
    """Accuracy after some revisions.

    Attributes:
        revisions: How many, from 0.
        fitted: By the fit, with the band of resampled fits.
        gain: By how much it differs from the accuracy of first answers.
        seen: Share of labelled attempts that were right; None where there were none.
        attempts: Labelled attempts.
        held_out: By fits that had not seen the question; None where nothing was fitted.
    """

    revisions: int
    fitted: Estimate
    gain: Estimate
    seen: float | None = None
    attempts: int = 0
    held_out: float | None = None


class ClassRates(NamedTuple):
    """One class of questions.

    Attributes:
        weight: Its share of questions.
        initial: p₀.
        repair: α.
        corruption: β.
        level: The accuracy that rounds tend to: α/(α+β), or short of it where rates settle.
        levels: The same in the resampled fits, beside their p₀: pairs (p₀, level).
    """

    weight: Estimate
    initial: Estimate
    repair: Estimate
    corruption: Estimate
    level: Estimate
    levels: tuple[tuple[float, float], ...]


class Drift(NamedTuple):
    """Changes at one depth of revision, as seen and as the fit expects them.

    Attributes:
        depth: From 1, the first revision of a fresh draw.
        revised: Answers of this kind that were revised.
        changed: Those that changed kind.
        expected: Those that the fit expects to have.
        z: (changed − expected) in standard deviations; 0 where nothing could change.
    """

    depth: int
    revised: float
    changed: float
    expected: float
    z: float

    @property
    def empty(self) -> bool:
        """Whether nothing was there to change: rates of nothing are unknown, and not zero."""
        return self.revised < _SOME


@dataclass(frozen=True)
class Findings:
    """What a calibration says.

    Attributes:
        calibration: The calibration.
        cost_per_round: The cost at which a policy is recommended, in units of accuracy.
        max_rounds: The most attempts, the first included.
        seed: Seed of the simulation.
        level: Coverage of the intervals.
        horizon: Revisions that the verdict looks at: as many as were traced.
        rounds: Accuracy after 0 … `horizon` revisions.
        most: The most that blind revising adds to accuracy within the horizon, over any number
            of revisions from 1 up; negative where every number of them loses.
        best_revisions: The number that this takes by the fit.
        paid_revisions: T*, the best number at the cost, within the horizon.
        repair: Share of wrong first answers that a revision mends.
        corruption: Share of right first answers that a revision breaks.
        bounds: Lower, neutral and upper bound of accuracy over all rounds.
        classes: By class, in falling order of p₀.
        mended: Drift of repair with depth.
        broken: Drift of corruption with depth.
        keyed: Whether answers have keys, by which they can be compared.
        costs: Costs of a round, rising.
        outcomes: What the criterion buys at each of them (simulated).
        recommended: What it buys at `cost_per_round` (simulated).
    """

    calibration: Calibration
    cost_per_round: float
    max_rounds: int
    seed: int
    level: float
    horizon: int
    rounds: tuple[Round, ...]
    most: Estimate
    best_revisions: int
    paid_revisions: int
    repair: Estimate
    corruption: Estimate
    bounds: tuple[Estimate, Estimate, Estimate]
    classes: tuple[ClassRates, ...]
    mended: tuple[Drift, ...]
    broken: tuple[Drift, ...]
    keyed: bool
    costs: tuple[float, ...]
    outcomes: tuple[Outcome, ...]
    recommended: Outcome

    @property
    def few_classes(self) -> bool:
        """Whether there are so few classes that each can be shown; a grid's are not."""
        return len(self.classes) <= _FEW

    @property
    def rates(self) -> Rates:
        """The calibration's rates."""
        return self.calibration.rates
