"""The plots of a report (extra `plot`).

Each draws one picture on given axes, or on a new figure of pyplot, with a legend below.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.report.findings import COSTS, Drift, Findings
from langchain_markovscale.display.plotting import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    STYLE,
    TALL,
    VERMILION,
    legend_below,
    percent_axis,
    pyplot_module,
    report_axes,
    widened,
    with_margins,
)
from langchain_markovscale.display.wording import percent, points
from langchain_markovscale.theory.intercept import GradedScores
from langchain_markovscale.theory.rates import Rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPXh"  # of classes


def accuracy_by_round(found: Findings, ax: "Axes | None" = None) -> "Axes":
    """Plot accuracy after each number of revisions: seen, fitted with its band, held out."""
    with report_axes(ax, "Accuracy by number of blind revisions") as ax:
        t = np.arange(len(found.rounds))
        fitted = np.array([each.fitted.value for each in found.rounds])
        name = "fit" if found.calibration.fitted else "forecast"
        if all(each.fitted.interval for each in found.rounds):
            low, high = np.array([each.fitted.interval for each in found.rounds]).T
            ax.fill_between(t, low, high, color=BLUE, alpha=0.2, linewidth=0)
            name = f"fit, {found.level:.0%} band"
        ax.plot(t, fitted, color=BLUE, label=name)
        if found.calibration.fitted:
            forecast = np.array([each.held_out for each in found.rounds], dtype=float)
            name = "held-out forecast"
            ax.plot(t, forecast, "D", mfc="none", mew=1.3, ms=9, color=GREEN, label=name)
            seen = np.array([each.seen for each in found.rounds], dtype=float)
            if np.isfinite(seen).any():
                ax.plot(t, seen, "o", color=VERMILION, ms=4.5, label="seen")
        ax.set_ylim(*widened(ax))
        ax.set_xlim(-0.15, t[-1] + 0.15)
        ax.set_xticks(t)
        ax.set_xlabel("revisions after the first answer")
        percent_axis(ax.yaxis)
        ax.set_ylabel("answers that are right")
        legend_below(ax, columns=3)
        return ax


def improvement_map(found: Findings, ax: "Axes | None" = None) -> "Axes":
    """Plot, for each class, first answers against where revising leads; the diagonal parts them."""
    with report_axes(ax, "Where revising leads", square=True) as ax:
        ax.fill_between([0, 1], [0, 1], [1, 1], color=GREEN, alpha=0.1, linewidth=0)
        ax.fill_between([0, 1], [0, 0], [0, 1], color=VERMILION, alpha=0.1, linewidth=0)
        (diagonal,) = ax.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1, label="diagonal")
        ax.text(0.03, 0.97, "revising improves", va="top", color=INK, zorder=1)
        ax.text(0.97, 0.03, "revising degrades", ha="right", color=INK, zorder=1)
        named = found.few_classes and len(found.classes) > 1
        for number, one in enumerate(found.classes, 1):
            if one.levels:
                ax.plot(*np.array(one.levels).T, ".", color=BLUE, alpha=0.35, ms=4, mew=0)
            start, end = one.initial.value, one.level.value
            if named:
                _drop(ax, start, end, BLUE)
                mark, name = _MARKERS[number - 1], f"class {number}"
                ax.plot(start, end, mark, color=BLUE, ms=9, clip_on=False, label=name)
            elif len(found.classes) > 1:
                ax.plot(start, end, "o", color=BLUE, ms=4, mew=0, alpha=0.5)
        first, level = found.rounds[0].fitted.value, found.bounds[1].value
        _drop(ax, first, level, VERMILION)
        name = "all questions"
        ax.plot(first, level, "*", color=VERMILION, ms=13, mew=0, clip_on=False, label=name)
        ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        for axis in (ax.xaxis, ax.yaxis):
            percent_axis(axis)
        ax.set_xlabel("first answers that are right")
        ax.set_ylabel("right after many revisions")
        handles, _ = ax.get_legend_handles_labels()
        legend_below(ax, [each for each in handles if each is not diagonal], columns=3)
        return ax


def verifier_reliability(found: Findings, ax: "Axes | None" = None) -> "Axes":
    """Plot the share of right answers by the verifier's score.

    Raises:
        ValueError: If no verifier was measured.
    """
    fitted = found.calibration.fitted
    if fitted is None or not fitted.reliability:
        raise ValueError(
            "the calibration has no measured verifier: fit it to traces with scores and labels."
        )
    with report_axes(ax, "Reliability of the verifier's score") as ax:
        score, share, many = np.array(fitted.reliability).T
        every = float((share * many).sum() / many.sum())
        error = np.sqrt(share * (1 - share) / many)
        name = f"any answer: {percent(every)}"
        ax.axhline(every, color=GREY, linewidth=1, linestyle="--", label=name)
        if found.rates.score_cuts:
            edges = np.array([score[0], *found.rates.score_cuts, score[-1]])
            odds = np.exp(found.rates.score_log_ratios) * every / max(1 - every, 1e-12)
            ax.stairs(odds / (1 + odds), edges, color=GREEN, baseline=None, label="as used")
        deciding = found.calibration.decision or found.rates
        if isinstance(deciding.scores, GradedScores):
            at = np.array(deciding.scores.scores)
            ax.plot(at, _chances(deciding, at), color=GREEN, label="as used for a first answer")
        threshold = found.rates.accept_threshold
        name = f"accepts from {threshold:.2g}"
        ax.axvline(threshold, color=VERMILION, linewidth=1, linestyle=":", label=name)
        name = "seen, with standard error"
        ax.errorbar(score, share, error, fmt="o", color=BLUE, elinewidth=0.8, label=name)
        ax.set_ylim(*with_margins(0, 1))
        percent_axis(ax.yaxis)
        ax.set_xlabel("score")
        ax.set_ylabel("answers that are right")
        legend_below(ax)
        return ax


def _chances(rates: Rates, scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return P(a first answer is right | its score), shape (S,)."""
    model, (weights, initial, *_) = rates.score_model, rates.arrays
    prior = np.stack([weights * (1 - initial), weights * initial])
    joint = [
        (np.exp(model.log_chances(score)) @ model.weights * prior).sum(axis=1) for score in scores
    ]
    wrong, right = np.array(joint).T
    return np.asarray(right / (wrong + right))


