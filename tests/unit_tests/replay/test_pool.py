"""A pool knows how its attempts were made, and refuses what cannot be replayed."""

from collections import Counter

import pytest
from pools import answer, trace

from langchain_markovscale.replay.pool import Pool, QuestionSample

TREE = trace(
    answer("a"), answer("b", 0), answer("c", 1), answer("right"), answer("d", 0), answer("right", 3)
)


def test_draws_and_revisions_are_told_apart():
    (question,) = Pool([TREE])
    assert question.draws == (0, 3)
    assert question.revisions == ((1, 4), (2,), (), (5,), (), ())
    assert question.correct == (False, False, False, True, False, True)
    assert question.longest_chain == 3


def test_draws_can_be_handed_out_from_any_of_them_on():
    (question,) = Pool([trace(answer("a"), answer("b"), answer("c"))])
    assert [question.starting_with(first).draws for first in range(4)] == [
        (0, 1, 2),
        (1, 2, 0),
        (2, 0, 1),
        (0, 1, 2),
    ]


def test_a_pool_knows_what_it_has_something_for():
    bare = Pool([trace(answer(None, score=None))])
    assert not any((bare.keyed, bare.scored, bare.criticised))
    assert (bare.most_draws, bare.longest_chain) == (1, 1)
    full = Pool([trace(answer(None)), TREE, trace(answer(None, score=0.0, feedback="no"))])
    assert full.keyed
    assert full.scored
    assert full.criticised
    assert (full.most_draws, full.longest_chain) == (2, 3)


def test_what_a_trace_leaves_out_is_filled_in():
    short = {"id": "q", "question": "?", "attempts": [{"text": "7", "correct": True}]}
    (question,) = Pool([short])
    assert question.attempts[0]["tokens"] is None
    assert question.draws == (0,)


def test_tokens_are_known_only_where_all_of_them_are():
    scored = trace(answer("a", score=0.5))
    told = trace(answer("a", score=0.5), metadata={"verification_tokens": 7})
    assert not Pool([scored]).priced
    assert not Pool([scored, told]).priced
    assert Pool([told])[0].verification_tokens == 7
    assert Pool([told, scored], verification_tokens=3)[0].verification_tokens == 3
    assert Pool([scored], verification_tokens=3).priced
    assert not Pool([trace(answer("a", tokens=None))]).priced
    assert not Pool([trace(answer("a", tokens=0))]).priced


def usage(read, written, unknown=0):
    return {"calls": 1, "input_tokens": read, "output_tokens": written, "unknown": unknown}


DRAWN = answer("a", score=0.5) | {"usage": {"generate": usage(40, 10), "verify": usage(70, 3)}}
REVISED = answer("b", 0, score=0.5) | {"usage": {"revise": usage(90, 10), "verify": usage(90, 5)}}
OLD = trace(answer("a", score=0.5), metadata={"verification_tokens": 7})


def test_tokens_are_those_read_and_written_where_usage_is_known():
    pool = Pool([trace(DRAWN, REVISED, metadata={"verification_tokens": 4})])
    assert pool.reading_counts
    assert pool.priced
    assert pool[0].tokens == (50, 100)
    assert pool[0].verification_tokens == (73 + 95) / 2
    assert Pool([trace(DRAWN)], verification_tokens=3)[0].verification_tokens == 3


@pytest.mark.parametrize(
    "other",
    [
        OLD,
        trace(DRAWN | {"usage": {"generate": usage(0, 0, unknown=1), "verify": usage(60, 7)}}),
    ],
)
def test_tokens_read_and_tokens_written_alone_are_never_added_up(other):
    pool = Pool([trace(DRAWN, REVISED), other])
    assert not pool.reading_counts
    assert pool.priced
    assert [question.tokens for question in pool] == [(10, 10), (10,)]
    assert [question.verification_tokens for question in pool] == [4, 7]


def test_a_verification_of_unknown_usage_has_no_price():
    silent = DRAWN | {"usage": {"generate": usage(40, 10), "verify": usage(0, 0, unknown=1)}}
    assert not Pool([trace(silent)]).priced
    assert Pool([trace(silent)], verification_tokens=3).reading_counts
    unheard_of = DRAWN | {"usage": {"generate": usage(40, 10)}}
    assert not Pool([trace(unheard_of)]).priced


