"""The default prior over answers with keys, against an enumeration of its 5,670 classes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st
from prior_by_enumeration import (
    CLASSES,
    A,
    B,
    P,
    S,
    T,
    accepted_anew,
    over_keys,
    until_accepted,
)
from runs import runs
from worlds import attempt

from langchain_markovscale import Calibration, Criterion
from langchain_markovscale.theory.plans import verified
from langchain_markovscale.theory.prior import PriorBelief
from langchain_markovscale.theory.prior_factors import INITIAL

BELIEF = PriorBelief()
BOTH = ("revise", "generate")
levels = st.sampled_from([0.1, 0.3, 0.45, 0.5, 0.6, 0.8, 0.9])
few = settings(max_examples=25, deadline=None)


def keyed(attempts):
    return any(one["key"] is not None for one in attempts)


def enumerated(attempts):
    joint = over_keys(attempts)
    total = sum(chance.sum() for chance in joint.values())
    return {truth: chance / total for truth, chance in joint.items()}


def scores_by_key(attempts):
    scores = {}
    for one in attempts:
        if one["key"] is not None and one["score"] is not None:
            scores.setdefault(one["key"], []).append(one["score"])
    return scores


def evidence(attempts):
    return sum(chance.sum() for chance in over_keys(attempts).values())


@few
@given(runs(most=5))
def test_beliefs_are_those_of_every_class(attempts):
    assume(keyed(attempts))
    joint = enumerated(attempts)
    beliefs = BELIEF.posterior(attempts).beliefs
    expected = [chance.sum() for truth, chance in joint.items() if truth is not None]
    assert beliefs == pytest.approx(expected, abs=1e-7)


@few
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.one_of(st.none(), levels)), min_size=1, max_size=4
    )
)
def test_the_next_draw_is_that_of_every_class(drawn):
    attempts = [attempt(key, score) for key, score in drawn]
    whole = evidence(attempts)
    expected = [
        evidence([*attempts, attempt(key)]) / whole
        for key in dict.fromkeys(key for key, _ in drawn)
    ]
    posterior = BELIEF.posterior(attempts)
    chances = posterior.next_draw()
    assert chances.again[:, 0] == pytest.approx(expected, abs=1e-7)
    assert chances.again.sum() + chances.new.sum() == pytest.approx(1, abs=1e-12)
    assert posterior.next_draw(scored=False).new == pytest.approx([chances.new.sum()])


def test_a_new_answer_is_accepted_as_every_class_has_it():
    joint = enumerated([attempt("a", 0.9)])
    of_wrong, of_right = accepted_anew()
    new_wrong = joint["a"] * (1 - P) + joint[None] * (1 - P) * T / (1 + T)
    new_right = joint[None] * P
    accepted = new_wrong * of_wrong + new_right * of_right
    new = BELIEF.posterior([attempt("a", 0.9)]).next_draw().new
    assert new[1] == pytest.approx(accepted.sum(), abs=1e-7)
    assert new.sum() == pytest.approx((new_wrong + new_right).sum(), abs=1e-7)


@few
@given(runs(most=4), st.data())
def test_what_plans_depend_on_is_that_of_every_class(attempts, data):
    assume(keyed(attempts))
    posterior, joint = BELIEF.posterior(attempts), enumerated(attempts)
    answer = data.draw(st.integers(0, len(posterior.beliefs) - 1))
    truth = list(joint)[answer]
    right = joint[truth]
    wrong = sum(joint.values()) - right
    depth = posterior.depths[posterior.latest[answer]]
    settled = 0.5**depth
    for cases, chance in (
        (
            posterior.candidates(("generate",), answer, depth, 1),
            (right * P).sum() + (wrong * P).sum(),
        ),
        (
            posterior.candidates(("revise",), answer, depth, 1),
            (right * (1 - B * settled)).sum() + (wrong * A * settled).sum(),
        ),
    ):
        assert cases.weights.sum() == pytest.approx(1)
        in_hand, (if_wrong, if_right) = cases.weights * cases.right, cases.chances[0]
        candidate = in_hand * if_right + (cases.weights - in_hand) * if_wrong
        assert in_hand.sum() == pytest.approx(right.sum(), abs=1e-7)
        assert candidate.sum() == pytest.approx(chance, abs=1e-7)
        assert ((cases.accepted >= 0) & (cases.accepted <= 1)).all()
        assert ((cases.mistaken >= -1e-12) & (cases.mistaken <= 1 + 1e-12)).all()
    revised = posterior.candidates(("revise",), answer, depth, 1)
    repaired_and_kept = revised.weights * revised.chances[0, 0] * revised.chances[0, 1]
    expected = ((right + wrong) * A * settled * (1 - B * settled)).sum()
    assert repaired_and_kept.sum() == pytest.approx(expected, abs=1e-7)
    revising, drawing = posterior.unverified(("revise", "generate"), answer, depth, 2)
    gains = wrong * A * settled - right * B * settled
    again = 0.5 * gains * (1 - A * settled - B * settled)
    assert revising == pytest.approx([gains.sum(), gains.sum() + again.sum()], abs=1e-7)
    drawn = ((right + wrong) * P).sum() - right.sum()
    assert drawing == pytest.approx([drawn, drawn], abs=1e-7)
    ballot = posterior.ballot(2)
    for row, chance in zip(ballot.joint, joint.values(), strict=True):
        for n_right in range(3):
            split = (chance * P**n_right * (1 - P)).sum()
            initial = np.array(ballot.initial)
            found = (row * initial**n_right * (1 - initial)).sum()
            assert found == pytest.approx(split, abs=1e-7)
    assert ballot.urns.chances.sum(axis=0) == pytest.approx(1)


@few
@given(runs(most=4), st.data(), st.integers(1, 3))
def test_plans_until_one_is_accepted_gain_what_following_them_brings(attempts, data, n):
    assume(keyed(attempts))
    posterior, joint = BELIEF.posterior(attempts), enumerated(attempts)
    answer = data.draw(st.integers(0, len(posterior.beliefs) - 1))
    truth = list(joint)[answer]
    depth, (mistaken, accepted) = posterior.depths[posterior.latest[answer]], accepted_anew()
    verdicts = {key: np.mean(each) >= 0.5 for key, each in scores_by_key(attempts).items()}
    wrong = sum(joint.values()) - joint[truth]
    again = (wrong * S).sum() / wrong.sum() if truth in verdicts else 0.0
    # What a revision leaves as it is has its verdict already, in each round, on the average.
    unchanged = again * verdicts.get(truth, 0) + (1 - again) * mistaken
    found = verified(posterior.candidates(BOTH, answer, depth, 3), 3)
    for row, action in enumerate(BOTH if not verdicts else BOTH[:1]):
        worth = rounds = 0.0
        for hypothesis, chance in joint.items():
            right = hypothesis == truth
            of_wrong = unchanged if action == "revise" and not right else mistaken
            kept = float(verdicts[hypothesis]) if hypothesis in verdicts else accepted
            for verdict, share in ((1.0, kept), (0.0, 1 - kept)):
                value, length = until_accepted(action, right, depth, n, of_wrong, verdict)
                worth += (chance * share * value).sum()
                rounds += (chance * share * length).sum()
        gain = worth - joint[truth].sum()
        assert found.gains[row][n - 1] == pytest.approx(gain, abs=1e-7)
        assert found.rounds[row][n - 1] == pytest.approx(rounds, abs=1e-7)


@given(runs(keys=("a", "b", "c", "d"), most=8), levels, st.data())
@settings(deadline=None)
def test_a_higher_score_is_never_worse_evidence(attempts, score, data):
    index = data.draw(st.integers(0, len(attempts) - 1))
    before = attempts[index]["score"]
    assume(before is not None and score > before)
    answer = list(dict.fromkeys(one["key"] for one in attempts)).index(attempts[index]["key"])
    lower = BELIEF.posterior(attempts).beliefs[answer]
    raised = [*attempts[:index], {**attempts[index], "score": score}, *attempts[index + 1 :]]
    assert BELIEF.posterior(raised).beliefs[answer] >= lower - 1e-12


@given(runs(keys=("a", "b", None), most=6))
@settings(deadline=None)
def test_only_the_order_of_scores_and_their_verdicts_count(attempts):
    assume(keyed(attempts))
    keys = [one["key"] for one in attempts]
    singly = [
        one if keys.index(one["key"]) == index else {**one, "score": None}
        for index, one in enumerate(attempts)
    ]
    squeezed = [
        {**one, "score": None if one["score"] is None else 0.25 + one["score"] / 2}
        for one in singly
    ]
    assert BELIEF.posterior(squeezed).beliefs == pytest.approx(BELIEF.posterior(singly).beliefs)


def test_a_strict_or_lenient_verifier_is_known_by_its_verdicts():
    def first(*others):
        draws = [attempt("a", 0.9), *(attempt(str(i), score) for i, score in enumerate(others))]
        return BELIEF.posterior(draws).beliefs[0]

    assert first(0.2, 0.2, 0.2) > first(0.8, 0.8, 0.8) + 0.05


def test_agreement_and_rejection():
    rejected_six_times = [attempt("a", 0.2)] * 6
    accepted = [attempt("b", 0.9)]
    beliefs = BELIEF.posterior([*accepted, *rejected_six_times]).beliefs
    assert beliefs[1] > beliefs[0]  # six draws agree, and one verifier rejects
    alone = BELIEF.posterior([attempt("a", 0.9)]).beliefs[0]
    thrice = BELIEF.posterior([attempt("a", 0.9)] * 3).beliefs[0]
    assert thrice > alone > 0.5


def test_class_weights_move_the_prior():
    weights = BELIEF.prior().reshape(7, -1) * np.array([0, 0, 0, 0, 0, 0, 7.0])[:, None]
    easy = BELIEF.posterior([attempt("a")], weights.ravel().tolist())
    assert easy.beliefs[0] == pytest.approx(0.97)
    assert BELIEF.draws(weights.ravel().tolist()).weights == pytest.approx(np.eye(7)[6])
    with pytest.raises(ValueError, match="class_weights must be one share for each of the 63"):
        BELIEF.posterior([attempt("a")], [1.0])


def test_a_closed_list_of_two_leaves_one_wrong_answer():
    yes_or_no = PriorBelief(choices=2)
    beliefs = yes_or_no.posterior([attempt("yes"), attempt("no"), attempt("yes")]).beliefs
    p = np.array(INITIAL.values)
    yes, no = (p**2 * (1 - p)).sum(), (p * (1 - p) ** 2).sum()
    assert beliefs[0] / beliefs[1] == pytest.approx(yes / no)
    assert beliefs.sum() == pytest.approx(1, abs=1e-6)
    with pytest.raises(ValueError, match="choices"):
        PriorBelief(choices=1)


@pytest.mark.parametrize("choices", [2, 3])
def test_where_more_answers_come_than_were_listed_promises_stay_chances(choices):
    rule = Criterion(Calibration.training_free(), 0.0, 30, ("generate",), choices=choices)
    decision = rule.decide([attempt(key) for key in "abcdd"])
    assert 0 <= decision["belief"] + decision["expected_gain"] <= 1


def test_the_classes_are_all_there():
    assert len(CLASSES) == 5670
    assert BELIEF.rates.n_classes == 63


def test_marks_have_a_level_also_without_a_score():
    posterior = BELIEF.posterior([attempt("a", 0.9), attempt("a"), attempt("b", 0.1), attempt("c")])
    marks = posterior.marks()
    assert marks[:2] == [(2, 1), (1, 0)]
    assert marks[2] in [(1, 0), (1, 1)]
    assert posterior.marks(scored=False) == [(2, 0), (1, 0), (1, 0)]
