"""A revision, a token and a cache folder hold for all that is loaded from the hub."""

import pickle

import pytest
from tiny_models import tiny_model, tiny_pipeline

from langchain_markovscale import (
    BatchedChatHuggingFace,
    EntailmentVerifier,
    RewardModelVerifier,
    SemanticKey,
    load_chat_model,
)
from langchain_markovscale._models import models_in
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


@pytest.mark.parametrize("load", [load_chat_model, RewardModelVerifier.from_model_id])
def test_without_one_nothing_is_said_and_no_code_runs(asked, load):
    load("org/model", device="cpu").close()
    for calls in asked.values():
        assert all(not HUB.keys() & seen for _, seen in calls)
        assert all(seen["trust_remote_code"] is False for _, seen in calls)


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
    verifier = EntailmentVerifier("org/model", revision="abc123")
    assert verifier.model_name == "org/model@abc123"
    EntailmentVerifier("org/model")
    assert asked == [("org/model", {"revision": "abc123"}), ("org/model", {})]
    with pytest.raises(ValueError, match="revision is of a model that is given by its name"):
        EntailmentVerifier(verifier.model, revision="abc123")


@pytest.mark.parametrize("purpose", ["embeddings", "entailment"])
def test_the_model_of_a_semantic_key_gets_it(monkeypatch, purpose):
    import sentence_transformers

    asked = []

    class Model:
        config = type("Config", (), {"label2id": {"entailment": 0}})

        def __init__(self, name, **options):
            asked.append((name, options))
            self.revision = options.get("revision")

        def encode(self, text, **options):
            return [1.0, 0.0]

        def predict(self, inputs, **options):
            return [[0.9]] * len(inputs)

    monkeypatch.setattr(sentence_transformers, "CrossEncoder", Model)
    monkeypatch.setattr(sentence_transformers, "SentenceTransformer", Model)
    name = f"org/{purpose}"
    keys = [
        SemanticKey(**{purpose: name, "threshold": 0.9, "revision": revision})
        for revision in ("a", "b", None, "a")
    ]
    assert asked == [(name, {"revision": "a"}), (name, {"revision": "b"}), (name, {})]
    for key in (keys[0], pickle.loads(pickle.dumps(keys[0])), keys[0].with_threshold(0.9)):
        assert repr(key) == f"SemanticKey({name!r}, threshold=0.9, revision='a')"
        assert key.likeness("one text", "another text") == pytest.approx(
            {"embeddings": 1.0, "entailment": 0.9}[purpose]
        )
    assert len(asked) == 3
    with pytest.raises(ValueError, match="revision is of a model that is given by its name"):
        SemanticKey(**{purpose: Embeddings(), "threshold": 0.9, "revision": "a"})


class Embeddings:
    """What is a model of both kinds."""

    def embed_documents(self, texts):
        return [[1.0]] * len(texts)

    def predict(self, inputs, **options):
        return [[0.9]] * len(inputs)


@pytest.mark.parametrize("options", [{"revision": "v2"}, {"model_kwargs": {"revision": "v2"}}])
def test_a_revision_is_part_of_the_models_name(asked, options):
    model = load_chat_model("org/model", device="cpu", **options)
    assert models_in(model) == ["org/model@v2"]
    assert load_chat_model("org/model", device="cpu").model_id == "org/model"
    given = [
        RewardModelVerifier.from_model_id("org/model", device="cpu", **more).model_name
        for more in (options, {})
    ]
    assert given[0] == f"{given[1]}@v2"


def test_models_with_other_adapters_share_no_answer_in_a_cache():
    names = []
    for _ in range(2):
        network = tiny_model()
        network.name_or_path, network.peft_config = "org/model", {"default": {}}
        network.config._commit_hash = "abc123"
        names.append(BatchedChatHuggingFace(llm=tiny_pipeline(network))._get_llm_string())
    assert names[0] != names[1]


def test_a_folder_of_an_adapter_has_no_configuration_of_its_own(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "org/model"}')
    source = weights.find_source(str(tmp_path))
    assert "dtype" in weights.placement(source, "cpu", "auto", None, {"trust_remote_code": False})
    (tmp_path / "adapter_config.json").unlink()
    with pytest.raises(ValueError, match="model_type"):
        weights.placement(source, "cpu", "auto", None, {"trust_remote_code": False})


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
