"""The record: what the rule gets on real attempts of other people's loops, losses included.

Half of a pool's questions to fit, half to play, both ways, in two splits. Beside the rule stands
what a user could do with the same traces: the fixed rule that did best on the half that was fitted,
by accuracy less cost × attempts. Run it as a script to write `tests/data/record.json`, the table in
docs/record.md and the short one in README.md anew:

    python -m tests.record
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from langchain_markovscale import Calibration, Criterion, read_traces
from langchain_markovscale.replay.pool import Pool
from langchain_markovscale.replay.replay import Outcome, replay
from langchain_markovscale.replay.strategies import OracleGate, baselines

DATA = Path(__file__).parent / "data"
RECORD = DATA / "record.json"
PAGE = Path(__file__).parents[1] / "docs" / "record.md"
README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- record: written by python -m tests.record -->", "<!-- end of record -->"
COSTS = (0.1, 0.05, 0.02, 0.01, 0.004)
SPLITS = 2


class Setting(NamedTuple):
    """A pool, and what the rules may do with it."""

    title: str
    file: str
    max_rounds: int
    actions: tuple[str, ...]


SETTINGS = {
    "arithmetic": Setting(
        "arithmetic, a weak judge", "arithmetic.jsonl", 3, ("revise", "generate")
    ),
    "dates": Setting("dates of BIG-bench, no judge", "pools/date.jsonl", 8, ("generate",)),
    "math500": Setting("MATH-500, a reward model", "pools/math500_prm.jsonl", 8, ("generate",)),
    "programs": Setting("program repair, visible tests", "pools/ldb.jsonl", 8, ("revise",)),
}

Row = dict[str, Any]


def split_of(name: str, split: int, measured: bool = True) -> list[Row]:
    """Return a row for each cost: means over the questions of both halves of one split.

    Where nothing is `measured`, the rule decides by the default prior.
    """
    setting = SETTINGS[name]
    pool = Pool(read_traces(DATA / setting.file))
    one, other = pool.folds(0, split)
    halves = [
        _played(setting, pool, fit, play, split, measured)
        for fit, play in ((one, other), (other, one))
    ]
    sizes = np.array([len(other), len(one)]) / len(pool)
    return [
        {
            key: round(float(np.dot(sizes, [half[key] for half in rows])), 6)
            if key != "cost"
            else rows[0][key]
            for key in rows[0]
        }
        for rows in zip(*halves, strict=True)
    ]


def _played(
    setting: Setting, pool: Pool, fit: list[int], play: list[int], start: int, measured: bool
) -> list[Row]:
    calibration = Calibration.fit([pool.traces[index] for index in fit], seed=0)
    decides = calibration if measured else Calibration.training_free()
    learned, tried = ([pool[index] for index in half] for half in (fit, play))
    fixed = _fixed_rules(setting, pool, calibration)
    on_learned = {name: replay(rule, learned, (start,)) for name, rule in fixed.items()}
    on_tried = {name: replay(rule, tried, (start,)) for name, rule in fixed.items()}

    def worth(outcome: Outcome, cost: float) -> float:
        return float(outcome.correct.mean() - cost * outcome.attempts.mean())

    rows = []
    for cost in COSTS:
        rule = Criterion(decides, cost, setting.max_rounds, setting.actions)
        outcome = replay(rule, tried, (start,))
        best = max(fixed, key=lambda name, cost=cost: worth(on_learned[name], cost))
        rows.append(
            {
                "cost": cost,
                "right": outcome.correct.mean(),
                "attempts": outcome.attempts.mean(),
                "believed": outcome.belief.mean(),
                "promised": (outcome.promised - outcome.expected_cost).mean(),
                "delivered": (outcome.delivered - cost * outcome.taken).mean(),
                "fixed_right": on_tried[best].correct.mean(),
                "fixed_attempts": on_tried[best].attempts.mean(),
                "single_right": on_tried["single pass"].correct.mean(),
            }
        )
    return rows


def _fixed_rules(setting: Setting, pool: Pool, calibration: Calibration) -> dict[str, Any]:
    most, revising, drawing = (
        setting.max_rounds,
        "revise" in setting.actions,
        "generate" in setting.actions,
    )
    rules = baselines(
        calibration.rates.accept_threshold,
        rounds=most if revising else 1,
        draws=most if drawing else 1,
        most=most,
        keyed=pool.keyed,
        scored=pool.scored,
        criticised=False,
    )
    return {name: rule for name, rule in rules.items() if not isinstance(rule, OracleGate)}


def means(splits: list[list[Row]]) -> Iterator[Row]:
    """Yield each cost's means over splits."""
    for rows in zip(*splits, strict=True):
        yield {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def leads(record: dict[str, list[list[Row]]]) -> dict[str, list[float]]:
    """Return by how many points the rule was ahead net of cost, by pool and cost, as shown."""
    return {
        name: [
            round(
                100 * (_net(row, "right", "attempts") - _net(row, "fixed_right", "fixed_attempts")),
                1,
            )
            for row in means(splits)
        ]
        for name, splits in record.items()
    }


def _net(row: Row, right: str, attempts: str) -> float:
    return float(row[right] - row["cost"] * row[attempts])


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−").replace("−0.0", "+0.0")


def table(record: dict[str, list[list[Row]]]) -> str:
    """Return the record as a table in Markdown."""
    lines = [
        "| attempts of | cost | right @ attempts | believed | best fixed rule | ahead by |",
        "|---|---|---|---|---|---|",
    ]
    for name, splits in record.items():
        title = SETTINGS[name].title
        for row, ahead in zip(means(splits), leads(record)[name], strict=True):
            lines.append(
                f"| {title} | {row['cost']:g} | {row['right']:.1%} @ {row['attempts']:.1f} | "
                f"{row['believed']:.1%} | {row['fixed_right']:.1%} @ {row['fixed_attempts']:.1f} | "
                f"{_signed(ahead)} |"
            )
            title = ""
    return "\n".join(lines)


def summary(record: dict[str, list[list[Row]]]) -> str:
    """Return how far the rule was ahead of the best fixed rule: a row per pool, and a sentence."""
    found = leads(record)
    costs = " | ".join(f"{cost:g}" for cost in COSTS)
    lines = [f"| points ahead, at a cost of | {costs} |", f"|---|{'--:|' * len(COSTS)}"]
    for name, row in found.items():
        lines.append(f"| {SETTINGS[name].title} | {' | '.join(map(_signed, row))} |")
    every = [lead for row in found.values() for lead in row]
    ahead, behind = (sum(sign * lead > 0 for lead in every) for sign in (1, -1))
    mean, least, most = map(_signed, (float(np.mean(every)), min(every), max(every)))
    lines += [
        "",
        f"Of {len(every)} comparisons net of cost, it was ahead in {ahead}, behind in {behind}, "
        f"and equal in {len(every) - ahead - behind}; by {mean} points on average, between {least} "
        f"and {most}.",
    ]
    return "\n".join(lines)


def write_into(page: Path, text: str) -> None:
    """Replace what stands between the marks of a page."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measure everything, and write the record, its table and its summary."""
    record = {}
    for name in SETTINGS:
        record[name] = [split_of(name, split) for split in range(SPLITS)]
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    write_into(PAGE, table(record))
    write_into(README, summary(record))


if __name__ == "__main__":
    main()
