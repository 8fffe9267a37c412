"""A real cross-encoder of sentence-transformers, with a few weights made on the spot."""

import asyncio
import re
from functools import cache

import numpy as np
import pytest
import torch
from langchain_core.documents import Document
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from langchain_markovscale import EntailmentVerifier, create_markovscale_graph

SENTENCES = "the lighthouse was built in 1874. it is white and sings. seals rest on rocks."
WORDS = sorted(set(re.findall(r"\w+|\.", SENTENCES)))
SPECIAL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
LABELS = {0: "contradiction", 1: "neutral", 2: "entailment"}
LONGEST = 64
DOCUMENT = "The lighthouse was built in 1874. It is white."


def tiny_folder(folder, labels=LABELS):
    """A folder with a model that reads 64 words and knows three relations of two texts."""
    tokens = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate([*SPECIAL, *WORDS])}, unk_token="[UNK]")
    )
    tokens.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokens.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        model_max_length=LONGEST,
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=LONGEST,
        initializer_range=0.8,  # large enough for the outputs to vary
        id2label=labels,
        label2id={label: number for number, label in labels.items()},
    )
    BertForSequenceClassification(config).eval().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_folder(tmp_path_factory.mktemp("nli"))


def given(answer, *documents):
    return {"question": "?", "answer": answer, "context": {"documents": list(documents)}}


@cache
def loaded(folder):
    network = BertForSequenceClassification.from_pretrained(folder).eval()
    return network, PreTrainedTokenizerFast.from_pretrained(folder)


@torch.inference_mode()
def by_hand(folder, document, claim):
    """Probability of entailment from transformers alone, without sentence-transformers."""
    network, tokens = loaded(folder)
    logits = network(**tokens(document, claim, return_tensors="pt")).logits[0].double().numpy()
    shares = np.exp(logits - logits.max())
    return shares[network.config.label2id["entailment"]] / shares.sum()


def test_score_is_the_softmax_at_the_label_that_the_model_names(folder):
    verifier = EntailmentVerifier(folder)
    assert verifier.entailment == 2
    for claim in ("it is white", "it sings", "seals rest on rocks"):
        verdict = verifier.invoke(given(claim, DOCUMENT))
        assert verdict["score"] == pytest.approx(by_hand(folder, DOCUMENT, claim), abs=1e-5)


def test_document_is_the_premise_and_the_claim_the_hypothesis(folder):
    there, back = by_hand(folder, DOCUMENT, "it sings"), by_hand(folder, "it sings", DOCUMENT)
    assert abs(there - back) > 1e-3
    verdict = EntailmentVerifier(CrossEncoder(folder)).invoke(given("it sings", DOCUMENT))
    assert verdict["score"] == pytest.approx(there, abs=1e-5)


def test_labels_in_another_order_are_found(tmp_path):
    other = tiny_folder(tmp_path, {0: "ENTAILMENT", 1: "neutral", 2: "contradiction"})
    assert EntailmentVerifier(other).entailment == 0


def test_activation_of_the_models_own_changes_nothing(folder):
    squashed = CrossEncoder(folder, activation_fn=torch.nn.Sigmoid())
    plain = EntailmentVerifier(folder).invoke(given("it sings", DOCUMENT))
    assert EntailmentVerifier(squashed).invoke(given("it sings", DOCUMENT)) == plain


def test_claims_and_documents_of_different_length_share_a_batch(folder):
    documents = ["seals rest on rocks", DOCUMENT]
    verdict = EntailmentVerifier(folder, aggregate="mean").invoke(
        given("it sings. it is white and it was built in 1874.", *documents)
    )
    claims = ("it sings.", "it is white and it was built in 1874.")
    best = [max(by_hand(folder, document, claim) for document in documents) for claim in claims]
    assert verdict["score"] == pytest.approx(np.mean(best), abs=1e-5)


def test_all_of_a_document_is_read_that_is_longer_than_the_model_can_read(folder, monkeypatch):
    model, pairs = CrossEncoder(folder), []

    def predict(inputs, **options):
        pairs.extend(inputs)
        return CrossEncoder.predict(model, inputs, **options)

    monkeypatch.setattr(model, "predict", predict)
    document = "seals rest on rocks. " * 40 + "it is white."
    assert len(model.tokenizer(document)["input_ids"]) > 2 * LONGEST
    verifier = EntailmentVerifier(model, passage_chars=150)
    verdict = verifier.invoke(given("it is white.", document))
    assert all(len(model.tokenizer(*pair)["input_ids"]) < LONGEST for pair in pairs)
    assert pairs[-1][0].endswith("it is white.")
    best = max(by_hand(folder, passage, claim) for passage, claim in pairs)
    assert verdict["score"] == pytest.approx(best, abs=1e-5)


def test_a_chain_in_the_loop_is_scored_by_its_own_documents(folder):
    def chain(request):
        return {"answer": "it is white", "context": [Document(DOCUMENT)]}

    graph = create_markovscale_graph(
        generate=chain,
        verifier=EntailmentVerifier(folder, documents_key="context"),
        actions=("generate",),
        max_rounds=1,
    )
    state = graph.invoke({"question": "What colour is it?"})
    expected = by_hand(folder, DOCUMENT, "it is white")
    assert state["attempts"][0]["score"] == pytest.approx(expected, abs=1e-5)
    assert state["usage"]["verify"] == {
        "calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 0
    }  # fmt: skip


async def test_it_works_under_asyncio_from_many_tasks(folder):
    verifier = EntailmentVerifier(folder)
    claims = ["it sings", "it is white", "seals rest on rocks"] * 4
    verdicts = await asyncio.gather(*(verifier.ainvoke(given(c, DOCUMENT)) for c in claims))
    expected = [by_hand(folder, DOCUMENT, claim) for claim in claims]
    assert [verdict["score"] for verdict in verdicts] == pytest.approx(expected, abs=1e-5)


def test_model_with_one_output_is_refused(tmp_path):
    config = BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=1,
    )
    tiny_folder(tmp_path)
    BertForSequenceClassification(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="entailment must be the number"):
        EntailmentVerifier(str(tmp_path))
    with pytest.raises(ValueError, match="no column 0"):
        EntailmentVerifier(str(tmp_path), entailment=0).invoke(given("it sings", DOCUMENT))
