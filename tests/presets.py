"""Presets: rates of a kind of loop, from public cells, and whether each is better than no preset.

A preset is kept only if it clearly earns more than the default prior: in the mean over cells, each
of them left out of what is tried on it, by more than the standard error of that mean. It is found
by replay where the cell has traces, else on 2,000 questions simulated from the cell's rates. Run it
as a script to write the files of the package anew:

    python -m tests.presets
"""

import csv
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import beta as beta_law

from langchain_markovscale import Calibration, Criterion, read_traces
from langchain_markovscale.calibration.decision_classes import GRID
from langchain_markovscale.calibration.presets import PRESETS
from langchain_markovscale.calibration.simulate import simulate
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.replay.replay import replay
from langchain_markovscale.theory.rates import Rates

DATA = Path(__file__).parent / "data"
COSTS = (0.1, 0.05, 0.02, 0.01, 0.004)
QUESTIONS = 2_000
_SPREAD = 1.2  # a + b of the Beta law of p₀ within a cell: most questions are easy or hard


class Cell(NamedTuple):
    """One loop that was measured: its published rates or, where there are any, its traces.

    Its corruption is None where no right answer was ever revised.
    """

    name: str
    source: str
    initial: float
    repair: float
    corruption: float | None
    traces: tuple[Any, ...] = ()


def published(pattern: str, *, whole: bool) -> list[Cell]:
    """Return the rows whose prompt matches; `whole` ones must have a corruption as well."""
    cells = []
    for row in csv.DictReader((DATA / "published_rates.csv").read_text().splitlines()):
        if not re.search(pattern, row["prompt"]):
            continue
        numbers = [re.match(r"[\d.]+", row[name]) for name in ("p0", "repair", "corruption")]
        if numbers[0] and numbers[1] and (numbers[2] or not whole):
            values = [float(each.group()) if each else 0.0 for each in numbers]
            cells.append(Cell(f"{row['model']}, {row['task']}", row["source"], *values))
    return cells


def debuggers() -> list[Cell]:
    """Return the loops of a debugger that have traces."""
    by_cell: dict[str, list[Any]] = {}
    for trace in read_traces(DATA / "pools" / "ldb.jsonl"):
        by_cell.setdefault(trace["metadata"]["cell"], []).append(trace)
    cells = []
    for name, traces in by_cell.items():
        rates = Calibration.fit(traces, n_bootstrap=0, delivery=False).rates
        repair, corruption = (
            float(np.dot(rates.weights, each)) for each in (rates.repair, rates.corruption)
        )
        right = float(np.mean([trace["attempts"][0]["correct"] for trace in traces]))
        broken = corruption if any(map(revises_right, traces)) else None
        cells.append(Cell(name, "FloridSleeves/LLMDebugger", right, repair, broken, tuple(traces)))
    return cells


def revises_right(trace: Any) -> bool:
    """Return whether a right answer was revised."""
    attempts = trace["attempts"]
    parents = [each["parent"] for each in attempts if each["parent"] is not None]
    return any(attempts[parent]["correct"] for parent in parents)


def code_with_tests(cells: Sequence[Cell]) -> Rates:
    """Return the rates of loops that revise programs by visible tests."""
    traces = [trace for cell in cells for trace in cell.traces[:164]]
    fitted = Calibration.fit(traces, n_bootstrap=0, delivery=False).decision
    assert fitted is not None
    pooled = np.dot(fitted.weights, fitted.repair)
    repair = np.array(fitted.repair) * np.mean([cell.repair for cell in cells]) / pooled
    return replace(fitted, weights=spread(cells), repair=np.clip(repair, 0.01, 0.9))


def self_correction(cells: Sequence[Cell]) -> Rates:
    """Return the rates of loops that ask the model to check its own answer."""
    return Rates(
        weights=spread(cells),
        initial=GRID,
        repair=np.mean([cell.repair for cell in cells]),
        corruption=np.mean([cell.corruption for cell in cells]),
        sensitivity=0.5,
        specificity=0.5,
        settling=0.5,
        coincidence=1 / 4.5,
        retention=0.6,
    )


def spread(cells: Sequence[Cell]) -> np.ndarray[Any, Any]:
    """Return the share of each class of the grid, in the mean over cells."""
    grid = np.sort(GRID)
    edges = np.concatenate([[0.0], (grid[1:] + grid[:-1]) / 2, [1.0]])
    shares = [
        np.diff(beta_law(_SPREAD * cell.initial, _SPREAD * (1 - cell.initial)).cdf(edges))
        for cell in cells
    ]
    return np.asarray(np.mean(shares, axis=0)[::-1])  # GRID falls


def net(calibration: Calibration, cell: Cell, *, exact: bool) -> float:
    """Return accuracy less cost × attempts on a cell, in the mean over costs."""
    worths = []
    for cost in COSTS:
        rule = Criterion(calibration, cost, 8, ("revise",))
        if cell.traces:
            found = replay(rule, list(Pool(cell.traces)))
            right, attempts = found.correct.mean(), found.attempts.mean()
        else:
            truth = Rates(
                1.0, cell.initial, cell.repair, cell.corruption,
                1.0 if exact else 0.5, 1.0 if exact else 0.5, retention=0.5,
            )  # fmt: skip
            played = simulate(rule.decide, truth, questions=QUESTIONS)
            right, attempts = played.accuracy, played.attempts
        worths.append(right - cost * attempts)
    return float(np.mean(worths))


KINDS = {
    "code_with_tests": (
        code_with_tests,
        lambda: debuggers() + published("failing tests", whole=False)[::7],
    ),
    "self_correction": (self_correction, lambda: published("intrinsic|Refine|trained", whole=True)),
}


def main() -> None:
    """Compare each preset with the default prior, cell left out by cell, and write what is kept."""
    default = Calibration.training_free()
    for name, (build, cells_of) in KINDS.items():
        cells = cells_of()
        exact = name == "code_with_tests"
        ahead = []
        for left_out in range(len(cells)):
            others = cells[:left_out] + cells[left_out + 1 :]
            preset = Calibration(build(others), "preset")
            gain = net(preset, cells[left_out], exact=exact) - net(
                default, cells[left_out], exact=exact
            )
            ahead.append(gain)
            sys.stderr.write(f"{name}: {cells[left_out].name}: {100 * gain:+.2f} points\n")
        mean, error = np.mean(ahead), np.std(ahead, ddof=1) / len(ahead) ** 0.5
        won = sum(gain > 0 for gain in ahead)
        sys.stderr.write(
            f"{name}: in the mean {100 * mean:+.2f} points, standard error {100 * error:.2f}; "
            f"ahead on {won} of {len(ahead)}\n"
        )
        if mean <= error:
            continue
        facts = [
            {**cell._asdict(), "traces": len(cell.traces)} | {"ahead": round(gain, 4)}
            for cell, gain in zip(cells, ahead, strict=True)
        ]
        # A share of the tests is a rejection, and whether answers have keys is the user's to say.
        rates = replace(build(cells), accept_threshold=1.0, keyed=False)
        Calibration(
            rates,
            f"the preset {name}, from {len(cells)} public loops: nothing of yours was measured",
            {"cells": facts},
        ).save(PRESETS / f"{name}.json")


if __name__ == "__main__":
    main()
