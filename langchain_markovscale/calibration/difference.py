"""Two calibrations side by side: what a new prompt or model has changed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from langchain_markovscale.calibration.observable_rates import LABELLED, WORDS, chances
from langchain_markovscale.calibration.summary import ends_of
from langchain_markovscale.display import plotting
from langchain_markovscale.display.display import Display
from langchain_markovscale.display.document import Document, Section, Table, Tone
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.display.wording import counted, listed, percent
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.validation import TOLERANCE, check_level

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from langchain_markovscale.calibration.calibration import Calibration

_REVISIONS = (1, 2, 3)  # whose accuracy is compared, beside that of first answers
_GAINS: dict[str, int] = {"initial": 1, "repair": 1, "corruption": -1}
_VERIFIER = ("sensitivity", "specificity")


class RateChange(NamedTuple):
    """One number before and after.

    Attributes:
        name: Such as `"repair"` or `"accuracy after 2 revisions"`.
        before: Of the first calibration, with its interval.
        after: Of the second one.
        change: The second less the first; without an interval where one of them has none.
        better: 1 where more is better, −1 where less is.
    """

    name: str
    before: Estimate
    after: Estimate
    change: Estimate
    better: int

    @property
    def words(self) -> str:
        """What it is, as a reader is told."""
        return _words(self.name)

    @property
    def finding(self) -> Literal["better", "worse", "noise", "unknown"]:
        """Whether it has changed for the better or the worse, beyond its interval."""
        if self.change.interval is None:
            return "unknown"
        low, high = self.change.interval
        if low <= TOLERANCE and high >= -TOLERANCE:
            return "noise"
        return "better" if self.change.value * self.better > 0 else "worse"


@dataclass(frozen=True, repr=False)
class Difference(Display):
    """What is different between two calibrations; `Calibration.diff` makes one.

    Attributes:
        rows: Each number before and after.
        level: Coverage of the intervals.
        sources: Where the two calibrations come from.
        questions: How many questions each was fitted to; None where it was not fitted.
        unmeasured: What is not compared, since one of the two has not measured it.
    """

    rows: tuple[RateChange, ...]
    level: float
    sources: tuple[str, str]
    questions: tuple[int | None, int | None]
    unmeasured: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> RateChange:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"There is no {name!r}; known are {', '.join(r.name for r in self.rows)}.")

    @cached_property
    def document(self) -> Document:
        """All that there is to say, the verdict first."""
        return Document(
            title="Two calibrations",
            tone=self._tone(),
            summary=(self._verdict(), *self._outcome()),
            basis=(
                f"Before: {self._basis(0)}. After: {self._basis(1)}. Brackets show "
                f"{self.level:.0%} intervals over questions, as if the two were measured on "
                "different ones: where the questions are the same, a change may be surer than "
                "shown."
            ),
            warnings=tuple(self._warnings()),
            sections=(self._section(),),
            plot="difference",
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Plot every change with its interval, on given axes or on a new figure of pyplot.

        Raises:
            ModuleNotFoundError: If matplotlib is missing; the message names the extra.
        """
        from langchain_markovscale.calibration.difference_plot import changes

        return changes(self.rows, ax)

    def _draw(self, name: str) -> "Figure":
        return plotting.figure_of(self.plot)

    @property
    def _rates(self) -> tuple[RateChange, ...]:
        return tuple(row for row in self.rows if row.name in LABELLED)

    def _tone(self) -> Tone:
        found = {row.finding for row in self.rows}
        if "worse" in found:
            return "unsure" if "better" in found else "bad"
        return "good" if "better" in found else "plain"

    def _verdict(self) -> str:
        if all(row.finding == "unknown" for row in self.rows):
            return "What is different cannot be told from chance: no fits were resampled."
        clear = [row for row in self._rates if row.finding in ("better", "worse")]
        outcome = " ".join(self._moved())
        if not clear:
            if not outcome:
                return "No rate has clearly changed: every difference is within noise."
            return f"No rate has clearly changed by itself. {outcome}"
        told = listed(f"{row.words} {row.change.points} ({row.finding})" for row in clear)
        rest = "The other rates are within noise." if len(clear) < len(self._rates) else ""
        return " ".join(filter(None, (f"What has changed: {told}.", outcome, rest)))

    def _moved(self) -> Iterator[str]:
        """Say after how many revisions accuracy has changed, for the better or the worse."""
        for finding in ("better", "worse"):
            found = {row.name for row in self.rows if row.finding == finding}
            moved = [number for number in _REVISIONS if _after(number) in found]
            if moved:
                last = f"revision{'s' * (moved[-1] > 1)}"
                yield f"Accuracy after {listed(map(str, moved))} {last} is {finding}."

    def _outcome(self) -> Iterator[str]:
        accuracies = [row for row in self.rows if row.name not in LABELLED or row.name == "initial"]
        if len(accuracies) == 1:  # nothing is known of revisions
            return
        before = max(row.before.value for row in accuracies)
        after = max(row.after.value for row in accuracies)
        yield (
            f"With up to {counted(_REVISIONS[-1], 'blind revision', in_words=True)} answers are "
            f"right {percent(after, 1)} of the time at best; before it was {percent(before, 1)}."
        )

    def _basis(self, place: int) -> str:
        many = self.questions[place]
        source = self.sources[place].rstrip(".")
        return source if many is None else f"{source}, {counted(many, 'question')}"

    def _warnings(self) -> Iterator[str]:
        if self.unmeasured:
            yield (
                f"{listed(map(_words, self.unmeasured))} are not compared, since one of the "
                "calibrations was fitted to traces that do not tell them."
            )
        if any(row.finding == "unknown" for row in self.rows):
            yield (
                "some changes have no interval, since one of the calibrations holds no resampled "
                "fits: calibrate with n_bootstrap=200."
            )

    def _section(self) -> Section:
        rows = tuple(
            (
                row.words,
                row.before.fine_percent,
                row.after.fine_percent,
                row.change.in_points(unit=False),
                {"noise": "within noise", "unknown": "–"}.get(row.finding, row.finding),
            )
            for row in self.rows
        )
        misses = (1 - self.level) * len(self.rows)
        words = (
            "Shares of all questions. Accuracy after revisions is that of blind ones, which are "
            f"all accepted. Of {len(self.rows)} numbers that have not changed at all, about "
            f"{misses:.1g} would lie beyond its interval by chance.",
        )
        headings = ("share of", "before", "after", "change\n(points)", "")
        return Section("Before and after", words, Table(headings, rows, left=1))


