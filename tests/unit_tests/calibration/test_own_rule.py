"""Runs that the loop's own rule ended: the rates are those of a loop that never stops."""

import copy

import pytest
from simulated_loops import Loop

from langchain_markovscale import Calibration, ChainMixture, compare_strategies
from langchain_markovscale.calibration.own_rule import RuleStep, stop_chances
from langchain_markovscale.replay.strategies import FixedRounds

LOOP = Loop(initial=(0.75, 0.3), repair=(0.4, 0.1), corruption=(0.05, 0.2))
TRUTH = ChainMixture([0.5, 0.5], LOOP.initial, LOOP.repair, LOOP.corruption)


def stopped_where_accepted(traces, *, scored=True):
    """What a loop leaves that ends where its own verifier accepts."""
    stopped = []
    for trace in traces:
        kept, place, goes_on = [], {}, set()
        for index, attempt in enumerate(trace["attempts"]):
            parent = attempt["parent"]
            if parent is not None and parent not in goes_on:
                continue
            if not attempt["score"]:
                goes_on.add(index)
            place[index] = len(kept)
            above = None if parent is None else place[parent]
            score = attempt["score"] if scored else None
            kept.append({**attempt, "parent": above, "score": score})
        stopped.append({**trace, "attempts": kept, "censored": True})
    return stopped


def without_labels(traces, labelled):
    traces = copy.deepcopy(traces)
    for trace in traces[labelled:]:
        for attempt in trace["attempts"]:
            attempt["correct"] = None
    return traces


def accuracies(traces):
    rates = Calibration.fit(traces, n_classes=2, n_bootstrap=0, delivery=False).rates
    return [float(rates.mixture.accuracy(t)) for t in range(4)]


def test_intervals_of_later_rounds_cover_the_truth_as_often_as_they_say():
    """Over many seeds 90 % intervals cover it in 92–100 % of fits; one seed alone may miss."""
    covered, errors = [], []
    for seed in range(100, 105):
        traces = stopped_where_accepted(LOOP.traces(300, 2, 3, seed))
        made = Calibration.fit(traces, n_classes=2, n_bootstrap=60, delivery=False)
        for revisions, (low, high) in enumerate(made.fitted.band):
            truth = float(TRUTH.accuracy(revisions))
            covered.append(low <= truth <= high)
        errors.append(float(made.rates.mixture.accuracy(3)) - float(TRUTH.accuracy(3)))
    assert sum(covered) >= 16  # of 20
    assert abs(sum(errors) / 5) < 0.045  # two and a half standard errors of that mean


def test_only_first_answers_are_shown_as_they_were_seen():
    traces = stopped_where_accepted(LOOP.traces(100, 2, 3, seed=5))
    fitted = Calibration.fit(traces, n_bootstrap=0, delivery=False).fitted
    assert fitted.total == (200.0,)
    assert fitted.labelled == sum(len(trace["attempts"]) for trace in traces)


def test_stopping_without_a_score_is_evidence_for_answers_without_labels():
    whole = LOOP.traces(400, 2, 3, seed=3)
    traces = without_labels(stopped_where_accepted(whole, scored=False), 120)
    truth = accuracies(whole)
    corrected = accuracies(traces)
    ignored = accuracies([{**trace, "censored": False} for trace in traces])
    assert corrected == pytest.approx(truth, abs=0.05)
    assert ignored[3] < truth[3] - 0.1


def test_unlabelled_traces_narrow_what_labelled_ones_say():
    traces = LOOP.traces(360, 2, 2, seed=11)
    few, more = (
        Calibration.fit(some, n_classes=2, n_bootstrap=100, delivery=False).fitted.band
        for some in (traces[:60], without_labels(traces, 60))
    )
    for revisions, ((low, high), (lowest, highest)) in enumerate(zip(more, few, strict=True)):
        assert high - low < highest - lowest
        assert low - 0.03 <= TRUTH.accuracy(revisions) <= high + 0.03


def test_the_limit_of_a_loop_says_nothing_of_its_answers():
    steps = {
        RuleStep(0, right=True, stopped=True): 9.0,
        RuleStep(0, right=False, stopped=False): 9.0,
        RuleStep(1, right=False, stopped=True): 100.0,
    }
    assert stop_chances(steps, 1) == pytest.approx((0.05, 0.95))


def test_rules_that_go_further_are_not_replayed_on_runs_that_ended_by_themselves():
    traces = stopped_where_accepted(LOOP.traces(80, 2, 3, seed=5))
    assert Calibration.fit(traces, n_bootstrap=0).delivery is None
    with pytest.raises(ValueError, match="censored"):
        compare_strategies(traces, {"four rounds": FixedRounds(4)})


def test_the_mark_must_be_true_or_false():
    with pytest.raises(ValueError, match="censored must be true or false"):
        Calibration.fit([{"id": "a", "question": "?", "attempts": [], "censored": "yes"}])
