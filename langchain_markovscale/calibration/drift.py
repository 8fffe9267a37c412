"""Drift in production: whether, and since when, the rates of a calibration no longer hold."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from langchain_markovscale.calibration.change_test import change
from langchain_markovscale.calibration.drift_events import DriftEvents, Events
from langchain_markovscale.calibration.observable_rates import (
    LABELLED,
    UNLABELLED,
    WORDS,
    Observable,
    chances,
)
from langchain_markovscale.calibration.report.findings import Drift, drift_at
from langchain_markovscale.calibration.report.sections import drift_table
from langchain_markovscale.display import plotting
from langchain_markovscale.display.display import Display
from langchain_markovscale.display.document import Document, Section, Table, Tone
from langchain_markovscale.display.wording import counted, listed, percent
from langchain_markovscale.theory.rates import Rates, is_default_prior
from langchain_markovscale.traces.trace import Trace, read_traces
from langchain_markovscale.types import ArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from langchain_markovscale.calibration.calibration import Calibration

_WITHIN = 0.9  # chance that a change lies in the range that is told
_NO_LABELS = (
    "Without labels nobody sees whether answers are right. What can be seen is how often the "
    "verifier accepts, how often a revision changes the answer, and how often answers agree. A "
    "model that gets worse while a verifier gets more lenient may look the same as before, and a "
    "change that is seen does not say which of the two it was: label some traces to tell."
)


class RateDrift(NamedTuple):
    """What became of one rate.

    Attributes:
        name: What is counted, such as `"initial"` or `"repair"`, see `observable_rates`.
        events: How many events there were.
        expected: The mean chance that the calibration gave them; since the change, where there was
            one.
        seen: The share that happened, in the same time.
        evidence: The largest likelihood ratio for a change, which is reached with a chance of at
            most 1 in so many where nothing changes.
        changed: Whether that was enough for an alarm.
        alarm: Index of the trace at which it was; None without.
        since: Index of the trace from which on the rate is most likely another; None without.
        between: (first, last) index between which that trace lies with a chance of 90 %.
    """

    name: Observable
    events: int
    expected: float
    seen: float
    evidence: float
    changed: bool
    alarm: int | None = None
    since: int | None = None
    between: tuple[int, int] | None = None


@dataclass(frozen=True, repr=False)
class DriftReport(Display):
    """Whether the rates of a calibration hold in later traces; `Calibration.drift` makes one.

    Attributes:
        rates: What became of each rate that the traces tell of.
        alpha: Chance of any false alarm, however long one watches.
        traces: How many traces there were.
        labelled: How many of them have labels.
        ids: The ids of the traces, by their index.
        corrected: Revisions of wrong answers by depth, as seen and as expected.
        broken: Revisions of right answers by depth.
        certain: Whether the rates were taken to be exact, since nothing was resampled.
    """

    rates: tuple[RateDrift, ...]
    alpha: float
    traces: int
    labelled: int
    ids: tuple[str, ...]
    corrected: tuple[Drift, ...]
    broken: tuple[Drift, ...]
    certain: bool

    @property
    def drifted(self) -> bool:
        """Whether any rate no longer holds."""
        return any(each.changed for each in self.rates)

    @cached_property
    def document(self) -> Document:
        """All that there is to say, the verdict first."""
        tone: Tone = "bad" if self.drifted else "plain"
        return Document(
            title="Drift of the rates",
            tone=tone,
            summary=(self._verdict(), *self._details()),
            basis=(
                f"The test may be looked at after every trace: where nothing changes, the chance "
                f"of an alarm, ever, is at most {self.alpha:.0%}, on average over what the "
                "calibration leaves open. A change is dated to within a range that holds with a "
                f"chance of {_WITHIN:.0%}."
            ),
            warnings=tuple(self._warnings()),
            sections=tuple(self._sections()),
        )

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Plot how often revisions corrected and broke answers by depth, seen and expected.

        Raises:
            ModuleNotFoundError: If matplotlib is missing; the message names the extra.
            ValueError: If no labelled revision was seen.
        """
        from langchain_markovscale.calibration.report.plots import by_depth

        if not self.corrected:
            raise ValueError("the traces hold no labelled revisions, and have nothing to plot.")
        return by_depth(self.corrected, self.broken, ax)

    def _draw(self, name: str) -> "Figure":
        return plotting.figure_of(self.plot)

    def _verdict(self) -> str:
        changed = [each for each in self.rates if each.changed]
        if not changed:
            return (
                f"No drift was found in {counted(self.traces, 'trace')}: the rates of the "
                "calibration still describe them, as far as can be seen."
            )
        first = min(changed, key=lambda each: each.since or 0)
        since = f"trace {self.ids[first.since or 0]!r}, number {(first.since or 0) + 1}"
        told = listed(
            f"{WORDS[each.name]} are {percent(each.seen)} where {percent(each.expected)} were "
            "expected"
            for each in changed
        )
        return f"The rates no longer hold, most likely since {since} of {self.traces:,}: {told}."

    def _details(self) -> Iterator[str]:
        for each in self.rates:
            if each.changed and each.between and each.alarm is not None:
                low, high = (end + 1 for end in each.between)
                yield (
                    f"{WORDS[each.name].capitalize()}: the change lies between traces {low:,} and "
                    f"{high:,}, and was certain enough at trace {each.alarm + 1:,}."
                )
        if self.drifted:
            yield "Calibrate again, with traces from after the change."

    def _warnings(self) -> Iterator[str]:
        if self.certain:
            yield (
                "the calibration has no resampled fits, so its rates are taken to be exact: where "
                "they were measured, alarms may be false."
            )

    def _sections(self) -> Iterator[Section]:
        words = (
            "Evidence is the largest likelihood ratio for a change so far. An alarm needs "
            f"{len(self.rates) / self.alpha:,.0f}. Seen and expected are counted since the change "
            "where there was one, and over all traces otherwise."
        )
        rows = tuple(
            (
                WORDS[each.name],
                f"{each.events:,}",
                percent(each.expected, 1),
                percent(each.seen, 1),
                f"{each.evidence:,.2g}" if each.evidence < 1e6 else "over a million",
                "–" if each.since is None else f"{each.since + 1:,}",
            )
            for each in self.rates
        )
        headings = ("share of", "events", "expected", "seen", "evidence", "since trace")
        yield Section("What was watched", (words,), Table(headings, rows, left=1))
        if self.corrected:
            yield Section(
                "By depth of revision",
                (
                    "Revisions as they were seen in all of these traces and as the calibration "
                    "expects them, given what came before at the same question; z is the "
                    "difference in standard deviations.",
                ),
                drift_table(self.corrected, self.broken),
                "drift",
            )
        if self.labelled < self.traces:
            yield Section("What this cannot see", (_NO_LABELS,))