def test_nothing_is_paid_for_a_verification_that_was_not_made():
    pool = Pool([trace(answer("a"))], verification_tokens=3)
    assert pool.priced
    assert pool[0].verification_tokens == 0


def test_without_verdicts_scores_and_feedback_are_gone_and_the_rest_is_there():
    (question,) = Pool([trace(answer("a", score=0.5, feedback="no"), answer("right", 0))])
    bare = question.without_verdicts()
    assert [(each["score"], each["feedback"]) for each in bare.attempts] == [(None, None)] * 2
    assert bare.correct == question.correct
    assert bare.attempts[1]["key"] == "right"


def test_folds_hold_every_question_once_and_depend_on_the_seed_alone():
    pool = Pool(trace(answer("a"), name=str(n)) for n in range(11))
    one, other = pool.folds(3, 1)
    assert sorted(one + other) == list(range(11))
    assert abs(len(one) - len(other)) == 1
    assert pool.folds(3, 1) == (one, other)
    assert pool.folds(3, 2) != (one, other)


def test_a_question_that_was_recorded_twice_is_in_one_fold():
    named = [trace(answer("a"), name=f"run {n}", metadata={"question": n // 3}) for n in range(12)]
    pool = Pool([*named, trace(answer("a"), name="alone"), trace(answer("b"), name="alone")])
    assert list(pool.by_question().values()) == [
        *([n, n + 1, n + 2] for n in range(0, 12, 3)),
        [12, 13],
    ]
    for seed in range(5):
        one, other = pool.folds(seed)
        assert sorted(one + other) == list(range(14))
        for group in pool.by_question().values():
            assert set(group) <= set(one) or set(group) <= set(other)


@pytest.mark.parametrize(
    ("traces", "complaint"),
    [
        ([], "at least one question"),
        ([trace(name="empty")], "'empty' has no attempt"),
        ([trace(answer("a") | {"correct": None}, name="open")], "attempt 0 of question 'open'"),
        ([trace({"key": "a", "correct": True})], r"attempts\[0\].text must be a string"),
        (
            [trace(answer("a", score=1.0), metadata={"verification_tokens": "7"})],
            "verification_tokens.* must be a number",
        ),
    ],
)
def test_what_cannot_be_replayed_is_refused(traces, complaint):
    with pytest.raises(ValueError, match=complaint):
        Pool(traces)


def test_one_question_has_no_two_folds():
    with pytest.raises(ValueError, match="there is one question, and a replay needs at least two"):
        Pool([TREE]).folds(0)


def many(questions, starts=1):
    return [trace(answer("a"), name=f"q{n}") for _ in range(starts) for n in range(questions)]


def sampled(traces, most, seed=0):
    sample = QuestionSample(most, seed)
    assert list(sample.noting(iter(traces))) == traces
    assert sample.taken == len(traces)
    return sample.traces


def test_a_sample_of_few_questions_is_all_of_them():
    assert sampled(many(5, starts=2), 5) == many(5, starts=2)


def test_a_sample_has_all_traces_of_its_questions_in_their_order():
    chosen = sampled(many(40, starts=3), 10)
    counts = Counter(each["id"] for each in chosen)
    assert len(counts) == 10
    assert set(counts.values()) == {3}
    assert chosen == [each for each in many(40, starts=3) if each["id"] in counts]


def test_every_question_is_as_likely_to_be_in_a_sample():
    counts = Counter(each["id"] for seed in range(2000) for each in sampled(many(8), 2, seed))
    assert len(counts) == 8
    assert all(430 < count < 570 for count in counts.values())  # 500 ± 3.6 standard errors


def test_what_does_not_count_takes_no_place_in_a_sample():
    sample = QuestionSample(3, 0, lambda each: each["id"] != "q1")
    for each in many(4):
        sample.add(each)
    assert [each["id"] for each in sample.traces] == ["q0", "q2", "q3"]
