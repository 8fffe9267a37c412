"""Counting traces, by hand and against tables."""

from collections import Counter

import numpy as np
import pytest
import worlds
from pools import trace
from simulated_loops import Loop

from langchain_markovscale.calibration.sufficient_statistics import collect, collect_table
from langchain_markovscale.theory.likelihood import MOVED, STUCK


def attempt(key, parent=None, *, correct, score=None):
    return {**worlds.attempt(key, score, parent), "correct": correct}


def test_events_of_one_question():
    statistics = collect(
        [
            trace(
                attempt("7", correct=True),
                attempt("8", 0, correct=False),
                attempt("8", 1, correct=False),
                attempt("9", correct=False),
                attempt("7", 3, correct=True),
            )
        ]
    )
    # Draws C, W; wrong ones stuck, moved; depth 0: CC CW WC WW; depth 1: the same.
    assert statistics.labelled.tolist() == [[1, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1]]
    assert statistics.seen.tolist() == [[1, 1, 0], [2, 2, 1]]
    assert (statistics.n_questions, statistics.attempts, statistics.several_starts) == (1, 5, 1)


def test_revisions_may_branch():
    statistics = collect(
        [
            trace(
                attempt("7", correct=True),
                attempt("8", 0, correct=False),
                attempt("7", 0, correct=True),
            )
        ]
    )
    assert statistics.labelled.tolist() == [[1, 0, 0, 0, 1, 1, 0, 0]]


def test_patterns_are_of_wrong_fresh_draws_and_retention_of_wrong_revisions():
    statistics = collect(
        [
            trace(
                attempt("a", correct=False),
                attempt("a", correct=False),
                attempt("b", correct=False),
                attempt("b", 2, correct=False),
                attempt("c", 3, correct=False),
                attempt(None, 4, correct=False),
            )
        ]
    )
    # Three draws of two values; of three wrong revisions one kept its key, one moved and one has no
    # key to compare.
    assert statistics.patterns == {(3, 2): 1}
    assert statistics.labelled[0, [STUCK, MOVED]].tolist() == [1, 1]


def test_equal_questions_shrink_to_one_row():
    statistics = collect(Loop().traces(400, 1, 1, seed=1))
    assert len(statistics.labelled) <= 5  # a wrong answer may come back or move
    assert statistics.questions.sum() == 400


def test_a_table_counts_like_the_traces_that_it_sums_up():
    traces = Loop().traces(80, 2, 2, seed=2)
    table = [[[a["correct"] for a in t["attempts"][i : i + 3]] for i in (0, 3)] for t in traces]
    by_trace, by_table = collect(traces), collect_table(np.array(table, dtype=float))

    def rows(statistics):
        many = Counter()
        for row, questions in zip(statistics.labelled, statistics.questions, strict=True):
            many[tuple(np.delete(row, [STUCK, MOVED]))] += questions  # a table has no keys
        return many

    assert rows(by_trace) == rows(by_table)
    assert by_trace.seen.tolist() == by_table.seen.tolist()


def test_unknown_labels_have_a_hypothesis_for_each_key_and_one_for_none():
    unknown = trace(
        attempt("a", correct=None, score=0.9),
        attempt("b", 0, correct=None, score=0.1),
        attempt("a", correct=None, score=0.8),
    )
    ((rivals, many),) = collect([unknown]).rivals
    assert many == 1
    assert [h.counts for h in rivals.hypotheses] == [
        (2, 0, 0, 0, 0, 1, 0, 0),
        (0, 2, 0, 0, 0, 0, 1, 0),
        (0, 2, 0, 1, 0, 0, 0, 1),
    ]
    assert [h.draws for h in rivals.hypotheses] == [
        ((1, None),),
        ((1, None), (1, None)),
        ((1, None), (2, 1), (1, None)),
    ]
    assert [h.right for h in rivals.hypotheses] == [((0.9, 0.8),), ((0.1,),), ()]


def test_a_known_label_rules_hypotheses_out():
    partly = trace(
        attempt("a", correct=False), attempt("b", 0, correct=None), attempt("c", correct=None)
    )
    ((rivals, _),) = collect([partly]).rivals
    assert len(rivals.hypotheses) == 3  # b, c, or none of them; never a


def test_unlabelled_answers_without_keys_may_each_be_right_or_wrong():
    loose = trace(
        attempt(None, correct=None), attempt(None, 0, correct=None), attempt(None, correct=True)
    )
    ((rivals, _),) = collect([loose]).rivals
    assert len(rivals.hypotheses) == 4


def test_where_labels_contradict_the_keys_the_labels_are_believed():
    # A grader that knows 1/2 and 0.5 to be equal has called two keys right, and timed out once.
    graded = trace(
        attempt("1/2", correct=True),
        attempt("0.5", 0, correct=True),
        attempt("2", 1, correct=None),
    )
    ((rivals, _),) = collect([graded]).rivals
    assert {one.counts for one in rivals.hypotheses} == {
        (1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0),
        (1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0),
    }


def test_a_parent_that_is_no_earlier_attempt_names_the_question():
    with pytest.raises(ValueError, match=r"question 'q': attempts\[0\]\['parent'\] must be"):
        collect([trace(attempt("a", 3, correct=True))])


def test_too_many_unknown_answers_without_keys_are_refused():
    many = trace(*(attempt(None, correct=None) for _ in range(11)))
    with pytest.raises(ValueError, match=r"11 unlabelled answers without keys.*answer_key"):
        collect([many])
