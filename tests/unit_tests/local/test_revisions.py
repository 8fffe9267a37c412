"""A revision, a token and a cache folder hold for all that is loaded from the hub."""

import pytest
from tiny_models import tiny_model, tiny_pipeline

from langchain_markovscale import (
    BatchedChatHuggingFace,
    EntailmentVerifier,
    RewardModelVerifier,
    load_chat_model,
)
from langchain_markovscale.local import reward, weights

HUB = {"revision": "abc123", "token": "hf_x", "local_files_only": True, "code_revision": "def"}


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What each of transformers' loaders was called with; they load a tiny folder."""
    tiny_model().save_pretrained(tmp_path)
    tiny_pipeline().pipeline.tokenizer.save_pretrained(tmp_path)
    calls = {}

    def watch(module, name):
        loader = getattr(module, name)

        class Watched:
            @staticmethod
            def from_pretrained(path, **options):
                calls.setdefault(name, []).append((path, options))
                kept = {k: v for k, v in options.items() if k not in HUB}
                return loader.from_pretrained(tmp_path, **kept)

        monkeypatch.setattr(module, name, Watched)

    for name in ("AutoTokenizer", "AutoConfig", "AutoModelForCausalLM"):
        watch(weights, name)
    for name in ("AutoTokenizer", "AutoConfig", "AutoModelForSequenceClassification"):
        watch(reward, name)
    return calls


@pytest.mark.parametrize(
    "options",
    [
        {"revision": "abc123"},
        {"model_kwargs": {"revision": "abc123"}},
        {"revision": "abc123", "model_kwargs": {"revision": "abc123", "token": "hf_x"}},
        {"model_kwargs": HUB},
    ],
)
@pytest.mark.parametrize("load", [load_chat_model, RewardModelVerifier.from_model_id])
def test_it_reaches_model_tokenizer_and_configuration(asked, options, load):
    load("org/model", device="cpu", trust_remote_code=True, **options).close()
    given = {"revision": "abc123", "trust_remote_code": True, **options.get("model_kwargs", {})}
    model = {"AutoModelForCausalLM", "AutoModelForSequenceClassification"} & asked.keys()
    assert len(model) == 1
    assert asked.keys() == {"AutoTokenizer", "AutoConfig"} | model
    for calls in asked.values():
        for path, seen in calls:
            assert path == "org/model"
            assert seen.items() >= given.items()


def test_without_one_nothing_is_said(asked):
    load_chat_model("org/model", device="cpu").close()
    assert all(not HUB.keys() & seen for calls in asked.values() for _, seen in calls)


@pytest.mark.parametrize("load", [load_chat_model, RewardModelVerifier.from_model_id])
def test_two_revisions_are_refused(load):
    with pytest.raises(ValueError, match=r"revision='a' and model_kwargs=.*'b'.* differ"):
        load("org/model", revision="a", model_kwargs={"revision": "b"})


def test_a_cross_encoder_gets_it(monkeypatch):
    import sentence_transformers

    asked = []

    class Encoder:
        config = type("Config", (), {"label2id": {"entailment": 0}})

        def __init__(self, name, **options):
            asked.append((name, options))

        def predict(self, inputs, **options):
            return [[1.0]] * len(inputs)

    monkeypatch.setattr(sentence_transformers, "CrossEncoder", Encoder)
    EntailmentVerifier("org/model", revision="abc123")
    EntailmentVerifier("org/model")
    assert asked == [("org/model", {"revision": "abc123"}), ("org/model", {})]


def test_models_of_one_name_in_two_folders_share_no_answer_in_a_cache(tmp_path):
    names = []
    for parent in ("a", "b"):
        folder = tmp_path / parent / "checkpoint-100"
        tiny_model().save_pretrained(folder)
        tiny_pipeline().pipeline.tokenizer.save_pretrained(folder)
        model = BatchedChatHuggingFace.from_model_id(str(folder), device="cpu")
        names.append(model._get_llm_string())
        model.close()
    assert names[0] != names[1]
