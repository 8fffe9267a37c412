"""Runs that the loop's own rule ended are compared with what goes no further than it did."""

import pytest
from pools import recorded
from worlds import ACCEPT, World

from langchain_markovscale import Calibration, compare_strategies
from langchain_markovscale.replay.named_rules import OWN_LOOP

QUICK = {
    "costs": (0.01, 0.1),
    "variants": ("mixture",),
    "n_bootstrap": 100,
    "repeats": 3,
    "calibration": Calibration(World().rates(), "rates of the world"),
}


def stopping_when_accepted(questions=30):
    """Each chain ends with the first answer that the verifier accepts."""
    traces = []
    for trace in recorded(questions=questions):
        kept, numbers = [], {}
        for number, attempt in enumerate(trace["attempts"]):
            parent = attempt["parent"]
            if parent is None or (parent in numbers and kept[numbers[parent]]["score"] != ACCEPT):
                numbers[number] = len(kept)
                kept.append({**attempt, "parent": None if parent is None else numbers[parent]})
        traces.append({**trace, "attempts": kept, "censored": True})
    return traces


@pytest.fixture(scope="module")
def traces():
    return stopping_when_accepted()


@pytest.fixture(scope="module")
def compared(traces):
    return compare_strategies(traces, **QUICK)


def chains(trace):
    made = []
    for attempt in trace["attempts"]:
        if attempt["parent"] is None:
            made.append([])
        made[-1].append(attempt)
    return made


def test_the_loop_as_it_stops_gets_and_spends_what_was_recorded(traces, compared):
    every = [chain for trace in traces for chain in chains(trace)]
    mine = compared.findings.switch.mine
    assert mine.rule.name == OWN_LOOP
    assert mine.accuracy.value == pytest.approx(
        sum(chain[-1]["correct"] for chain in every) / len(every)
    )
    assert mine.attempts == pytest.approx(sum(map(len, every)) / len(every))
    assert mine.calls == pytest.approx(2 * mine.attempts)  # its rule looks at every score


def test_no_rule_has_a_name_that_promises_more_than_was_recorded(compared):
    names = [row.rule.name for row in compared.findings.rules]
    assert not any("rounds, last" in name or "until" in name for name in names)
    assert "your loop, at most 2 rounds" in names


def test_what_is_compared_is_said(compared):
    text = " ".join(compared.text.split())
    assert text.startswith("Your loop as it stops is right")
    assert "every rule here, MarkovScale too, ends at the latest where the loop did" in text
    assert "Nobody said which rule" not in text


def test_what_would_go_further_is_refused(traces):
    with pytest.raises(ValueError, match="mine cannot be '2 rounds, last answer' where the loop"):
        compare_strategies(traces, mine="2 rounds", **QUICK)
    mixed = [*traces[:5], *recorded(questions=10)[5:]]
    with pytest.raises(ValueError, match="record the loop with a fixed number of revisions"):
        compare_strategies(mixed, **QUICK)
