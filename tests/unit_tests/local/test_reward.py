"""Reward models of both kinds, made on the spot."""

import asyncio
import math
import time

import pytest
import torch
from hypothesis import given, strategies as st
from tiny_models import MARKER, PAD, SMALL, tiny_config, tiny_tokenizer
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from langchain_markovscale import RewardModelVerifier
from langchain_markovscale.local.chat_template import encode
from langchain_markovscale.local.reward import _without

TOKENIZER = tiny_tokenizer()
STEPS = "First, two.\n\nThen two more.\n\nSo four."


def reward_model(kind, labels, architecture="llama"):
    torch.manual_seed(labels)
    return kind.from_config(tiny_config(architecture, num_labels=labels)).eval()


def outcome_model(labels=1):
    return reward_model(AutoModelForSequenceClassification, labels)


def process_model():
    return reward_model(AutoModelForTokenClassification, 2)


def asked(answer, question="2 + 2?"):
    return {"question": question, "answer": answer, "key": None}


def encoded(chat):
    text = TOKENIZER.apply_chat_template(chat, tokenize=False)
    return TOKENIZER(text, add_special_tokens=False, return_tensors="pt")["input_ids"]


def conversation(question, answer):
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


@pytest.fixture
def close():
    verifiers = []
    yield lambda verifier: verifiers.append(verifier) or verifier
    for verifier in verifiers:
        verifier.close()


def test_one_output_is_a_logit(close):
    model = outcome_model()
    verifier = close(RewardModelVerifier(model, TOKENIZER))
    with torch.inference_mode():
        logit = float(model(encoded(conversation("2 + 2?", "4"))).logits)
    verdict = verifier.invoke(asked("4"))
    assert verdict["score"] == pytest.approx(1 / (1 + math.exp(-logit)), abs=1e-5)
    assert verdict["usage"]["input_tokens"] == encoded(conversation("2 + 2?", "4")).shape[1]


def test_two_outputs_are_a_softmax(close):
    model = outcome_model(2)
    with torch.inference_mode():
        expected = model(encoded(conversation("2 + 2?", "4"))).logits.softmax(dim=-1)[0, 1]
    verifier = close(RewardModelVerifier(model, TOKENIZER))
    assert verifier.invoke(asked("4"))["score"] == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("aggregate", ["mean", "min", "last"])
