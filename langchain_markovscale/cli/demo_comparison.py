"""The demo's runs as recorded attempts, and how the loop compares with simpler rules on them."""

from collections.abc import Sequence
from typing import Any, cast

from langchain_core.messages import HumanMessage
from rich.table import Table

from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.cli.loop import Loop
from langchain_markovscale.cli.runs import WatchedRun, is_correct
from langchain_markovscale.comparison.compare import compare_strategies
from langchain_markovscale.comparison.report import Comparison
from langchain_markovscale.comparison.results import RuleResult
from langchain_markovscale.display.interval import Estimate
from langchain_markovscale.recording.schedule import Schedule, scheduled
from langchain_markovscale.replay.strategies import FixedRounds
from langchain_markovscale.traces.trace import LabelledAttempt, Trace
from langchain_markovscale.types import Attempt

FIXED_ROUNDS = 3
_FIXED = f"{FIXED_ROUNDS} fixed rounds"
_OURS = "MarkovScale, this loop"


def recorded(loop: Loop, runs: Sequence[WatchedRun]) -> list[Trace]:
    """Return runs as traces, with all that fixed rounds need beside what the loop has asked for.

    Both begin with the same first answers, so that only those revisions of them are asked for that
    the loop did not make; they go to the model together.

    Args:
        loop: The loop.
        runs: Runs that have ended, each with an attempt and a reference.
    """
    made: list[list[Attempt]] = [list(run.attempts) for run in runs]
    chains = [_chain(attempts) for attempts in made]
    short = [place for place, chain in enumerate(chains) if len(chain) < FIXED_ROUNDS]
    fixed = scheduled(loop.graph, Schedule(revisions=FIXED_ROUNDS - 1, fresh_starts=1))
    begun = [_begun(runs[place].question.text, made[place], chains[place]) for place in short]
    states = fixed.batch(begun)
    for place, state in zip(short, states, strict=True):
        attempts, parent = made[place], chains[place][-1]
        new: list[Attempt] = state["attempts"][len(chains[place]) :]
        for attempt in new:
            attempts.append({**attempt, "parent": parent})
            parent = len(attempts) - 1
    return [
        {
            "id": run.question.id,
            "question": run.question.text,
            "reference": run.question.reference,
            "attempts": [_labelled(attempt, run, loop) for attempt in attempts],
            "metadata": {},
        }
        for run, attempts in zip(runs, made, strict=True)
    ]


def _chain(attempts: Sequence[Attempt]) -> list[int]:
    """Return the first answer and what was revised from it, as fixed rounds would go through."""
    chain = [0]
    while len(chain) < FIXED_ROUNDS:
        revised = (i for i, each in enumerate(attempts) if each["parent"] == chain[-1])
        following = next(revised, None)
        if following is None:
            break
        chain.append(following)
    return chain


def _begun(question: str, attempts: Sequence[Attempt], chain: Sequence[int]) -> dict[str, Any]:
    """Return the state of fixed rounds that have come to the end of a chain."""
    made: list[Attempt] = [
        {**attempts[index], "parent": depth - 1 if depth else None}
        for depth, index in enumerate(chain)
    ]
    return {"messages": [HumanMessage(question)], "attempts": made}


def _labelled(attempt: Attempt, run: WatchedRun, loop: Loop) -> LabelledAttempt:
    label = is_correct(attempt, run.question.reference, loop.answer_key)
    return cast("LabelledAttempt", {**attempt, "correct": label})


def compared(
    traces: Sequence[Trace], calibration: Calibration, cost_per_round: float, max_rounds: int
) -> Comparison:
    """Compare the loop with a single pass and with fixed rounds on the same attempts.

    Replayed on attempts that it has asked for, the loop goes the way that it went, since it decides
    by the attempts alone.

    Args:
        traces: See `recorded`.
        calibration: What the loop decided with.
        cost_per_round: In units of accuracy.
        max_rounds: The most attempts, the first included.
    """
    return compare_strategies(
        traces,
        {_FIXED: FixedRounds(FIXED_ROUNDS)},
        (cost_per_round,),
        max_rounds=max_rounds,
        variants=("mixture",),
        actions=("revise", "generate"),
        calibration=calibration,
        verification_tokens=0,  # casting out nines asks no model
        budget="attempts",
        repeats=1,
    )


def comparison_table(comparison: Comparison) -> Table:
    """Return how many answers of each rule were right, and what they took.

    Args:
        comparison: See `compared`.
    """
    findings = comparison.findings
    table = Table(title="The same questions, by three rules", title_justify="left")
    table.title_style, table.box, table.pad_edge = "bold", None, False
    table.add_column("")
    for heading in ("right", "95% interval", "answers asked for", "tokens written"):
        table.add_column(heading, justify="right")
    for row in (*findings.rules, findings.curve("mixture")[-1]):
        table.add_row(*_cells(row, findings.questions))
    return table


def _cells(row: RuleResult, questions: int) -> tuple[str, ...]:
    right = round(row.accuracy.value * questions)
    return (
        row.rule.name if row.rule.kind == "rule" else _OURS,
        f"{right} of {questions}",
        Estimate.of_share(right, questions).span,
        f"{row.attempts * questions:.0f}",
        "unknown" if row.tokens is None else f"{row.tokens * questions:.0f}",
    )
