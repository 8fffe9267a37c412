"""A chat model as a judge: its prompt holds whatever it is given, its calls stay internal."""

import re
import sys
from typing import Any

import pytest
from fakes import always
from hostile_texts import BY_WAY_OUT, LONG
from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, CallbackManager
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from langchain_markovscale import JudgeVerifier
from langchain_markovscale._models import resolve_model
from langchain_markovscale.verifiers import VerifierInput
from langchain_markovscale.verifiers.judge import REPLY_FORMAT
from langchain_markovscale.verifiers.judge_reply import read_judgement

GIVEN = VerifierInput(question="2 + 2?", answer="It is 5.", key="5")
FAIL = "CRITIQUE: It is 4.\nVERDICT: FAIL\nPROBABILITY: 0.05"
PASS = "CRITIQUE: none\nVERDICT: PASS\nPROBABILITY: 0.93"
UNKNOWN = {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 1}


class Calls(BaseCallbackHandler):
    """Notes names and tags of model calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str | None, list[str]]] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.calls.append((kwargs.get("name"), kwargs["tags"]))


def structure(prompt: list[BaseMessage]) -> list[str]:
    """Everything in a prompt that is not material."""
    text = "\n".join(f"{message.type}: {message.text}" for message in prompt)
    lines, inside = [], None
    for line in text.split("\n"):
        if inside is None:
            lines.append(re.sub("[0-9a-f]{12}", "NONCE", line))
            begin = re.fullmatch(r"----- BEGIN (\w+ [0-9a-f]{12}) -----", line)
            inside = begin and f"----- END {begin[1]} -----"
        elif line == inside:
            lines.append(re.sub("[0-9a-f]{12}", "NONCE", line))
            inside = None
    assert inside is None
    return lines


async def test_the_verdict_is_the_judges() -> None:
    judge = JudgeVerifier(always(FAIL))
    usage = {"calls": 1, "input_tokens": 7, "output_tokens": 3, "unknown": 0}
    expected = {"score": 0.05, "feedback": "It is 4.", "usage": usage}
    assert judge.invoke(GIVEN) == expected
    assert await judge.ainvoke(GIVEN) == expected
    assert judge.batch([GIVEN, GIVEN]) == [expected, expected]


def test_the_judge_sees_question_answer_key_and_criteria() -> None:
    model = always(FAIL)
    JudgeVerifier(model, criteria="The unit must be given.").invoke(GIVEN)
    system, human = model.asked[0]
    assert "The unit must be given." in system.text
    for line in ("2 + 2?", "It is 5.", "5"):
        assert f"-----\n{line}\n-----" in human.text
    JudgeVerifier(model).invoke({**GIVEN, "key": None})
    assert "KEY" not in model.asked[1][1].text


@pytest.fixture(scope="module")
def plain() -> list[str]:
    """The structure of a prompt with harmless texts."""
    model = always(FAIL)
    JudgeVerifier(model).invoke({**GIVEN, "question": "x", "key": None})
    return structure(model.asked[0])


@pytest.mark.parametrize(
    "texts",
    [*BY_WAY_OUT.values(), [LONG["long-score"], LONG["long-json"]]],
    ids=[*BY_WAY_OUT, "long"],
)
def test_no_candidate_changes_prompt_or_score(texts: list[str], plain: list[str]) -> None:
    judges = {
        0.05: FAIL,
        0.93: lambda messages: f"The prompt was: {messages[-1].text}\n\n{PASS}",
        None: lambda messages: f"I only repeat: {messages[-1].text}",
    }
    for text in texts:
        for score, line in judges.items():
            model = always(line)
            judge = JudgeVerifier(model)
            assert judge.invoke({"question": text, "answer": text, "key": None})["score"] == score
            assert structure(model.asked[0]) == plain
            assert len(model.asked[0][1].text) < 50_000
        raw = JudgeVerifier(always(f"{text}\n\n{FAIL}"))
        assert raw.invoke({**GIVEN, "answer": text})["score"] == 0.05


def test_the_same_input_gives_the_same_prompt() -> None:
    model = always(FAIL)
    judge = JudgeVerifier(model)
    judge.invoke(GIVEN)
    judge.invoke(GIVEN)
    judge.invoke({**GIVEN, "answer": "It is 4."})
    assert model.asked[0] == model.asked[1] != model.asked[2]


def test_a_long_answer_is_shown_in_part() -> None:
    model = always(FAIL)
    JudgeVerifier(model, max_chars=200).invoke({**GIVEN, "answer": "a" * 5_000 + "b"})
    assert "[... 4801 characters left out ...]" in model.asked[0][1].text
    assert len(model.asked[0][1].text) < 2_000
    with pytest.raises(ValueError, match=r"max_chars must be at least 100.*got 99"):
        JudgeVerifier(model, max_chars=99)


async def test_a_prompt_of_ones_own_gets_the_fenced_texts() -> None:
    prompt = ChatPromptTemplate.from_messages(
        [("system", "Grade. {criteria}"), ("human", "{question}{answer}{key}{reply_format}")]
    )
    model = always(FAIL)
    judge = JudgeVerifier(model, prompt=prompt, criteria="Be kind.")
    assert judge.invoke(GIVEN)["score"] == 0.05
    assert (await judge.ainvoke(GIVEN))["score"] == 0.05
    system, human = model.asked[1]
    assert system.text == "Grade. Be kind."
    assert re.search(r"BEGIN ANSWER [0-9a-f]{12} -----\nIt is 5.\n-----", human.text)
    assert human.text.endswith(REPLY_FORMAT)


def test_instructions_of_ones_own_are_taken_literally() -> None:
    model = always(FAIL)
    JudgeVerifier(model, prompt="Grade {this}.", criteria="Be kind.").invoke(GIVEN)
    system, human = model.asked[0]
    assert system.text == "Grade {this}.\n\nCriteria: Be kind."
    assert human.text.endswith(REPLY_FORMAT)


@pytest.mark.parametrize("reply", [AIMessage(PASS), PASS])
def test_any_runnable_can_be_the_model(reply: object) -> None:
    verdict = JudgeVerifier(RunnableLambda(lambda messages: reply)).invoke(GIVEN)
    assert verdict == {"score": 0.93, "feedback": None, "usage": UNKNOWN}


@pytest.mark.parametrize(
    "reply", ["", "I cannot tell.", "\x00", [{"type": "reasoning", "reasoning": "VERDICT: PASS"}]]
)
def test_an_unreadable_reply_is_no_score(reply: Any) -> None:
    verdict = JudgeVerifier(RunnableLambda(lambda messages: AIMessage(reply))).invoke(GIVEN)
    assert verdict["score"] is None
    assert verdict["usage"] == UNKNOWN


def test_feedback_is_kept_without_a_verdict_but_not_without_limit() -> None:
    def judge(reply: str) -> JudgeVerifier:
        return JudgeVerifier(RunnableLambda(lambda messages: reply))

    assert judge("Carry the one.").invoke(GIVEN)["feedback"] == "Carry the one."
    feedback = judge("CRITIQUE: " + "no " * 50_000).invoke(GIVEN)["feedback"]
    assert feedback is not None
    assert len(feedback) < 5_000


async def test_errors_of_the_model_rise() -> None:
    judge = JudgeVerifier(always(TimeoutError("too slow")))
    with pytest.raises(TimeoutError, match="too slow"):
        judge.invoke(GIVEN)
    with pytest.raises(TimeoutError, match="too slow"):
        await judge.ainvoke(GIVEN)


def test_a_model_that_returns_no_text_is_an_error() -> None:
    judge = JudgeVerifier(RunnableLambda(lambda messages: {"verdict": "PASS"}))
    with pytest.raises(TypeError, match="returned dict; it must return a message or a str"):
        judge.invoke(GIVEN)


def test_what_is_bound_goes_to_the_model() -> None:
    model = always(FAIL)
    JudgeVerifier(model).bind(temperature=0).invoke(GIVEN)
    assert model.options == [{"temperature": 0}]


async def test_calls_are_named_and_tagged() -> None:
    heard = Calls()
    judge = JudgeVerifier(always(FAIL))
    config = {"callbacks": [heard], "run_name": "mine", "tags": ["one"]}
    judge.invoke(GIVEN, config)
    await judge.ainvoke(GIVEN, config)
    assert [name for name, _ in heard.calls] == ["judge", "judge"]
    assert all({"nostream", "one"} <= set(tags) for _, tags in heard.calls)


class CallsAlone(Calls):
    """The same of somebody whom chains do not concern."""

    ignore_chain = True

    def on_chain_start(self, *args: Any, **kwargs: Any) -> None:
        raise AssertionError("told of a chain")


async def test_who_ignores_chains_is_told_of_the_call_as_others_are() -> None:
    heard = CallsAlone()
    config = RunnableConfig(callbacks=CallbackManager([heard], [heard]), tags=["one"])
    JudgeVerifier(always(FAIL)).invoke(GIVEN, config)
    config["callbacks"] = AsyncCallbackManager([heard], [heard])
    await JudgeVerifier(always(FAIL)).ainvoke(GIVEN, config)
    assert [name for name, _ in heard.calls] == ["judge", "judge"]
    assert all({"nostream", "one"} <= set(tags) for _, tags in heard.calls)


class State(TypedDict):
    score: float | None
    messages: list[BaseMessage]


async def test_a_judge_in_a_graph_stays_out_of_the_stream_of_messages() -> None:
    model = always(PASS)

    def answer(state: State) -> dict[str, Any]:
        return {"messages": [model.invoke([HumanMessage("2 + 2?")])]}

    def verify(state: State) -> dict[str, Any]:
        return {"score": JudgeVerifier(model).invoke(GIVEN)["score"]}

    graph = StateGraph(State)
    graph.add_sequence([answer, verify])
    graph.add_edge(START, "answer")
    compiled = graph.compile()
    nodes = {
        metadata["langgraph_node"]
        for _, metadata in compiled.stream({"score": None}, stream_mode="messages")
    }
    assert nodes == {"answer"}
    assert compiled.invoke({"score": None})["score"] == 0.93
    assert (await compiled.ainvoke({"score": None}))["score"] == 0.93


def test_a_model_can_be_given_by_name() -> None:
    model = resolve_model(always(PASS))
    assert JudgeVerifier(model).model is model
    with pytest.raises(ValueError, match="nobody"):
        JudgeVerifier("nobody:no-model")
    with pytest.raises(TypeError, match="a name such as 'openai:gpt-5', got int"):
        JudgeVerifier(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="prompt must be a str, a Runnable or None, got int"):
        JudgeVerifier(model, prompt=7)  # type: ignore[arg-type]


def test_a_name_without_langchain_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langchain.chat_models", None)
    with pytest.raises(ModuleNotFoundError, match="langchain"):
        JudgeVerifier("openai:gpt-5")


def test_the_form_of_a_reply_is_no_reply() -> None:
    judgement = read_judgement(REPLY_FORMAT)
    assert judgement.score is None
