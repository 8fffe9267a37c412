"""What a question alone says of its class: learned where it says something, and only there."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from easy_and_hard import RATES, Words, traces_of
from minilm import MiniLM
from simulated_loops import Loop

from langchain_markovscale import Calibration, ClassPredictor, Criterion, Rates, read_traces
from langchain_markovscale.calibration.predictor_training import evidence

ROOT = Path(__file__).parents[3]


def chances(predictor, trace):
    return predictor.weights(trace["question"], trace["features"])


@pytest.fixture(scope="module")
def predictor():
    return ClassPredictor.fit(traces_of(200), RATES)


# What is learned.


def test_stratum_that_reveals_the_class_is_learned(predictor):
    easy, hard = (predictor.weights("a new one", {"kind": kind}) for kind in ("easy", "hard"))
    assert easy[0] > 0.9
    assert hard[1] > 0.9
    assert predictor.informative
    known = [int(trace["features"]["kind"] == "hard") for trace in traces_of(200)]
    _, _, likelihoods = evidence(traces_of(200), RATES)
    most = np.log(likelihoods[np.arange(200), known] / (likelihoods @ RATES.weights)).mean()
    assert 0.9 * most < predictor.gain < most


def test_predictor_shows_itself_in_a_line(predictor):
    assert "questions=" in repr(predictor)
    assert len(repr(predictor)) < 400


def test_reported_gain_is_that_on_questions_never_seen(predictor):
    fresh = traces_of(1000, seed=7)
    _, _, likelihoods = evidence(fresh, RATES)
    weights = np.array([chances(predictor, trace) for trace in fresh])
    gains = np.log((weights * likelihoods).sum(1)) - np.log(likelihoods @ RATES.weights)
    error = math.hypot(predictor.gain_error, gains.std() / math.sqrt(len(fresh)))
    assert gains.mean() == pytest.approx(predictor.gain, abs=3 * error)


def test_weights_are_plain_shares(predictor):
    weights = predictor.weights("a new one", {"kind": "easy"})
    assert [type(weight) for weight in weights] == [float, float]
    assert sum(weights) == pytest.approx(1, abs=1e-12)
    Criterion(RATES, variant="map").decide([], weights)


def test_many_questions_get_the_weights_that_each_gets_alone(predictor):
    some = traces_of(6, seed=3)
    together = predictor.weights_of([t["question"] for t in some], [t["features"] for t in some])
    assert np.array(together) == pytest.approx(np.array([chances(predictor, t) for t in some]))
    assert predictor.weights_of([], []) == []


def test_unknown_stratum_lies_between_those_that_are_known(predictor):
    easy, unheard, hard = (
        predictor.weights("a new one", {"kind": kind})[0] for kind in ("easy", "poem", "hard")
    )
    assert easy > unheard + 0.1 > hard + 0.2


def test_unlabelled_traces_teach_too():
    found = ClassPredictor.fit(traces_of(200, labelled=0.0), RATES)
    assert found.gain > 2 * found.gain_error
    assert found.weights("a new one", {"kind": "easy"})[0] > 0.8


def test_any_number_of_classes_is_predicted():
    hopeless = Loop((1.0,), (0.02,), (0.02,), (0.5,)).traces(80, 2, 3, 5)
    traces = [{**t, "question": f"hopeless {t['id']}", "features": "hopeless"} for t in hopeless]
    traces += [{**t, "features": t["features"]["kind"]} for t in traces_of(160)]
    rates = Rates((1 / 3,) * 3, (0.85, 0.3, 0.02), (0.4, 0.1, 0.02), (0.05, 0.2, 0.5), 0.85, 0.8)
    found = ClassPredictor.fit(traces, rates)
    weights = [found.weights("", kind) for kind in ("easy", "hard", "hopeless")]
    assert np.argmax(weights, axis=1).tolist() == [0, 1, 2]


def test_both_embedding_and_features_are_used():
    def shade(question):
        return "light" if "easy" in question else "dark"

    class Noise(Words):
        def _vector(self, text):
            return super()._vector(text)[2:]

    found = ClassPredictor.fit(traces_of(200), RATES, embeddings=Noise(), features=shade)
    assert found.weights("easy 901")[0] > 0.8 > 0.2 > found.weights("hard 902")[0]


def test_same_seed_makes_the_same_predictor_and_another_a_different_one(predictor):
    again = ClassPredictor.fit(iter(traces_of(200)), RATES)
    other = ClassPredictor.fit(traces_of(200), RATES, seed=1)
    one = {"kind": "easy"}
    assert again.weights("q", one) == predictor.weights("q", one) != other.weights("q", one)
    assert again.gain == predictor.gain != other.gain


def test_training_leaves_torch_as_it_was():
    torch.manual_seed(5)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    ClassPredictor.fit(traces_of(30), RATES)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads


# Where there is nothing to learn.


def test_features_that_say_nothing_leave_the_usual_weights_and_it_says_so():
    rng = np.random.default_rng(0)
    traces = [{**trace, "features": rng.normal(size=5).tolist()} for trace in traces_of(300)]
    found = ClassPredictor.fit(traces, RATES)
    assert not found.informative
    assert found.gain < 1.645 * found.gain_error
    assert found.weights("a new one") == [0.5, 0.5]
    assert "Questions do not predict their class" in found.summary
    assert "300 questions" in found.summary


def test_question_that_was_recorded_again_is_not_held_out_from_itself():
    rng = np.random.default_rng(0)
    traces = []
    for trace in traces_of(60):
        own = {**trace, "features": rng.normal(size=40).tolist()}
        traces += [own] * 5
    found = ClassPredictor.fit(traces, RATES)
    assert not found.informative


def test_few_questions_are_not_learned_from_and_nothing_is_embedded():
    embeddings = Words()
    found = ClassPredictor.fit(traces_of(24), RATES, embeddings=embeddings)
    assert found.weights("easy 1") == [0.5, 0.5]
    assert "24 questions are too few" in found.summary
    assert embeddings.asked == []


def test_one_class_leaves_nothing_to_predict():
    one = Rates((1.0,), (0.5,), (0.2,), (0.1,), 0.8, 0.8)
    found = ClassPredictor.fit(traces_of(60), one)
    assert found.weights("easy 1") == [1.0]
    assert "one class" in found.summary


def test_traces_without_features_are_refused():
    bare = [{key: t[key] for key in ("id", "question", "attempts")} for t in traces_of(40)]
    with pytest.raises(ValueError, match="traces have no features to learn from: give embeddings"):
        ClassPredictor.fit(bare, RATES)


def test_no_attempts_are_refused():
    with pytest.raises(ValueError, match="at least one attempt"):
        ClassPredictor.fit([], RATES)


@pytest.mark.parametrize("options", [{"hidden": 0}, {"hidden": 1.5}, {"weight_decay": -1.0}])
def test_option_out_of_range_is_refused_by_name(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        ClassPredictor.fit(traces_of(30), RATES, **options)


def test_missing_features_of_a_question_are_refused(predictor):
    assert predictor.needs_features
    with pytest.raises(ValueError, match="features are missing"):
        predictor.weights("easy 1")


# A real model's traces, and real embeddings.


def test_embeddings_of_real_questions_predict_which_are_easy():
    traces = list(read_traces(ROOT / "tests/data/arithmetic.jsonl"))
    calibration = Calibration.fit(traces, n_classes=2, n_bootstrap=0, delivery=False)
    found = ClassPredictor.fit(traces, calibration, embeddings=MiniLM())
    assert found.gain > 2 * found.gain_error
    # Sums of two-digit numbers are right in 84 % of first answers, remainders in 25 %.
    unseen = {"sum": "What is 36 + 47?", "remainder": "What is the remainder of 743 divided by 9?"}
    easy = {name: found.weights(question)[0] for name, question in unseen.items()}
    assert easy["sum"] > calibration.rates.weights[0] > easy["remainder"]
    by_kind = {}
    questions = [trace["question"] for trace in traces]
    for trace, weights in zip(traces, found.weights_of(questions), strict=True):
        by_kind.setdefault(trace["features"]["kind"], []).append(weights[0])
    means = {kind: sum(shares) / len(shares) for kind, shares in by_kind.items()}
    assert max(means, key=means.get) == "add2"
    assert means["add2"] > means["mod"] + 0.3
