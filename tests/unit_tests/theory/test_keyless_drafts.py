"""The default prior over drafts without keys, against all ways to be right or wrong."""

import pickle

import pytest
from hypothesis import assume, given, settings, strategies as st
from prior_by_enumeration import (
    KEYLESS,
    A as ALL_A,
    B as ALL_B,
    P as ALL_P,
    accepted_anew,
    over_labels,
    until_accepted,
)
from runs import runs
from worlds import attempt

from langchain_markovscale import Calibration, Criterion
from langchain_markovscale.theory.plans import verified
from langchain_markovscale.theory.prior import PriorBelief
from langchain_markovscale.theory.prior_drafts import DraftsPosterior

BELIEF = PriorBelief()
BOTH = ("revise", "generate")
P, A, B = ALL_P[KEYLESS], ALL_A[KEYLESS], ALL_B[KEYLESS]
higher = st.sampled_from([0.3, 0.45, 0.5, 0.6, 0.8, 0.9, 1.0])
few = settings(max_examples=15, deadline=None)


def beliefs(attempts):
    return BELIEF.posterior(attempts).beliefs


def enumerated(attempts):
    joint = over_labels(attempts)
    total = sum(chance.sum() for chance in joint.values())
    return [
        sum(chance for labels, chance in joint.items() if labels[draft]) / total
        for draft in range(len(attempts))
    ], sum(joint.values()) / total


@few
@given(runs(keys=(None,), most=4))
def test_beliefs_are_those_of_every_labelling(attempts):
    right, _ = enumerated(attempts)
    assert beliefs(attempts) == pytest.approx([chance.sum() for chance in right], abs=1e-7)


@few
@given(runs(keys=(None,), most=3), st.data())
def test_what_plans_depend_on_is_that_of_every_labelling(attempts, data):
    draft = data.draw(st.integers(0, len(attempts) - 1))
    posterior = BELIEF.posterior(attempts)
    all_right, whole = enumerated(attempts)
    right, wrong = all_right[draft], whole - all_right[draft]
    settled = 0.5 ** posterior.depths[draft]
    revised = (right * (1 - B * settled) + wrong * A * settled).sum()
    for cases, chance in (
        (posterior.candidates(("generate",), draft, 0, 1), (whole * P).sum()),
        (posterior.candidates(("revise",), draft, posterior.depths[draft], 1), revised),
    ):
        assert cases.weights.sum() == pytest.approx(1)
        in_hand, (if_wrong, if_right) = cases.weights * cases.right, cases.chances[0]
        candidate = in_hand * if_right + (cases.weights - in_hand) * if_wrong
        assert in_hand.sum() == pytest.approx(right.sum(), abs=1e-7)
        assert candidate.sum() == pytest.approx(chance, abs=1e-7)
    revised = posterior.candidates(("revise",), draft, posterior.depths[draft], 1)
    repaired_and_kept = revised.weights * revised.chances[0, 0] * revised.chances[0, 1]
    expected = (whole * A * settled * (1 - B * settled)).sum()
    assert repaired_and_kept.sum() == pytest.approx(expected, abs=1e-7)
    actions, depth = ("revise", "generate"), posterior.depths[draft]
    revising, drawing = posterior.unverified(actions, draft, depth, 2)
    gains = wrong * A * settled - right * B * settled
    again = 0.5 * gains * (1 - A * settled - B * settled)
    assert revising == pytest.approx([gains.sum(), gains.sum() + again.sum()], abs=1e-7)
    assert drawing == pytest.approx([(whole * P).sum() - right.sum()] * 2, abs=1e-7)


@few
@given(runs(keys=(None,), most=3), st.data(), st.integers(1, 4))
def test_plans_until_one_is_accepted_gain_what_following_them_brings(attempts, data, n):
    draft = data.draw(st.integers(0, len(attempts) - 1))
    posterior = BELIEF.posterior(attempts)
    all_right, whole = enumerated(attempts)
    depth, judged = posterior.depths[draft], accepted_anew()
    found = verified(posterior.candidates(BOTH, draft, depth, 4), 4)
    for row, action in enumerate(BOTH):
        worth = rounds = 0.0
        for right, chance in ((True, all_right[draft]), (False, whole - all_right[draft])):
            value, length = until_accepted(action, right, depth, n, *judged)
            worth += (chance * value[KEYLESS]).sum()
            rounds += (chance * length[KEYLESS]).sum()
        assert found.gains[row][n - 1] + all_right[draft].sum() == pytest.approx(worth, abs=1e-7)
        assert found.rounds[row][n - 1] == pytest.approx(rounds, abs=1e-7)


