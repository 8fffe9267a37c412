"""The demo's comparison: one set of attempts, on which every rule goes its own way."""

from collections.abc import Callable
from typing import Any

import pytest

from langchain_markovscale import Calibration
from langchain_markovscale.cli.demo_comparison import compared, comparison_table, recorded
from langchain_markovscale.cli.loop import Loop, build_loop
from langchain_markovscale.cli.runs import WatchedRun, run_until_done
from langchain_markovscale.cli.watchers import JsonLines
from langchain_markovscale.demo import setting
from langchain_markovscale.recording.questions import Question, parse_questions
from langchain_markovscale.types import new_attempt

Scripted = Callable[..., Any]
CALIBRATION = setting.calibration()
COST, MOST = 0.03, 5


def demo_loop() -> Loop:
    return build_loop(
        model_name="test:model",
        verifier_name="nines",
        answer_key="last_number",
        cost_per_round=COST,
        max_rounds=MOST,
        actions=("revise", "generate"),
        calibration=CALIBRATION,
        prompts=setting.PROMPTS,
    )


def run_of(question: Question, *attempts: tuple[str, int | None]) -> WatchedRun:
    """A run that has made attempts, each an answer and what it was revised from."""
    return WatchedRun(
        question,
        [
            new_attempt(
                f"It is {key}.",
                key=key,
                score=float(key == question.reference),
                action="generate" if parent is None else "revise",
                parent=parent,
                tokens=3,
            )
            for key, parent in attempts
        ],
    )


def test_the_loop_goes_the_same_way_on_what_it_has_asked_for(scripted: Scripted) -> None:
    scripted("It is 7.", "It is 8.", "It is 13.", "It is 9.", "It is 11.")
    loop = demo_loop()
    runs = [WatchedRun(each) for each in parse_questions(setting.questions(), "the questions")]
    run_until_done(loop.graph, runs, JsonLines(runs, None))
    comparison = compared(recorded(loop, runs), CALIBRATION, COST, MOST)
    ours = comparison.findings.curve("mixture")[-1]
    right = [bool(run.correct(loop.answer_key)) for run in runs]
    assert 0 < sum(right) < len(right)
    assert ours.accuracy.value == pytest.approx(sum(right) / len(right))
    assert ours.attempts == pytest.approx(sum(len(run.attempts) for run in runs) / len(runs))
    assert ours.exhausted == 0
    assert {row.rule.name for row in comparison.findings.rules} == {"single pass", "3 fixed rounds"}
    assert all(row.exhausted == 0 for row in comparison.findings.rules)


def test_fixed_rounds_take_the_revisions_that_are_there_and_ask_for_the_rest(
    scripted: Scripted,
) -> None:
    model = scripted("It is 1.", "It is 2.", "It is 3.")
    question = Question("sum", "What is 3 + 4?", "7")
    runs = [
        run_of(question, ("6", None)),
        run_of(question, ("6", None), ("5", None), ("8", 0), ("7", 1)),
        run_of(question, ("6", None), ("8", 0), ("7", 1), ("4", None)),
    ]
    first, second, third = (recorded(demo_loop(), [run])[0]["attempts"] for run in runs)
    assert [(each["key"], each["parent"]) for each in first] == [("6", None), ("1", 0), ("2", 1)]
    assert [(each["key"], each["parent"]) for each in second[4:]] == [("3", 2)]
    assert len(third) == 4
    assert len(model.asked) == 3
    assert [message.text for message in model.asked[2]] == [
        "What is 3 + 4?",
        "It is 8.",
        "Check it. What is 3 + 4?",
    ]
    assert [each["correct"] for each in third] == [False, False, True, False]


def test_a_revision_that_fails_leaves_what_there_is(scripted: Scripted) -> None:
    scripted("It is 5.", RuntimeError("line cut"))
    question = Question("sum", "What is 3 + 4?", "7")
    (trace,) = recorded(demo_loop(), [run_of(question, ("6", None))])
    assert [each["key"] for each in trace["attempts"]] == ["6", "5"]


def test_the_table_has_intervals_that_do_not_vanish_where_all_are_right(scripted: Scripted) -> None:
    scripted("It is 7.")
    questions = [Question(str(n), f"What is {n} + {7 - n}?", "7") for n in range(7)]
    runs = [run_of(question, ("7", None)) for question in questions]
    comparison = compared(recorded(demo_loop(), runs), CALIBRATION, COST, MOST)
    table = comparison_table(comparison)
    assert table.row_count == 3
    rights, intervals = (list(table.columns[index].cells) for index in (1, 2))
    assert rights == ["7 of 7"] * 3
    assert intervals == ["65% to 100%"] * 3


def test_tokens_that_nobody_reported_are_unknown(scripted: Scripted) -> None:
    scripted("It is 7.")
    questions = [Question(str(n), "What is 3 + 4?", "7") for n in range(2)]
    runs = [run_of(question, ("7", None), ("7", 0), ("7", 1)) for question in questions]
    for run in runs:
        run.attempts = [{**attempt, "tokens": None} for attempt in run.attempts]
    comparison = compared(recorded(demo_loop(), runs), Calibration.training_free(), COST, MOST)
    assert list(comparison_table(comparison).columns[4].cells)[:2] == ["unknown", "unknown"]