def drift_by_depth(found: Findings, ax: "Axes | None" = None) -> "Axes":
    """Plot how often revisions corrected and broke answers by depth, seen and expected.

    Raises:
        ValueError: If no revisions were traced.
    """
    if not found.mended:
        raise ValueError(
            "the calibration was not fitted to revisions and has no drift to show: record some."
        )
    return by_depth(found.mended, found.broken, ax)


def by_depth(
    corrected: Sequence[Drift], broken: Sequence[Drift], ax: "Axes | None" = None
) -> "Axes":
    """Plot how often revisions corrected and broke answers by depth, seen and expected."""
    with report_axes(ax, "Repair and corruption by depth") as ax:
        _drift_line(ax, corrected, GREEN, "corrects a wrong one")
        _drift_line(ax, broken, VERMILION, "breaks a right one")
        ax.set_ylim(*with_margins(0, min(1.0, max(0.1, 1.15 * ax.get_ylim()[1]))))
        deepest = len(corrected)
        ax.set_xlim(0.85, deepest + 0.15)
        ax.set_xticks(range(1, deepest + 1))
        ax.set_xlabel("revision of an answer (bars: one standard error)")
        percent_axis(ax.yaxis)
        ax.set_ylabel("revisions that do so")
        legend_below(ax)
        return ax