def find_drift(
    calibration: "Calibration", traces: Iterable[Trace] | str | PathLike[str], alpha: float
) -> DriftReport:
    """Return whether the rates hold in later traces; see `Calibration.drift`."""
    if not isinstance(alpha, (int, float)) or not 0 < alpha < 1:
        raise ArgumentError(
            "alpha", f"must lie between 0 and 1, got {alpha!r}: 0.05 is one false alarm in twenty."
        )
    if is_default_prior(calibration.rates):
        raise ValueError(
            "the calibration was not measured (training-free prior), so that there is nothing to "
            "drift from: fit one to traces, or make one by from_rates."
        )
    if isinstance(traces, (str, PathLike)):
        traces = read_traces(traces)
    found = DriftEvents(calibration.class_rates)
    found.read(traces)
    kinds = [kind for kind in (*LABELLED, *UNLABELLED) if kind in found.by_kind]
    if not kinds:
        raise ValueError(
            "the traces hold nothing to watch: they need labels, or keys with revisions or several "
            "fresh draws, or scores of a verifier that the calibration has measured."
        )
    spreads = _spreads(calibration.draws)
    return DriftReport(
        rates=tuple(
            _rate(kind, found.by_kind[kind], spreads.get(kind, 0.0), alpha / len(kinds))
            for kind in kinds
        ),
        alpha=alpha,
        traces=len(found.ids),
        labelled=found.labelled,
        ids=tuple(found.ids),
        corrected=_by_depth(found.by_kind.get("repair"), found.by_kind.get("corruption")),
        broken=_by_depth(found.by_kind.get("corruption"), found.by_kind.get("repair")),
        certain=not calibration.draws,
    )


def _spreads(draws: Sequence[Rates]) -> dict[Observable, float]:
    """Return the standard error of each chance's logit over resampled fits."""
    if len(draws) < 2:
        return {}
    values: dict[Observable, list[float]] = {}
    for draw in draws:
        for kind, chance in chances(draw).items():
            inside = min(max(chance, 1e-6), 1 - 1e-6)
            values.setdefault(kind, []).append(log(inside / (1 - inside)))
    return {kind: float(np.std(each, ddof=1)) for kind, each in values.items()}


def _rate(kind: Observable, events: Events, spread: float, alpha: float) -> RateDrift:
    found = change(events.happened, events.chances, spread, _WITHIN)
    most = float(found.log_evidence.max())
    evidence = float(np.exp(min(most, 700.0)))
    changed = most >= -log(alpha)
    begin = found.since if changed else 0
    base = RateDrift(
        kind,
        len(events.happened),
        float(np.mean(events.chances[begin:])),
        float(np.mean(events.happened[begin:])),
        evidence,
        changed,
    )
    if not changed:
        return base
    at = events.traces
    alarm = at[int((found.log_evidence >= -log(alpha)).argmax())]
    first, last = found.between
    return base._replace(alarm=alarm, since=at[found.since], between=(at[first], at[last]))


def _by_depth(events: Events | None, other: Events | None) -> tuple[Drift, ...]:
    """Return revisions by depth, as deep as either kind goes."""
    deepest = max((max(each.depths) for each in (events, other) if each), default=0)
    rows = []
    for depth in range(1, deepest + 1):
        here = [i for i, each in enumerate(events.depths if events else ()) if each == depth]
        happened = sum(events.happened[i] for i in here) if events else 0
        expected = sum(events.chances[i] for i in here) if events else 0.0
        rows.append(drift_at(depth, len(here), happened, expected))
    return tuple(rows)
