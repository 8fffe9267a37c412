"""What the loop makes of thoughts, refusals and replies that were cut off."""

import pytest
from fakes import REPAIRING, ScriptedModel, accepts, always
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from langchain_markovscale import create_markovscale_graph, record_traces, show

QUESTION = {"question": "What is 3 * 5 + 4?"}
CUT_OFF = AIMessage("Step by step 12", response_metadata={"finish_reason": "length"})


def graph_of(model, verifier=None, **options):
    options = {"calibration": REPAIRING, "answer_key": "last_number", "max_rounds": 2} | options
    return create_markovscale_graph(model, verifier=verifier, **options)


def test_thoughts_are_neither_shown_nor_judged_nor_revised_nor_keys():
    judged = []

    def verify(answer):
        judged.append(answer)
        return accepts("19")(answer)

    model = ScriptedModel(
        script=["<think>I think 12. No: 19</think>\n\nThe total is fifteen.", "<think>7</think>19"]
    )
    state = graph_of(model, verify, actions=("revise",)).invoke(QUESTION)
    first, second = state["attempts"]
    assert judged == ["The total is fifteen.", "19"]
    assert (first["text"], first["key"]) == ("The total is fifteen.", None)
    assert first["metadata"] == {"thoughts": "I think 12. No: 19", "no_key": "no_number"}
    assert (second["key"], second["metadata"]) == ("19", {"thoughts": "7"})
    assert state["answer"] == state["messages"][-1].text == "19"
    assert not any("No: 19" in text for text in model.texts_asked(1))


def test_replies_that_were_cut_off_do_not_agree():
    model = ScriptedModel(script=["12", CUT_OFF])
    graph = graph_of(model, actions=("generate",), max_rounds=3, cost_per_round=1e-6)
    state = graph.invoke(QUESTION)
    assert [attempt["key"] for attempt in state["attempts"]] == ["12", None]
    assert state["decision"]["belief"] <= 0.5
    assert "1 of 2 answers had no key: 1 cut off." in show(state).text


@pytest.mark.parametrize("verifier", [accepts("19"), None])
def test_nothing_but_thoughts_is_an_attempt_that_nobody_is_asked_about(verifier):
    asked = []

    def verify(answer):
        asked.append(answer)
        return verifier(answer)

    graph = graph_of(
        ScriptedModel(script=["<think>12 + 7 = 19, then", "19"]),
        None if verifier is None else verify,
        actions=("generate",),
        cost_per_round=1e-6,
    )
    state = graph.invoke(QUESTION)
    first = state["attempts"][0]
    assert (first["text"], first["key"]) == ("", None)
    assert first["metadata"] == {"thoughts": "12 + 7 = 19, then", "no_key": "thoughts_only"}
    assert first["score"] == (None if verifier is None else 0.0)
    assert "" not in asked
    assert "(nothing but thoughts)" in show(state).text
    assert verifier is None or state["answer"] == "19"


def test_a_refusal_is_shown_and_not_retried():
    refusal = AIMessage("", additional_kwargs={"refusal": "I cannot help with that. Call 911."})
    model = ScriptedModel(script=[refusal])
    state = graph_of(model, accepts("19"), max_rounds=1).invoke(QUESTION)
    assert state["answer"] == "I cannot help with that. Call 911."
    assert state["attempts"][0]["key"] is None
    assert model.calls == 1


class Person(BaseModel):
    """What a model with structured output returns."""

    name: str
    age: int


@pytest.mark.parametrize(("answer_key", "key"), [("json:age", "36"), ("json", None)])
def test_a_pydantic_object_is_an_answer(answer_key, key):
    graph = graph_of(
        None,
        generate=lambda request: Person(name="Ada", age=36),
        actions=("generate",),
        answer_key=answer_key,
        max_rounds=1,
    )
    (attempt,) = graph.invoke(QUESTION)["attempts"]
    assert attempt["text"] == '{"name":"Ada","age":36}'
    assert attempt["key"] == (key or '{"age":"36","name":"ada"}')


def test_reasons_are_counted_when_answers_are_recorded(tmp_path):
    graph = graph_of(always(CUT_OFF), actions=("revise",))
    path = tmp_path / "traces.jsonl"
    recording = record_traces(graph, [("Q?", "19")], path=path, revisions=1, fresh_starts=2)
    assert "4 of 4 answers had no key: 4 cut off." in str(recording)
