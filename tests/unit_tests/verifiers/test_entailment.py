"""What becomes of a cross-encoder's opinion on each claim and document."""

import sys
from time import sleep
from types import SimpleNamespace

import numpy as np
import pytest

from langchain_markovscale import EntailmentVerifier

LABELS = {"contradiction": 0, "Entailment": 1, "neutral": 2}


class Reader:
    """Entails what a document holds word for word; else it is nearly sure of the contrary."""

    config = SimpleNamespace(label2id=LABELS)

    def __init__(self):
        self.pairs = []

    def predict(self, inputs, *, activation_fn, apply_softmax, show_progress_bar, batch_size=32):
        assert apply_softmax
        assert activation_fn(3.0) == 3.0
        assert not show_progress_bar
        self.pairs += inputs
        entailed = np.array([claim.rstrip(".") in document for document, claim in inputs])
        share = np.where(entailed, 0.9, 0.2).astype(np.float32)
        return np.stack([0.9 - share, share, np.full(len(inputs), 0.1)], axis=1)


def given(answer, *documents):
    return {"question": "?", "answer": answer, "context": {"documents": list(documents)}}


DOCUMENTS = ("It was built in 1874. It is white.", "It is 31 m high.")


def test_claims_may_rest_on_different_documents():
    reader = Reader()
    verdict = EntailmentVerifier(reader).invoke(given("It is white. It is 31 m high.", *DOCUMENTS))
    assert verdict["score"] == pytest.approx(0.9)
    assert verdict["feedback"] is None
    assert len(reader.pairs) == 4


def test_least_supported_claim_makes_the_score_and_is_named():
    verdict = EntailmentVerifier(Reader()).invoke(given("It is white.\nIt sings.", *DOCUMENTS))
    assert verdict["score"] == pytest.approx(0.2)
    assert verdict["feedback"] == "No document supports: It sings."


def test_mean_of_claims_can_be_the_score():
    verifier = EntailmentVerifier(Reader(), aggregate="mean")
    assert verifier.invoke(given("It is white. It sings.", *DOCUMENTS))["score"] == pytest.approx(
        0.55
    )


async def test_it_works_under_asyncio_and_costs_no_tokens():
    verdict = await EntailmentVerifier(Reader()).ainvoke(given("It is white.", *DOCUMENTS))
    assert verdict["usage"] == {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 0}


def test_without_documents_nothing_is_supported():
    verdict = EntailmentVerifier(Reader()).invoke(given("It is white."))
    assert verdict["score"] == 0


def test_answer_without_claims_gets_no_score():
    assert EntailmentVerifier(Reader()).invoke(given(" \n ", *DOCUMENTS))["score"] is None


def test_claims_are_split_as_one_likes():
    verifier = EntailmentVerifier(Reader(), split=lambda answer: answer.split(" and "))
    verdict = verifier.invoke(given("It is white and It sings", *DOCUMENTS))
    assert verdict["feedback"] == "No document supports: It sings"


def test_model_that_does_not_name_entailment_is_refused():
    class Unnamed(Reader):
        config = SimpleNamespace(label2id={"LABEL_0": 0, "LABEL_1": 1})

    with pytest.raises(ValueError, match=r"entailment must be the number.*LABEL_1"):
        EntailmentVerifier(Unnamed())
    assert EntailmentVerifier(Unnamed(), entailment=1).entailment == 1


def test_model_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="must be a cross-encoder"):
        EntailmentVerifier(print)
    with pytest.raises(ValueError, match="no column 3"):
        EntailmentVerifier(Reader(), entailment=3).invoke(given("It is white.", *DOCUMENTS))
    with pytest.raises(ValueError, match="aggregate='max'"):
        EntailmentVerifier(Reader(), aggregate="max")


def test_what_stands_far_down_in_a_long_document_is_read():
    filler = "The sea is grey. " * 3_000
    reader = Reader()
    document = f"{filler}It is 31 m high. {filler}"
    verdict = EntailmentVerifier(reader).invoke(given("It is 31 m high.", document))
    assert verdict["score"] == pytest.approx(0.9)
    assert max(len(passage) for passage, _ in reader.pairs) <= 1_000


def test_calls_from_many_threads_wait_for_each_other():
    class Watched(Reader):
        inside, most = 0, 0

        def predict(self, inputs, **options):
            self.inside += 1
            self.most = max(self.most, self.inside)
            sleep(0.01)
            self.inside -= 1
            return super().predict(inputs, **options)

    reader = Watched()
    verdicts = EntailmentVerifier(reader).batch([given("It is white.", *DOCUMENTS)] * 8)
    assert reader.most == 1
    assert [verdict["score"] for verdict in verdicts] == pytest.approx([0.9] * 8)


def test_passages_that_are_too_short_to_read_are_refused():
    with pytest.raises(ValueError, match=r"passage_chars must be at least 100.*got 10"):
        EntailmentVerifier(Reader(), passage_chars=10)


def test_default_without_its_extra_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ModuleNotFoundError, match=r"langchain-markovscale\[nli\]"):
        EntailmentVerifier()
