"""How sure a fit is, and what it was made from: all that a report shows, as plain values."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FitSummary:
    """What was seen, what was fitted, and how well the one foretells the other.

    Attributes:
        questions: Questions in the traces.
        attempts: Attempts in the traces.
        labelled: Attempts whose correctness was known.
        keyed: Whether answers had keys.
        seed: Seed of every random step, so that all numbers can be made again.
        level: Coverage of all intervals, in (0, 1).
        intervals: For each rate, (low, high) by class, or of the one value.
        right: Correct labelled attempts after 0, 1, … revisions.
        total: Labelled attempts after 0, 1, … revisions.
        fitted: Accuracy after 0, 1, … revisions by the fit.
        band: (low, high) of that accuracy, by bootstrap over questions.
        held_out: Accuracy after 0, 1, … revisions as fits without a question foretell it.
        class_likelihood: For each number of classes tried, mean log likelihood of a held-out
            question.
        drift: For each depth: revisions of wrong answers, repaired ones, those that the fit
            expects; revisions of correct answers, corrupted ones, those that it expects.
        auc: Chance that a correct attempt is scored above a wrong one; None if unmeasured.
        auc_interval: Its interval.
        reliability: For each bin of scores: mean score, share correct, attempts.
        warnings: What the user should know before relying on the rates, in sentences.
    """

    questions: int
    attempts: int
    labelled: int
    keyed: bool
    seed: int
    level: float
    intervals: dict[str, tuple[tuple[float, float], ...]]
    right: tuple[float, ...]
    total: tuple[float, ...]
    fitted: tuple[float, ...]
    band: tuple[tuple[float, float], ...]
    held_out: tuple[float, ...]
    class_likelihood: dict[str, float]
    drift: tuple[tuple[float, ...], ...]
    auc: float | None
    auc_interval: tuple[float, float]
    reliability: tuple[tuple[float, ...], ...]
    warnings: tuple[str, ...] = field(default=())