def test_beyond_eight_fresh_drafts_are_exact():
    scores = [0.9, 0.8, 0.62, 0.55, 0.4, 0.33, None, 0.2, 0.1]
    attempts = [attempt(None, score) for score in scores]
    right, _ = enumerated(attempts)
    found = beliefs(attempts)
    assert found == pytest.approx([chance.sum() for chance in right], abs=1e-6)
    posterior = BELIEF.posterior(attempts)
    for draft in range(9):
        cases = posterior.candidates(("revise", "generate"), draft, 0, 1)
        in_hand = (cases.weights * cases.right).sum(axis=(1, 2, 3))
        assert in_hand == pytest.approx([found[draft]] * 2)


def test_beyond_eight_revisions_are_nearly_exact():
    parents = [None, 0, 1, None, 3, 0, None, 6, 7]
    scores = [0.3, 0.7, 0.9, 0.2, 0.65, 0.4, 0.55, 0.6, 0.95]
    attempts = [attempt(None, *each) for each in zip(scores, parents, strict=True)]
    right, _ = enumerated(attempts)
    assert beliefs(attempts) == pytest.approx([chance.sum() for chance in right], abs=0.02)


@given(runs(keys=(None,), most=12), higher, st.data())
@settings(deadline=None)
def test_a_higher_score_is_never_worse_evidence(attempts, score, data):
    draft = data.draw(st.integers(0, len(attempts) - 1))
    before = attempts[draft]["score"]
    assume(before is not None and score > before)
    raised = [*attempts[:draft], {**attempts[draft], "score": score}, *attempts[draft + 1 :]]
    assert beliefs(raised)[draft] >= beliefs(attempts)[draft] - 1e-12


@given(st.lists(st.one_of(st.none(), st.floats(0, 1)), min_size=1, max_size=12))
@settings(deadline=None)
def test_equal_scores_are_equal_evidence_and_order_is_that_of_the_scores(scores):
    found = beliefs([attempt(None, score) for score in scores])
    ranked = [(score, found[i]) for i, score in enumerate(scores) if score is not None]
    for score, belief in ranked:
        for other, less in ranked:
            if score == other:
                assert belief == pytest.approx(less, abs=1e-9)
            elif score > other:
                assert belief >= less - 1e-9


@pytest.mark.parametrize("actions", [("generate",), ("revise",), ("revise", "generate")])
def test_the_best_scored_draft_is_returned(actions):
    attempts = [attempt(None, score) for score in (0.95, 0.6, 0.55)]
    found = beliefs(attempts)
    assert found[0] > found[1] > found[2]
    decision = Criterion(Calibration.training_free(), actions=actions).decide(attempts)
    assert decision["best"] == 0
    assert decision["belief"] == pytest.approx(found[0])


@given(runs(keys=(None,), most=12), st.sampled_from([("generate",), ("revise",)]))
@settings(deadline=None)
def test_the_best_scored_draft_is_returned_also_of_revisions(attempts, actions):
    """Whatever is assumed of revisions; a draft without a score competes by its belief."""
    decision = Criterion(Calibration.training_free(), actions=actions).decide(attempts)
    found, best = beliefs(attempts), decision["best"]
    scores = [each["score"] for each in attempts if each["score"] is not None]
    if attempts[best]["score"] is not None:
        assert attempts[best]["score"] == max(scores)
    for draft, each in enumerate(attempts):
        if each["score"] is None or each["score"] == attempts[best]["score"]:
            assert found[best] >= found[draft] - 1e-9
    assert decision["belief"] == pytest.approx(found[best])


def test_without_scores_the_first_answer_is_returned_for_want_of_evidence():
    criterion = Criterion(Calibration.training_free(), cost_per_round=0.0)
    for attempts in ([attempt(None)], [attempt(None), attempt(None, parent=0)]):
        decision = criterion.decide(attempts)
        assert (decision["action"], decision["reason"]) == ("stop", "no_evidence")
        assert decision["best"] == 0
    assert criterion.decide([attempt("a")])["reason"] != "no_evidence"
    assert criterion.decide([attempt(None, 0.4)])["reason"] != "no_evidence"


@pytest.mark.parametrize("many", [3, 12])
def test_without_scores_beliefs_are_those_of_the_chain(many):
    attempts = [attempt(None, parent=None if i == 0 else i - 1) for i in range(many)]
    expected = BELIEF.rates.mixture.accuracy(range(many))
    assert beliefs(attempts) == pytest.approx(expected)


def test_a_long_run_stays_finite():
    attempts = [
        attempt(None, (7 * i % 11) / 11, None if i % 5 == 0 else max(i - 3, 0)) for i in range(300)
    ]
    found = beliefs(attempts)
    assert ((found >= 0) & (found <= 1)).all()


def test_a_posterior_can_be_pickled():
    attempts = [attempt(None, 0.7), attempt(None, 0.4)]
    posterior = pickle.loads(pickle.dumps(BELIEF)).posterior(attempts)
    assert isinstance(posterior, DraftsPosterior)
    assert posterior.beliefs == pytest.approx(beliefs(attempts))
