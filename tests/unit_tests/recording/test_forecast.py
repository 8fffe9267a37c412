from statistics import fmean, pvariance

import numpy as np
import pytest
from recorded_parts import QUESTIONS

from langchain_markovscale import (
    ChainMixture,
    estimate_recording,
    read_traces,
    record_traces,
    write_traces,
)
from langchain_markovscale.recording.forecast import Left, estimate
from langchain_markovscale.recording.power import (
    assumed_variance,
    differences,
    found_variance,
    half_width,
    recording_outlook as outlook,
)

EASY_AND_HARD = ChainMixture([0.6, 0.4], [0.8, 0.3], [0.3, 0.1], [0.05, 0.2], settling=0.8)


def simulated(generator, questions, revisions, fresh_starts):
    """Walk the chains of EASY_AND_HARD step by step, as traces."""
    traces = []
    for kind in generator.choice(2, size=questions, p=EASY_AND_HARD.weights):
        attempts = []
        for _ in range(fresh_starts):
            right = generator.random() < EASY_AND_HARD.initial[kind]
            attempts.append({"parent": None, "correct": bool(right)})
            for depth in range(revisions):
                rate = EASY_AND_HARD.corruption if right else EASY_AND_HARD.repair
                if generator.random() < rate[kind] * 0.8**depth:
                    right = not right
                attempts.append({"parent": len(attempts) - 1, "correct": bool(right)})
        traces.append({"attempts": attempts})
    return traces


def taken(**parts):
    """The usage of an attempt: calls with tokens read and written, and seconds."""
    names = ("input_tokens", "output_tokens", "seconds")
    return {
        purpose: {"calls": 1, "unknown": 0, **dict(zip(names, each, strict=True))}
        for purpose, each in parts.items()
    }


def attempt(parent, **parts):
    return {"parent": parent, "correct": None, "usage": taken(**parts)}


PAST = [
    {
        "attempts": [
            attempt(None, generate=(100, 50, 2.0), verify=(200, 10, 1.0)),
            attempt(0, revise=(300, 70, 4.0), verify=(200, 10, 1.0)),
        ]
    }
]


@pytest.mark.parametrize("fresh_starts", [1, 3])
def test_the_assumed_variance_is_that_of_simulated_questions(fresh_starts):
    traces = simulated(np.random.default_rng(5), 20_000, 3, fresh_starts)
    found = pvariance(differences(traces, 3))
    assert assumed_variance(3, fresh_starts, EASY_AND_HARD) == pytest.approx(found, rel=0.04)


def test_the_interval_holds_a_difference_that_few_questions_make():
    generator = np.random.default_rng(7)
    for shares in ([0.006, 0.0, 0.994], [0.03, 0.0, 0.97], [0.1, 0.02, 0.88], [0.3, 0.1, 0.6]):
        drawn = generator.choice([1.0, -1.0, 0.0], size=(300, 60), p=shares).tolist()
        held = [
            abs(fmean(found) - shares[0] + shares[1]) <= half_width(found_variance(found), 60)
            for found in drawn
        ]
        assert fmean(held) >= 0.92
    assert outlook([one_revision(True, True)] * 60, 1).half_width == pytest.approx(0.032, abs=0.001)


def test_the_interval_holds_the_true_difference_in_95_of_100_recordings():
    generator = np.random.default_rng(11)
    truth = EASY_AND_HARD.accuracy(3) - EASY_AND_HARD.accuracy(0)
    held = 0
    for _ in range(400):
        found = differences(simulated(generator, 60, 3, 2), 3)
        held += abs(fmean(found) - truth) <= half_width(found_variance(found), 60)
    assert 0.92 <= held / 400 <= 0.975


def one_revision(first, last):
    return {"attempts": [{"parent": None, "correct": first}, {"parent": 0, "correct": last}]}


def test_as_many_questions_as_are_named_tell_the_difference_in_80_of_100_recordings():
    corrected, broken, same = (
        one_revision(False, True),
        one_revision(True, False),
        one_revision(True, True),
    )
    known = outlook([*[corrected] * 22, *[broken] * 18, *[same] * 60], 1)
    assert (known.questions, known.difference, known.to_halve) == (100, 0.04, 300)
    many = 100 + known.to_tell
    drawn = np.random.default_rng(3).choice([1, -1, 0], size=(3_000, many), p=[0.22, 0.18, 0.6])
    halves = 1.96 * drawn.std(axis=1, ddof=1) / many**0.5
    assert np.mean(drawn.mean(axis=1) > halves) == pytest.approx(0.8, abs=0.03)
    assert outlook([*[corrected] * 80, *[same] * 300], 1).to_tell == 0


