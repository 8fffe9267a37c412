"""What a predictor learns from: how well each class explains what happened at a question."""

import numpy as np
import pytest
from easy_and_hard import RATES, traces_of

from langchain_markovscale import Belief, Rates
from langchain_markovscale.calibration.predictor_training import evidence


def likelihood(trace, rates=RATES):
    _, _, (found,) = evidence([trace], rates)
    return found


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
    found = likelihood({"id": "q", "question": "?", "attempts": attempts})
    assert found == pytest.approx(by_hand / by_hand.sum())


def test_likelihood_without_labels_is_that_of_the_belief():
    belief = Belief(RATES)
    for trace in traces_of(20, labelled=0.0):
        posterior = belief.posterior(trace["attempts"], class_weights=(0.5, 0.5))
        assert likelihood(trace) == pytest.approx(posterior.classes, abs=1e-6)


def test_likelihood_bears_rates_at_their_limits():
    rates = Rates((1.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.0, 1.0), 1.0, 1.0, retention=0.0)
    for labelled in (0.0, 1.0):
        for trace in traces_of(6, labelled=labelled):
            found = likelihood(trace, rates)
            assert np.isfinite(found).all()
            assert found.sum() == pytest.approx(1)
