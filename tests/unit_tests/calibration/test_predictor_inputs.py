"""What a predictor learns from: features as numbers, and how well a class explains a question."""

import math

import numpy as np
import pytest
from easy_and_hard import RATES, traces_of

from langchain_markovscale import Belief, Rates
from langchain_markovscale.calibration.predictor_inputs import ClassLikelihood, FeatureColumns

# Likelihoods.


def test_likelihood_of_labelled_attempts_is_the_product_of_their_rates():
    steps = [(True, None), (False, 0), (True, 1), (False, None)]
    attempts = [
        {
            "text": "",
            "key": None,
            "score": None,
            "action": "generate" if parent is None else "revise",
            "parent": parent,
            "feedback": None,
            "tokens": None,
            "correct": correct,
        }
        for correct, parent in steps
    ]
    by_hand = np.array(
        [
            p * b * (0.9 * a) * (1 - p)
            for p, a, b in zip(RATES.initial, RATES.repair, RATES.corruption, strict=True)
        ]
    )
    found = ClassLikelihood(RATES)({"id": "q", "question": "?", "attempts": attempts})
    assert found == pytest.approx(by_hand / by_hand.sum())


def test_likelihood_without_labels_is_that_of_the_belief():
    belief, likelihood = Belief(RATES), ClassLikelihood(RATES)
    for trace in traces_of(20, labelled=0.0):
        posterior = belief.posterior(trace["attempts"], class_weights=(0.5, 0.5))
        assert likelihood(trace) == pytest.approx(posterior.classes, abs=1e-6)


def test_likelihood_bears_rates_at_their_limits():
    rates = Rates((1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, 1.0), 1.0, 1.0, retention=0.0)
    for labelled in (0.0, 1.0):
        for trace in traces_of(6, labelled=labelled):
            found = ClassLikelihood(rates)(trace)
            assert np.isfinite(found).all()
            assert found.sum() == pytest.approx(1)


# Features.


def test_strata_become_indicators_and_vectors_stay():
    records = [{"kind": "sum", "size": [1, 2.5]}, {"kind": "mod", "size": [3, 4]}]
    columns = FeatureColumns.seen_in(records)
    assert columns.columns == (
        (".kind", "mod"),
        (".kind", "sum"),
        (".size[0]", None),
        (".size[1]", None),
    )
    assert columns.encode(records).tolist() == [[0, 1, 1, 2.5], [1, 0, 3, 4]]


def test_bare_stratum_and_bare_vector_are_features():
    assert FeatureColumns.seen_in(["b", "a"]).encode(["a", "b"]).tolist() == [[1, 0], [0, 1]]
    assert FeatureColumns.seen_in([[5, 6]]).encode([[7, 8]]).tolist() == [[7, 8]]


def test_what_was_not_told_or_never_heard_of_is_unknown():
    columns = FeatureColumns.seen_in([{"kind": "sum", "size": 1}, {"kind": "mod", "size": 2}])
    unknown = columns.encode([None, {"kind": "poem", "size": 3}, {"kind": "sum", "colour": 1}])
    nan = math.nan
    wanted = [[nan, nan, nan], [nan, nan, 3], [0, 1, nan]]
    np.testing.assert_array_equal(unknown, wanted)


@pytest.mark.parametrize("bad", [math.nan, math.inf, object()])
def test_feature_that_is_no_number_is_refused_by_name(bad):
    with pytest.raises(ValueError, match=r"features\.size"):
        FeatureColumns.seen_in([{"size": bad}])