def test_few_questions_and_loops_that_stop_by_their_own_rule_tell_no_difference():
    traces = simulated(np.random.default_rng(1), 30, 2, 2)
    assert outlook(traces, 2) is not None
    assert outlook(traces[:9], 2) is None
    assert outlook([{**trace, "censored": True} for trace in traces], 2) is None


def test_draws_and_revisions_cost_what_each_cost_before():
    left = Left(10, 20, 60, 1, True, 4)
    known = estimate(left, PAST, labelled=0, revisions=3, fresh_starts=2, prices=(3, 15))
    assert (known.attempts, known.verifications) == (80, 81)
    assert known.seconds == (20 * 3 + 60 * 5) / 4
    assert (known.input_tokens, known.output_tokens) == (20 * 300 + 60 * 500, 20 * 60 + 60 * 80)
    assert known.usd == pytest.approx((36_000 * 3 + 6_000 * 15) / 1e6)
    assert known.half_width is None


def test_how_often_an_own_rule_revises_is_expected_from_the_past():
    left = Left(10, 20, None, 0, None, 4)
    without = estimate(left, [], labelled=10, revisions=3, fresh_starts=2)
    assert (without.attempts, without.at_least, without.seconds) == (20, True, None)
    assert "at least 20 attempts" in str(without)
    known = estimate(left, PAST, labelled=10, revisions=3, fresh_starts=2)
    assert (known.attempts, known.at_least, known.half_width) == (40, False, None)


def test_calls_of_unknown_tokens_cost_an_unknown_sum():
    usage = taken(generate=(0, 0, 1.0))
    usage["generate"]["unknown"] = 1
    past = [{"attempts": [{"parent": None, "correct": None, "usage": usage}]}]
    left = Left(1, 1, 0, 0, False, 1)
    known = estimate(left, past, labelled=1, revisions=0, fresh_starts=1, prices=(3, 15))
    assert (known.usd, known.input_tokens, known.seconds) == (None, None, 1.0)


def test_nothing_is_paid_where_the_estimate_is_declined(record, parts, path):
    seen = []
    record(parts.graph(), QUESTIONS, path=path, revisions=2, confirm=lambda one: seen.append(one))
    (known,) = seen
    assert (known.questions, known.attempts, known.verifications) == (6, 36, 36)
    assert known.seconds is None
    assert not parts.calls


def test_the_first_two_questions_are_kept(record, parts, path):
    seen = []

    def only_once(known):
        seen.append(known)
        return len(seen) == 1

    record(parts.graph(), QUESTIONS, path=path, revisions=2, confirm=only_once)
    assert len(list(read_traces(path))) == 2
    assert [known.questions for known in seen] == [6, 4]
    assert seen[1].seconds is not None
    record(parts.graph(), QUESTIONS, path=path, revisions=2, confirm=lambda known: True)
    assert len(list(read_traces(path))) == 6
    assert parts.total("generate") == 12


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"prices": (3, 15)}, "confirm is missing"),
        ({"confirm": 3}, "confirm must be a function"),
        ({"confirm": print, "prices": 3}, "prices must be two prices"),
        ({"confirm": print, "prices": (3, -1)}, "prices"),
        ({"confirm": print, "like": "nowhere.jsonl"}, "like must be a file of traces"),
    ],
)
def test_bad_options_of_the_estimate_are_named_before_anything_is_paid(parts, path, options, told):
    with pytest.raises(ValueError, match=told):
        record_traces(parts.graph(), QUESTIONS, path=path, **options)
    assert not parts.calls


def test_anybody_can_ask_what_a_recording_would_take(path):
    attempts = [{"text": "1", "key": None, "score": None} | each for each in PAST[0]["attempts"]]
    write_traces([{"id": "past", "question": "Q?", "attempts": attempts}], path)
    questions = [("One?", "1"), ("Two?", None)]
    expected = estimate_recording(
        questions, revisions=1, fresh_starts=2, like=path, prices=(1e6, 1e6), max_concurrency=1
    )
    assert (expected.attempts, expected.labelled, expected.seconds) == (8, 1, 4 * 3.0 + 4 * 5.0)
    assert expected.usd == 4 * 360 + 4 * 580
    batches = estimate_recording(
        questions, revisions=1, fresh_starts=2, like=path, prices=(1e6, 1e6), in_batches=True
    )
    assert (batches.usd, batches.seconds, batches.jobs) == (expected.usd / 2, None, 4)
    for wrong in ({"prices": 3}, {"like": "none"}, {"revisions": -1}, {"max_concurrency": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
            estimate_recording(questions, **wrong)


def test_the_outlook_needs_a_revision():
    with pytest.raises(ValueError, match="revisions must be"):
        outlook([], 0)