def difference(before: "Calibration", after: "Calibration", level: float) -> Difference:
    """Return what is different between two calibrations; see `Calibration.diff`."""
    check_level(level)
    names = [*LABELLED, *map(_after, _REVISIONS)]
    lacking = [_lacking(each) for each in (before, after)]
    return Difference(
        rows=tuple(
            _row(name, before, after, level)
            for name in names
            if not any(name in each for each in lacking)
        ),
        level=level,
        sources=(before.source, after.source),
        questions=(_questions(before), _questions(after)),
        unmeasured=tuple(
            name
            for name in names
            if name in LABELLED and (name in lacking[0]) != (name in lacking[1])
        ),
    )


def _lacking(calibration: "Calibration") -> set[str]:
    """Return what a calibration's traces do not tell, so that the rates only have a default."""
    of_revisions = {"repair", "corruption", *map(_after, _REVISIONS)}
    tells_of_revisions = calibration.fitted is None or calibration.fitted.revised
    rates = (calibration.rates, *calibration.draws)
    silent = rates[0].verdicts_say_nothing or (
        len(rates) > 1 and all(draw.verdicts_say_nothing for draw in rates[1:])
    )
    return (set() if tells_of_revisions else of_revisions) | (set(_VERIFIER) if silent else set())


def _questions(calibration: "Calibration") -> int | None:
    return None if calibration.fitted is None else calibration.fitted.questions


def _quantity(name: str) -> Callable[[Rates], float]:
    """Return what gives the number of a row from rates."""
    if name in LABELLED:
        return lambda rates: chances(rates)[name]
    (revisions,) = (number for number in _REVISIONS if _after(number) == name)
    return lambda rates: float(rates.mixture.accuracy(revisions))


def _row(name: str, before: "Calibration", after: "Calibration", level: float) -> RateChange:
    of = _quantity(name)
    old, new = of(before.rates), of(after.rates)
    olds, news = ([of(draw) for draw in each.draws] for each in (before, after))
    # Independent bootstraps: any pairing of their draws is as good as any other.
    changes = [later - earlier for earlier, later in zip(olds, news, strict=False)]
    return RateChange(
        name,
        Estimate.of(old, olds, level).reaching(ends_of(before.fitted, name)),
        Estimate.of(new, news, level).reaching(ends_of(after.fitted, name)),
        Estimate.of(new - old, changes, level),
        _GAINS.get(name, 1),
    )


def _after(revisions: int) -> str:
    return f"accuracy after {revisions} revision{'s' * (revisions > 1)}"


def _words(name: str) -> str:
    return WORDS.get(name, name)  # type: ignore[call-overload,no-any-return]