def cost_accuracy(found: Findings, axes: "Sequence[Axes] | None" = None) -> "tuple[Axes, Axes]":
    """Plot what the criterion achieves by the cost of a round: accuracy above, attempts below.

    Args:
        found: The report's numbers.
        axes: Two axes, for accuracy and for attempts.
    """
    pyplot = pyplot_module()
    with pyplot.rc_context(STYLE):
        if axes is None:
            _, axes = pyplot.subplots(2, 1, sharex=True, figsize=TALL)
        above, below = axes
        priced = [each for each in zip(found.costs, found.outcomes, strict=True) if each[0] > 0]
        cost = 100 * np.array([each for each, _ in priced])
        accuracy = np.array([got.accuracy for _, got in priced])
        source = "replayed" if found.delivered else "simulated"
        above.set_title(f"What the criterion achieves ({source})")
        name = "first answer alone"
        above.axhline(found.single, color=GREY, linewidth=1, linestyle="--", label=name)
        above.plot(cost, accuracy, "o-", color=BLUE, clip_on=False, label="with the criterion")
        above.set_ylim(*widened(above))
        percent_axis(above.yaxis)
        above.set_ylabel("answers that are right")

        attempts = np.array([got.attempts for _, got in priced])
        revisions = np.array([got.revisions for _, got in priced])
        parts = (np.ones_like(cost), attempts - revisions - 1, revisions)
        names = ("first answers", "fresh draws", "revisions")
        below.stackplot(cost, *parts, colors=(GREY, BLUE, ORANGE), labels=names, alpha=0.45)
        below.plot(cost, attempts, "o-", color=BLUE, clip_on=False)
        below.set_ylim(0, max(2.0, 1.15 * attempts.max()))
        below.set_ylabel("attempts per question")
        below.set_xlabel("cost of a round (points of accuracy)")
        ticks = found.costs if found.delivered else COSTS
        asked, name = 100 * found.cost_per_round, f"{points(found.cost_per_round, 3)}, as asked"
        for ax in (above, below):
            ax.set_xscale("log")
            ax.set_xlim(cost[0], cost[-1])
            ax.set_xticks([100 * each for each in ticks], [f"{100 * each:g}" for each in ticks])
            ax.set_xticks([], minor=True)
            if cost[0] <= asked <= cost[-1]:
                ax.axvline(asked, color=GREY, linewidth=1, linestyle=":", label=name)
                name = ""
        handles = [handle for ax in (above, below) for handle in ax.get_legend_handles_labels()[0]]
        legend_below(below, handles)
        return above, below


def overview(found: Findings) -> "dict[str, Axes]":
    """Plot on a new figure all that the calibration has the numbers for; return axes by name."""
    pyplot = pyplot_module()
    fitted = found.calibration.fitted
    last = "verifier" if fitted and fitted.reliability else "drift"
    rows: list[Any] = [["accuracy", "above"], ["map", "below"]]
    if found.mended:
        rows = [["accuracy", "map", "above"], ["drift", last, "below"]]
    with pyplot.rc_context(STYLE):
        _, axes = pyplot.subplot_mosaic(rows, figsize=(4.8 * len(rows[0]), 7.5))
        accuracy_by_round(found, axes["accuracy"])
        improvement_map(found, axes["map"])
        axes["above"].sharex(axes["below"])
        cost_accuracy(found, (axes["above"], axes["below"]))
        if "drift" in axes:
            drift_by_depth(found, axes["drift"])
        if "verifier" in axes:
            verifier_reliability(found, axes["verifier"])
        return dict(axes)


def _drop(ax: "Axes", start: float, end: float, colour: str) -> None:
    """Draw a line from the diagonal, where revising begins, to where it leads."""
    ax.plot([start, start], [start, end], color=colour, linewidth=1, alpha=0.6)


def _drift_line(ax: "Axes", rows: Sequence[Drift], colour: str, name: str) -> None:
    """Draw what was seen and expected, with gaps where nothing was."""
    depth = np.array([row.depth for row in rows])
    many = np.array([np.nan if row.empty else row.revised for row in rows])
    seen = np.array([row.changed for row in rows]) / many
    expected = np.array([row.expected for row in rows]) / many
    ax.plot(depth, expected, "-", color=colour, label=f"{name}: fit")
    error = np.sqrt(seen * (1 - seen) / many)
    ax.errorbar(depth, seen, error, fmt="o", color=colour, elinewidth=0.8, label=f"{name}: seen")