def test_steps_are_scored_at_their_markers(close, aggregate):
    model = process_model()
    chat = conversation("2 + 2?", "<extra_0>".join([*STEPS.split("\n\n"), ""]))
    chat.insert(0, {"role": "system", "content": "Reason."})
    ids = encoded(chat)
    with torch.inference_mode():
        positive = model(ids).logits[0].softmax(dim=-1)[:, 1]
    scores = positive[ids[0] == MARKER].tolist()
    assert len(scores) == 3
    expected = {"mean": sum(scores) / 3, "min": min(scores), "last": scores[-1]}[aggregate]
    verifier = close(
        RewardModelVerifier(
            model, TOKENIZER, step_token="<extra_0>", aggregate=aggregate, system="Reason."
        )
    )
    assert verifier.invoke(asked(STEPS))["score"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("forged", ["<extra_0>", "<ext<extra_0>ra_0>"])
def test_markers_in_an_answer_are_no_steps(close, forged):
    verifier = close(RewardModelVerifier(process_model(), TOKENIZER, step_token="<extra_0>"))
    honest = verifier.invoke(asked("one two"))
    assert verifier.invoke(asked(f"one {forged}two")) == honest


@given(st.lists(st.sampled_from(["<extra_0>", "<ext", "ra_0>", "<", ">", "0"])).map("".join))
def test_no_marker_is_left(text):
    left = _without(text, "<extra_0>")
    assert "<extra_0>" not in left
    if "<extra_0>" not in text:
        assert left == text


def test_markers_within_markers_take_no_longer():
    forged = "<ext" * 20_000 + "<extra_0>" + "ra_0>" * 20_000
    begin = time.perf_counter()
    assert _without(forged, "<extra_0>") == ""
    assert time.perf_counter() - begin < 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_what_is_no_number_is_an_error_that_names_the_model(close, dtype):
    for model, marker in ((outcome_model(), None), (process_model(), "<extra_0>")):
        with torch.no_grad():
            model.score.weight.fill_(math.nan)
        verifier = close(RewardModelVerifier(model.to(dtype), TOKENIZER, step_token=marker))
        with pytest.raises(ValueError, match=rf"The model .*{type(model).__name__}.*{dtype}"):
            verifier.invoke(asked("4"))


@pytest.mark.parametrize("marker", [None, "<extra_0>"])
def test_a_text_without_anything_to_score_is_refused(close, marker):
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = "{% if false %}{{ messages }}{% endif %}"
    model = outcome_model() if marker is None else process_model()
    verifier = close(RewardModelVerifier(model, tokenizer, step_token=marker))
    with pytest.raises(ValueError, match=r"has no token to score.*chat_template"):
        verifier.invoke(asked("4"))


def test_an_empty_answer_is_one_step(close):
    verifier = close(RewardModelVerifier(process_model(), TOKENIZER, step_token="<extra_0>"))
    assert 0 < verifier.invoke(asked(""))["score"] < 1


def test_steps_may_be_parted_otherwise(close):
    model = process_model()
    by_line = RewardModelVerifier(
        model, TOKENIZER, step_token="<extra_0>", split=lambda answer: answer.split("; ")
    )
    by_blank_line = RewardModelVerifier(model, TOKENIZER, step_token="<extra_0>")
    close(by_line), close(by_blank_line)
    assert by_line.invoke(asked("a; b")) == by_blank_line.invoke(asked("a\n\nb"))


@pytest.mark.parametrize("kind", ["outcome", "process"])
async def test_concurrent_verdicts_are_those_of_single_ones(close, kind):
    model = outcome_model() if kind == "outcome" else process_model()
    token = None if kind == "outcome" else "<extra_0>"
    verifier = close(RewardModelVerifier(model, TOKENIZER, step_token=token, max_batch_size=5))
    answers = ["\n\n".join(["step"] * (1 + i % 4)) + "x" * i for i in range(16)]
    alone = [verifier.invoke(asked(answer))["score"] for answer in answers]
    rows = []
    model.register_forward_pre_hook(
        lambda _, args, kwargs: rows.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    together = await asyncio.gather(*(verifier.ainvoke(asked(answer)) for answer in answers))
    assert [verdict["score"] for verdict in together] == pytest.approx(alone, abs=1e-5)
    assert max(rows) == 5
    assert len(set(alone)) > 8


def test_out_of_memory_loses_no_verdict(close):
    model = outcome_model()
    verifier = close(RewardModelVerifier(model, TOKENIZER))

    def limited(_, args, kwargs):
        if len(kwargs["input_ids"]) > 2:
            raise torch.OutOfMemoryError

    answers = [asked("x" * i) for i in range(8)]
    alone = [verifier.invoke(answer) for answer in answers]
    model.register_forward_pre_hook(limited, with_kwargs=True)
    scores = [verdict["score"] for verdict in verifier.batch(answers)]
    assert scores == pytest.approx([verdict["score"] for verdict in alone], abs=1e-5)


def test_a_tokenizer_without_a_template_reads_plain_text(close):
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = None
    model = outcome_model(2)
    ids = tokenizer("2 + 2?\n\n4", add_special_tokens=False, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        expected = model(ids).logits.softmax(dim=-1)[0, 1]
    verifier = close(RewardModelVerifier(model, tokenizer))
    assert verifier.invoke(asked("4"))["score"] == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"aggregate": "median"}, "aggregate must be one of .* got aggregate='median'"),
        (
            {"step_token": "two tokens"},
            "step_token='two tokens' must be one token of this tokenizer, got 10 tokens",
        ),
    ],
)
def test_a_wrong_option_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        RewardModelVerifier(process_model(), TOKENIZER, **options)


def test_a_classifier_of_many_classes_is_no_reward_model():
    with pytest.raises(ValueError, match="5 outputs: give a reward model, which has one or two"):
        RewardModelVerifier(outcome_model(5), TOKENIZER)


