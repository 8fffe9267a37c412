"""The record anew, and how far the rule is from what a user could do with the same traces.

Four pools of other people's attempts at five costs, half of the questions to fit and half to play,
as `tests/record.py` plays them: calibrated, and with nothing measured, where the default prior
decides and the traces serve the fixed rules alone. Regret is by how much the fixed rule earned more
that did best on the half that was fitted. A cell is a pool at a cost, a mean over both splits.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from statistics import fmean

import pytest
from record import RECORD, SETTINGS, SPLITS, means, split_of

MODES = {"calibrated": True, "nothing measured": False}


@pytest.fixture(scope="module")
def played():
    """By mode and pool, the rows of each split."""
    runs = list(product(MODES, SETTINGS, range(SPLITS)))
    with ProcessPoolExecutor() as workers:
        tasks = [workers.submit(split_of, name, split, MODES[mode]) for mode, name, split in runs]
        rows = {run: task.result() for run, task in zip(runs, tasks, strict=True)}
    return {
        mode: {name: [rows[mode, name, split] for split in range(SPLITS)] for name in SETTINGS}
        for mode in MODES
    }


def regret(row):
    fixed = row["fixed_right"] - row["cost"] * row["fixed_attempts"]
    return fixed - (row["right"] - row["cost"] * row["attempts"])


def over_one_pass(row):
    return row["right"] - row["cost"] * row["attempts"] - (row["single_right"] - row["cost"])


def misbelief(row):
    return abs(row["believed"] - row["right"])


@pytest.mark.parametrize(
    ("mode", "what", "of_cell", "over_cells", "limit"),
    [
        ("calibrated", "mean regret", regret, fmean, {"at_most": -0.006}),
        ("calibrated", "worst regret", regret, max, {"at_most": 0.025}),
        ("calibrated", "mean |believed − right|", misbelief, fmean, {"at_most": 0.02}),
        ("calibrated", "least net against one pass", over_one_pass, min, {"at_least": -0.005}),
        ("nothing measured", "mean regret", regret, fmean, {"at_most": 0.003}),
        ("nothing measured", "worst regret", regret, max, {"at_most": 0.065}),
        ("nothing measured", "mean |believed − right|", misbelief, fmean, {"at_most": 0.07}),
        ("nothing measured", "least net against one pass", over_one_pass, min, {"at_least": -0.01}),
    ],
)
def test_on_four_pools_at_five_costs(mode, what, of_cell, over_cells, limit, played, figure):
    cells = {
        (name, row["cost"]): of_cell(row)
        for name, splits in played[mode].items()
        for row in means(splits)
    }
    value = over_cells(cells.values())
    where = [f" ({name}, c = {cost:g})" for (name, cost), cell in cells.items() if cell == value]
    if over_cells is fmean:
        for pool in SETTINGS:
            of_pool = fmean(cell for (name, _), cell in cells.items() if name == pool)
            figure(f"{mode}: {what}, {pool}", of_pool, "")
        where = []
    figure(f"{mode}: {what}{''.join(where[:1])}", value, "", **limit)


@pytest.mark.parametrize("name", SETTINGS)
def test_the_whole_record_is_what_it_was(name, played, figure):
    kept = json.loads(RECORD.read_text(encoding="utf-8"))
    apart = [
        abs(row[column] - before[column])
        for split, splits in zip(played["calibrated"][name], kept[name], strict=True)
        for row, before in zip(split, splits, strict=True)
        for column in row
    ]
    figure(f"record of {name}, largest change", max(apart), "", at_most=1e-6)
