import numpy as np
import pytest
import torch
from transformers import TopPLogitsWarper

from langchain_markovscale.local.sequences import (
    Row,
    Sampling,
    draw,
    log_probabilities,
)

LOGITS = torch.tensor([2.0, -1.0, 0.5, 1.5, -30.0, 1.0])


def frequencies(sampling, count=20_000, before=()):
    """Shares of the tokens that evenly spread random numbers give."""
    rows = [Row(sampling, before, (i + 0.5) / count) for i in range(count)]
    tokens = draw(LOGITS.expand(count, -1), rows)
    return np.bincount(tokens, minlength=len(LOGITS)) / count


def softmax(logits):
    weights = np.exp(logits - np.max(logits))
    return weights / weights.sum()


def test_without_a_temperature_the_most_likely_token_is_drawn():
    assert draw(LOGITS[None], [Row(Sampling(), (), 0.99)]) == [0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_as_frequent_as_they_are_likely(temperature):
    expected = softmax(LOGITS.numpy() / temperature)
    assert frequencies(Sampling(temperature)) == pytest.approx(expected, abs=2e-4)


def test_top_k_keeps_the_most_likely():
    kept = np.where(np.isin(np.arange(6), [0, 3]), LOGITS.numpy(), -np.inf)
    assert frequencies(Sampling(1.0, top_k=2)) == pytest.approx(softmax(kept), abs=2e-4)


def test_top_p_keeps_the_smallest_set_that_is_likely_enough():
    probabilities = softmax(LOGITS.numpy())
    order = np.argsort(-probabilities)
    size = np.searchsorted(np.cumsum(probabilities[order]), 0.7) + 1
    kept = np.where(np.isin(np.arange(6), order[:size]), LOGITS.numpy(), -np.inf)
    assert 1 < size < 5
    assert frequencies(Sampling(1.0, top_p=0.7)) == pytest.approx(softmax(kept), abs=2e-4)


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("spread", [0.1, 5.0])
def test_a_large_vocabulary_is_cut_as_the_library_cuts_it(spread, top_p):
    # The flat one has no small set that is likely enough.
    logits = torch.randn(4, 3000, generator=torch.Generator().manual_seed(3)) * spread
    expected = TopPLogitsWarper(top_p)(None, logits).softmax(dim=-1)
    for uniform in np.linspace(0, 0.999, 50):
        rows = [Row(Sampling(1.0, top_p=top_p), (), float(uniform))] * 4
        tokens = draw(logits, rows)
        reached = expected.cumsum(dim=-1)[range(4), tokens]
        below = reached - expected[range(4), tokens]
        assert (expected[range(4), tokens] > 0).all()
        assert (below <= uniform + 1e-4).all()
        assert (reached >= uniform - 1e-4).all()


def test_min_p_keeps_what_is_likely_beside_the_most_likely():
    probabilities = softmax(LOGITS.numpy())
    kept = np.where(probabilities >= 0.3 * probabilities.max(), LOGITS.numpy(), -np.inf)
    assert frequencies(Sampling(1.0, min_p=0.3)) == pytest.approx(softmax(kept), abs=2e-4)


def test_repeated_tokens_are_penalized_once():
    logits = LOGITS.numpy().copy()
    logits[0] /= 1.5
    logits[1] *= 1.5
    shares = frequencies(Sampling(1.0, repetition_penalty=1.5), 2_000, before=(0, 1, 0))
    assert shares == pytest.approx(softmax(logits), abs=2e-3)


@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2**-53])
def test_an_impossible_token_is_never_drawn(uniform):
    logits = torch.tensor([[-torch.inf, 0.0, 1e-3, -torch.inf]])
    assert draw(logits, [Row(Sampling(1.0), (), uniform)])[0] in (1, 2)


def test_rows_of_one_batch_keep_their_own_settings():
    logits = torch.stack([LOGITS, LOGITS, LOGITS.flip(0), LOGITS])
    rows = [
        Row(Sampling(), (), 0.0),
        Row(Sampling(1.0, top_k=1), (), 0.9),
        Row(Sampling(), (), 0.0),
        Row(Sampling(100.0), (), 0.999),
    ]
    assert draw(logits, rows) == [0, 0, 5, 5]


def test_log_probabilities_are_those_of_the_model():
    own, top = log_probabilities(LOGITS[None].bfloat16(), [3], 2)[0]
    expected = np.log(softmax(LOGITS.numpy()))
    assert own == pytest.approx(expected[3], abs=1e-6)
    assert [token for token, _ in top] == [0, 3]
    assert [value for _, value in top] == pytest.approx(expected[[0, 3]], abs=1e-6)


def test_no_likely_tokens_are_named_unless_asked_for():
    assert log_probabilities(LOGITS[None], [0], 0)[0][1] == []