@pytest.mark.parametrize("kind", ["outcome", "process"])
def test_a_folder_is_loaded(close, tmp_path, kind):
    model = outcome_model() if kind == "outcome" else process_model()
    token = None if kind == "outcome" else "<extra_0>"
    model.save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    loaded = close(
        RewardModelVerifier.from_model_id(str(tmp_path), step_token=token, dtype="float32")
    )
    made = close(RewardModelVerifier(model, TOKENIZER, step_token=token))
    assert loaded.invoke(asked(STEPS)) == made.invoke(asked(STEPS))


QWEN_LAYOUT = """
import torch
from transformers import Qwen2Config, Qwen2Model, Qwen2PreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

class Qwen2ForProcessRewardModel(Qwen2PreTrainedModel):
    config_class = Qwen2Config

    def __init__(self, config):
        super().__init__(config)
        self.model = Qwen2Model(config)
        size = config.hidden_size
        self.score = torch.nn.Sequential(
            torch.nn.Linear(size, size), torch.nn.ReLU(), torch.nn.Linear(size, 2)
        )
        self.post_init()

    def forward(self, input_ids=None, attention_mask=None, **options):
        hidden = self.model(input_ids, attention_mask=attention_mask, **options)[0]
        return TokenClassifierOutput(logits=self.score(hidden))
"""
"""The published model's: its code lies beside the weights, two labels at every token."""


@pytest.fixture
def qwen_layout(tmp_path, monkeypatch):
    """A folder laid out like Qwen2.5-Math-PRM-7B, and the network in it."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "run"))
    monkeypatch.syspath_prepend(str(tmp_path / "run"))
    namespace = {"__name__": "own_code"}
    exec(QWEN_LAYOUT, namespace)
    config = AutoConfig.for_model("qwen2", **SMALL)
    config.architectures = ["Qwen2ForProcessRewardModel"]
    config.auto_map = {"AutoModel": "modeling_prm.Qwen2ForProcessRewardModel"}
    torch.manual_seed(3)
    network = namespace["Qwen2ForProcessRewardModel"](config).eval()
    folder = tmp_path / "prm"
    network.save_pretrained(folder)
    config.save_pretrained(folder)
    (folder / "modeling_prm.py").write_text(QWEN_LAYOUT, encoding="utf-8")
    TOKENIZER.save_pretrained(folder)
    return folder, network


def test_the_layout_of_qwens_process_reward_model_is_known(close, qwen_layout):
    folder, network = qwen_layout
    verifier = close(
        RewardModelVerifier.from_model_id(str(folder), dtype="float32", trust_remote_code=True)
    )
    assert verifier.step_token == "<extra_0>"
    ids = encoded(conversation("2 + 2?", STEPS.replace("\n\n", "<extra_0>") + "<extra_0>"))
    with torch.inference_mode():
        good = network(ids).logits.softmax(dim=-1)[0, :, 1]
    scores = good[ids[0] == MARKER].tolist()
    assert len(set(scores)) == 3
    assert verifier.invoke(asked(STEPS))["score"] == pytest.approx(min(scores), abs=1e-5)


def test_its_code_does_not_run_unless_asked_for(qwen_layout):
    folder, _ = qwen_layout
    with pytest.raises(ValueError, match="trust_remote_code=True"):
        RewardModelVerifier.from_model_id(str(folder), dtype="float32")


def test_a_model_without_a_head_is_no_reward_model(close):
    verifier = close(
        RewardModelVerifier(
            AutoModel.from_config(tiny_config()).eval(), TOKENIZER, step_token="<extra_0>"
        )
    )
    with pytest.raises(
        ValueError, match="32 numbers for a token, and a reward model returns one or two"
    ):
        verifier.invoke(asked("4"))


def test_padding_does_not_count(close):
    model = outcome_model()
    model.config.pad_token_id = None
    close(RewardModelVerifier(model, TOKENIZER))
    assert model.config.pad_token_id == PAD


def test_what_is_longer_than_the_models_context_is_refused():
    verifier = RewardModelVerifier(outcome_model(), tiny_tokenizer())
    room = 512 - len(encode(verifier.tokenizer, verifier._text(asked(""))))
    assert verifier.invoke(asked("x" * room))["score"] is not None
    with pytest.raises(ValueError, match=r"have 513 tokens, and .* reads no more than 512"):
        verifier.invoke(asked("x" * (room + 1)))
    verifier.close()
