"""A local model with its weights, and verifiers on it, travel to another process."""

import copy

import cloudpickle
import pytest
from test_reward import TOKENIZER, asked, outcome_model, process_model

from langchain_markovscale import (
    EntailmentVerifier,
    RewardModelVerifier,
    TokenProbabilityVerifier,
)


def there_and_back(thing):
    return cloudpickle.loads(cloudpickle.dumps(thing))


@pytest.mark.parametrize("copied", [there_and_back, copy.deepcopy])
def test_a_copy_of_a_model_writes_the_same(tiny, copied):
    text = tiny.invoke("2 + 2?").content  # its engine runs
    other = copied(tiny)
    try:
        assert other.invoke("2 + 2?").content == text
        assert other.engine is not tiny.engine
        assert other.temperature == tiny.temperature
    finally:
        other.close()
    assert tiny.invoke("2 + 2?").content == text


def test_a_copy_of_a_verifier_scores_the_same(tiny):
    for verifier in (
        RewardModelVerifier(outcome_model(), TOKENIZER),
        RewardModelVerifier(process_model(), TOKENIZER, step_token="<extra_0>"),
        TokenProbabilityVerifier(tiny, yes=["Y"], no=["N"], least=0.0),
    ):
        before = verifier.invoke(asked("4"))
        other = there_and_back(verifier)
        assert other.invoke(asked("4")) == before
        other.close() if isinstance(other, RewardModelVerifier) else other.model.close()
        if isinstance(verifier, RewardModelVerifier):
            verifier.close()


class Halves:
    """A cross-encoder that is never sure."""

    def predict(self, inputs, **options):
        return [[0.5, 0.5] for _ in inputs]


def test_a_verifier_that_waits_its_turn_travels():
    verifier = EntailmentVerifier(Halves(), entailment=0)
    given = {"question": "?", "answer": "It is 4.", "key": None, "context": ["4"]}
    other = there_and_back(verifier)
    assert other.invoke(given) == verifier.invoke(given)
