"""The answer's message keeps what the model's own message said beside its text."""

import pytest
from fakes import SURE, ScriptedModel, accepts, reply
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver

from langchain_markovscale import ChatMarkovScale, create_markovscale_graph

QUESTION = {"question": "?"}
THREAD = {"configurable": {"thread_id": "1"}}


def said(text, **metadata):
    message = reply(text)
    message.response_metadata = {"model_name": "writer", "token_usage": {"total": 10}, **metadata}
    return message


def graph_of(*script, right="right", **options):
    return create_markovscale_graph(
        ScriptedModel(script=list(script)),
        verifier=accepts(right),
        **{"calibration": SURE, "cost_per_round": 0.1, "max_rounds": 2} | options,
    )


@pytest.mark.parametrize("action", ["revise", "generate"])
def test_metadata_is_that_of_the_attempt_that_is_returned(action, run):
    graph = graph_of(
        said("wrong", finish_reason="length"),
        said("right", finish_reason="stop", logprobs={"content": []}),
        actions=(action,),
    )
    metadata = run(graph, QUESTION)["messages"][-1].response_metadata
    assert metadata.pop("markovscale")["attempts"] == 2
    assert metadata == {
        "model_name": "writer",
        "finish_reason": "stop",
        "logprobs": {"content": []},
    }


def test_an_earlier_attempt_keeps_its_own(run):
    graph = graph_of(said("first", finish_reason="stop"), ConnectionError("gone"))
    assert run(graph, QUESTION)["messages"][-1].response_metadata["finish_reason"] == "stop"


def test_a_chain_without_messages_among_others_keeps_the_places(run):
    graph = create_markovscale_graph(
        generate=lambda request: "wrong",
        revise=lambda request: said("right", finish_reason="stop"),
        verifier=accepts("right"),
        calibration=SURE,
        actions=("revise",),
    )
    assert run(graph, QUESTION)["messages"][-1].response_metadata["finish_reason"] == "stop"


CITED = [
    {"type": "reasoning", "summary": []},
    {"type": "text", "text": "right", "annotations": [{"type": "url_citation", "url": "a.de"}]},
]


def test_citations_stay_with_the_text(run):
    answer = run(graph_of(AIMessage(CITED)), QUESTION)["messages"][-1]
    assert answer.content == CITED[1:]
    assert answer.text == "right"


def test_sources_of_a_provider_stay_and_calls_do_not(run):
    extra = {"search_results": ["a.de"], "reasoning_content": "Hm.", "tool_calls": []}
    answer = run(graph_of(AIMessage("right", additional_kwargs=extra)), QUESTION)["messages"][-1]
    assert answer.additional_kwargs == {"search_results": ["a.de"]}


def test_the_chat_model_keeps_them_under_its_own_name(run):
    chat = ChatMarkovScale(graph=graph_of(said("right", finish_reason="stop")))
    answer = run(chat, "?")
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.response_metadata["model_name"] == "markovscale"


def test_the_next_question_has_its_own_and_the_state_does_not_grow(run):
    graph = graph_of(
        said("right", finish_reason="first"),
        said("right", finish_reason="second"),
        checkpointer=InMemorySaver(),
    )
    for reason in ("first", "second"):
        state = run(graph, {"question": reason}, THREAD)
        assert state["messages"][-1].response_metadata["finish_reason"] == reason
        assert graph.get_state(THREAD).values["replies"] == []


def test_an_interrupted_run_keeps_them(run):
    graph = graph_of(said("right", finish_reason="stop"), checkpointer=InMemorySaver())
    run(graph, QUESTION, THREAD, interrupt_after=["generate"])
    assert run(graph, None, THREAD)["messages"][-1].response_metadata["finish_reason"] == "stop"
