"""The summary of a fit, and its rates as a table with intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from math import inf
from typing import NamedTuple

from langchain_markovscale.display.display import Display
from langchain_markovscale.display.document import Document, Section, Table
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.display.wording import counted, sentence
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.validation import TOLERANCE, check_level, non_negative, whole
from langchain_markovscale.types import NoKey

Drift = tuple[float, float, float, float, float, float]
Bin = tuple[float, float, float]


@dataclass(frozen=True)
class FitSummary:
    """What was seen, what was fitted, and how well they agree.

    Attributes:
        questions: Questions in the traces.
        attempts: Attempts in the traces.
        labelled: Attempts with a label.
        keyed: Whether answers had keys.
        seed: Seed of every random step, so that all numbers can be made again.
        level: Coverage of all intervals, in (0, 1).
        intervals: For each rate, (low, high) by class, or of the one value.
        right: Correct labelled attempts after 0, 1, … revisions.
        total: Labelled attempts after 0, 1, … revisions.
        fitted: Accuracy after 0, 1, … revisions by the fit.
        band: (low, high) of that accuracy, by bootstrap over questions.
        held_out: Accuracy after 0, 1, … revisions predicted by fits that had not seen the question.
        class_likelihood: For each number of classes tried, mean log likelihood of a held-out
            question.
        drift: For each depth: revisions of wrong answers, repaired ones, those that the fit
            expects; revisions of correct answers, corrupted ones, those that it expects.
        auc: Chance that a correct attempt is scored above a wrong one; None if unmeasured.
        auc_interval: Its interval.
        reliability: For each bin of scores: mean score, share correct, attempts.
        warnings: What the user should know before relying on the rates, in sentences.
        auc_within: Chance that a correct attempt is scored above a wrong one at the same question,
            in the mean over questions; None if unmeasured.
        auc_within_interval: Its interval.
        no_key: Attempts without a key, by the reason, where it is known.

    Raises:
        ValueError: If a number leaves its range, or lengths differ.
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
    drift: tuple[Drift, ...]
    auc: float | None
    auc_interval: tuple[float, float]
    reliability: tuple[Bin, ...]
    warnings: tuple[str, ...] = field(default=())
    auc_within: float | None = None
    auc_within_interval: tuple[float, float] = (0.0, 1.0)
    no_key: dict[NoKey, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_level(self.level)
        for name in ("questions", "attempts", "labelled", "seed"):
            whole(name, getattr(self, name))
        for name in ("right", "total"):
            non_negative(name, getattr(self, name))
        depths, seen = len(self.fitted), len(self.total)
        if not 1 <= seen == len(self.right) <= depths == len(self.held_out):
            raise ValueError(
                "right and total must have as many values, at least one, and fitted and held_out "
                f"no fewer, got {len(self.right)}, {seen}, {depths} and {len(self.held_out)}."
            )
        if len(self.band) not in (0, depths):
            raise ValueError(f"band must have {depths} intervals or none, got {len(self.band)}.")
        if not all(number.isdecimal() for number in self.class_likelihood):
            raise ValueError(
                f"class_likelihood must be by numbers of classes, got {[*self.class_likelihood]}."
            )

    @property
    def revised(self) -> bool:
        """Whether there were revisions, so that something is known of what one does."""
        return any(row[0] + row[3] > 0 for row in self.drift)


# Of the fields of `Rates`; what scores say has rows of its own.
_NO_RATES = ("accept_threshold", "score_cuts", "score_log_ratios", "scores", "keyed")
_AVERAGED = ("initial", "repair", "corruption")  # whose means over questions have rows
_ALIKE = ("sensitivity", "specificity")  # often the same in all classes, and then shown once
_SYMBOLS = {
    "weights": "w",
    "initial": "p₀",
    "repair": "α",
    "corruption": "β",
    "sensitivity": "s",
    "specificity": "u",
    "settling": "d",
    "coincidence": "κ",
    "concentration": "θ",
    "plausible_wrong": "M",
    "retention": "σ",
    "verdict_correlation": "ρ",
    "mean_initial": "p₀",
    "mean_repair": "α",
    "mean_corruption": "β",
    "scores.right": "μ₁",
    "scores.wrong": "μ₀",
    "scores.difficulty": "γ",
    "scores.intercept": "ω",
    "scores.right_spread": "s₁",
    "scores.wrong_spread": "s₀",
}
_OF_VERDICTS = {"scores.right": "a₁", "scores.wrong": "a₀"}  # instead, where scores are two-valued
_NO_PARAMETERS = ("scores", "quantiles", "cuts")  # of the fields of `GradedScores`
_LEVEL = 0.9  # where no fit says
_MOST = 40  # rows that are shown; of more, the first and the last


class RateRow(NamedTuple):
    """One rate with its interval.

    Attributes:
        name: As in `Calibration.from_rates`; with several classes `repair[0]` and so on. Beside
            those `concentration`, θ = 1/κ − 1; `mean_initial`, `mean_repair` and
            `mean_corruption`, means over questions; `auc` and `auc_within`, as in `FitSummary`;
            and what scores say, `scores.right` and so on, as in `theory/intercept.py`.
        estimate: Its value.
        low: Where its interval begins; None where nothing was resampled.
        high: Where its interval ends; None where nothing was resampled.
        n: How many questions or events it rests on, those of all classes together; None where
            that is not known.
    """

    name: str
    estimate: float
    low: float | None
    high: float | None
    n: int | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """(low, high), or None where nothing was resampled."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, repr=False)
class RateTable(Display):
    """The rates of a calibration with their intervals; print it, or let a notebook show it.

    `Calibration.summary` makes one. Iterate over it, or look a rate up by its name or its place:

    Example:
        table = calibration.summary()
        table["repair[0]"].low

    Attributes:
        rows: A row for each rate; `pandas.DataFrame(table.rows)` makes a frame of them.
        level: Coverage of the intervals.
        source: Where the rates come from.
    """

    rows: tuple[RateRow, ...]
    level: float
    source: str

    def __iter__(self) -> Iterator[RateRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: str | int) -> RateRow:
        if not isinstance(which, str):
            return self.rows[which]
        for row in self.rows:
            if row.name == which:
                return row
        names = ", ".join(row.name for row in self.rows[:_MOST])
        raise KeyError(f"The table has no rate {which!r}; its rates are {names}.")

    def __repr__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, dict[str, float | int | None]]:
        """Return estimate, low, high and n by the name of the rate, as plain JSON values."""
        return {
            row.name: {"estimate": row.estimate, "low": row.low, "high": row.high, "n": row.n}
            for row in self.rows
        }

    @cached_property
    def document(self) -> Document:
        """The table with its explanation."""
        words = "Nothing was resampled, so that there are no intervals."
        if any(row.low is not None for row in self.rows):
            words = (
                f"Low and high are the ends of the {self.level:.0%} interval over resampled "
                "questions; a dash means that there is none."
            )
        if any(row.n is not None for row in self.rows):
            words += (
                " n is the number of observations behind a rate, where that is known, over all "
                "classes: questions for weights, first answers for initial, revisions of wrong and "
                "of right answers for repair and corruption, repeated revisions for settling, "
                "scored right and wrong answers for sensitivity and specificity."
            )
        return Document(
            title="Rates of the calibration",
            tone="plain",
            summary=(sentence(f"{counted(len(self), 'rate')}: {self.source.rstrip('.')}"),),
            sections=(Section("Rates", (words,), self._table()),),
        )

    def _table(self) -> Table:
        graded = any(row.name == "scores.right_spread" for row in self.rows)
        symbols = _SYMBOLS if graded else _SYMBOLS | _OF_VERDICTS
        cells = [
            (
                row.name,
                symbols.get(row.name.partition("[")[0], ""),
                *Estimate(row.estimate, row.interval).columns,
                "–" if row.n is None else f"{row.n:,}",
            )
            for row in self.rows
        ]
        if len(cells) > _MOST:
            cells[_MOST // 2 : -_MOST // 2] = [("…",) * 6]
        return Table(("rate", "", "estimate", "low", "high", "n"), tuple(cells), left=2)


def ends_of(fitted: FitSummary | None, name: str) -> tuple[float, float] | None:
    """Return what intervals of a rate reach to whatever their level; None where nothing was fitted.

    That is 0 where its event never happened, and 1 where it always did, as in the fit's own ones;
    (∞, −∞), which widen no interval, elsewhere.
    """
    if fitted is None:
        return None
    each = fitted.intervals.get(name, ())
    return (
        0.0 if each and all(low == 0 for low, _ in each) else inf,
        1.0 if each and all(high == 1 for _, high in each) else -inf,
    )


def rate_table(
    rates: Rates,
    draws: Sequence[Rates],
    fitted: FitSummary | None,
    source: str,
    level: float | None = None,
    scores: GradedScores | TwoValuedScores | None = None,
) -> RateTable:
    """Return the rates of a calibration as a table; see `Calibration.summary`.

    Args:
        rates: The rates.
        draws: Rates fitted to resampled questions.
        fitted: What the rates were fitted to; None where nothing was fitted.
        source: Where they come from.
        level: Coverage of the intervals; None for that of the fit.
        scores: What scores say of an answer, where that was fitted.
    """
    if level is None:
        level = fitted.level if fitted else _LEVEL
    check_level(level)
    numbers, rows = _numbers(rates, fitted), []
    for name in (each.name for each in fields(Rates) if each.name not in _NO_RATES):
        value = getattr(rates, name)
        if value is None:  # any number of plausible wrong answers
            continue
        known = numbers.get(name), ends_of(fitted, name)
        if not isinstance(value, tuple):
            drawn = [getattr(draw, name) for draw in draws]
            rows.append(_row(name, value, drawn, level, *known))
            if name == "coincidence" and rates.plausible_wrong is None:
                thetas = [draw.urn.concentration for draw in draws]
                rows.append(_row("concentration", rates.urn.concentration, thetas, level, None))
            continue
        once = name in _ALIKE and max(value) - min(value) <= TOLERANCE
        for k, each in enumerate(value[:1] if once else value):
            full = name if once or rates.n_classes == 1 else f"{name}[{k}]"
            drawn = [getattr(draw, name)[k] for draw in draws]
            rows.append(_row(full, each, drawn, level, *known))
    if rates.n_classes > 1:
        for name in _AVERAGED:
            value, drawn = _mean(rates, name), [_mean(draw, name) for draw in draws]
            known = numbers.get(name), ends_of(fitted, name)
            rows.append(_row(f"mean_{name}", value, drawn, level, *known))
    rows += _areas(fitted, level if draws else None)
    if scores is not None:
        rows += _parameters(scores)
    return RateTable(tuple(rows), level, source)


def _mean(rates: Rates, name: str) -> float:
    """Return the mean of a rate over questions, Σ w_k rate_k."""
    values: tuple[float, ...] = getattr(rates, name)
    return float(sum(w * value for w, value in zip(rates.weights, values, strict=True)))


def _areas(fitted: FitSummary | None, level: float | None) -> Iterator[RateRow]:
    """Yield both AUCs, with their intervals if the level is that of the fit."""
    if fitted is None:
        return
    measured = {
        "auc": (fitted.auc, fitted.auc_interval),
        "auc_within": (fitted.auc_within, fitted.auc_within_interval),
    }
    for name, (value, interval) in measured.items():
        if value is not None:
            low, high = interval if level == fitted.level else (None, None)
            yield RateRow(name, value, low, high, None)


def _parameters(scores: GradedScores | TwoValuedScores) -> Iterator[RateRow]:
    for each in fields(scores):
        if each.name not in _NO_PARAMETERS:
            yield RateRow(f"scores.{each.name}", getattr(scores, each.name), None, None, None)


def _row(
    name: str,
    value: float,
    drawn: Sequence[float],
    level: float,
    number: int | None,
    ends: tuple[float, float] | None = None,
) -> RateRow:
    if not drawn or max(drawn) - min(drawn) <= TOLERANCE:  # then it was not resampled
        return RateRow(name, float(value), None, None, number)
    low, high = Estimate.of(value, drawn, level).reaching(ends).interval or (None, None)
    return RateRow(name, float(value), low, high, number)


def _numbers(rates: Rates, fitted: FitSummary | None) -> dict[str, int]:
    """Return how many questions or events each rate rests on, as far as the fit says."""
    if fitted is None:
        return {}
    numbers = {
        "weights": fitted.questions,
        "repair": round(sum(row[0] for row in fitted.drift)),
        "corruption": round(sum(row[3] for row in fitted.drift)),
        "settling": round(sum(row[0] + row[3] for row in fitted.drift[1:])),
    }
    if fitted.labelled < fitted.attempts:  # unlabelled ones count only as the fit weighs them
        return numbers
    numbers["initial"] = round(fitted.total[0])
    if not rates.verdicts_say_nothing:
        numbers["sensitivity"] = round(sum(share * n for _, share, n in fitted.reliability))
        numbers["specificity"] = round(sum((1 - share) * n for _, share, n in fitted.reliability))
    return numbers
