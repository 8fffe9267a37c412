"""Loops that this package did not make: recorded as they stop, or without their stopping rule."""

import operator
from typing import Annotated

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from langchain_markovscale import MarkovScaleRouter, read_traces

QUESTIONS = [("Third?", "2"), ("Fourth?", "3")]


class OneDraft(TypedDict):
    question: str
    draft: str
    score: float
    iteration: int


class Drafts(TypedDict):
    question: str
    drafts: Annotated[list, operator.add]
    scores: Annotated[list, operator.add]


def one_draft(most=9, accepted="2", whole=False):
    """Writes 0, 1, 2, … until its critic accepts one; its nodes may hand on the whole state."""

    def write(state):
        made = state.get("iteration", 0)
        return {**(state if whole else {}), "draft": str(made), "iteration": made + 1}

    def critic(state):
        return {**(state if whole else {}), "score": 0.9 if state["draft"] == accepted else 0.1}

    def after(state):
        return END if state["score"] > 0.5 or state["iteration"] > most else "write"

    builder = StateGraph(OneDraft)
    builder.add_node("write", write)
    builder.add_node("critic", critic)
    builder.add_edge(START, "write")
    builder.add_edge("write", "critic")
    builder.add_conditional_edges("critic", after)
    return builder.compile()


def with_router():
    router = MarkovScaleRouter(
        answers_key="drafts", scores_key="scores", answer_key="last_number", cost_per_round=0.4
    )
    builder = StateGraph(Drafts)
    builder.add_node("write", lambda state: {"drafts": [str(len(state["drafts"]))]})
    builder.add_node("score", lambda state: {"scores": [0.9]})
    builder.add_edge(START, "write")
    builder.add_edge("write", "score")
    builder.add_conditional_edges("score", router, {"revise": "write", "stop": END})
    return builder.compile()


def seen(path):
    return {
        trace["question"]: [
            (each["text"], each["score"], each["parent"], each["correct"])
            for each in trace["attempts"]
        ]
        for trace in read_traces(path)
    }


@pytest.mark.parametrize("whole", [False, True])
def test_a_state_with_one_draft_is_recorded_as_it_stops(record, path, whole):
    keys = {"answers_key": "draft", "scores_key": "score", "answer_key": "last_number"}
    record(one_draft(whole=whole), QUESTIONS, path=path, **keys)
    chain = [("0", 0.1, None), ("1", 0.1, 0), ("2", 0.9, 1), ("0", 0.1, None), ("1", 0.1, 3)]
    assert seen(path)["Third?"] == [
        *((*each, False) for each in chain[:2]),
        ("2", 0.9, 1, True),
        *((*each, False) for each in chain[3:]),
        ("2", 0.9, 4, True),
    ]
    assert all(trace["censored"] for trace in read_traces(path))


def test_our_router_goes_on_as_often_as_it_is_told(record, path):
    graph = with_router()
    record(graph, QUESTIONS, path=path, revisions=3, fresh_starts=1)
    assert [each[0] for each in seen(path)["Fourth?"]] == ["0", "1", "2", "3"]
    assert [each[3] for each in seen(path)["Fourth?"]] == [False, False, False, True]
    assert not any("censored" in trace for trace in read_traces(path))
    # In use it decides by itself again.
    assert graph.invoke({"question": "Third?"})["drafts"] == ["0"]


def test_a_loop_with_a_number_of_rounds_is_not_censored(record, path):
    record(
        None,
        QUESTIONS,
        path=path,
        fixed=lambda revisions: one_draft(most=revisions, accepted=None),
        revisions=2,
        answers_key="draft",
        answer_key="last_number",
    )
    assert [each[0] for each in seen(path)["Third?"]] == ["0", "1", "2"] * 2
    assert not any("censored" in trace for trace in read_traces(path))


def test_a_loop_that_stops_where_it_should_not_is_an_error_of_its_question(record, path):
    keys = {"answers_key": "draft", "answer_key": "last_number", "fixed": 5}
    done = record(one_draft(), QUESTIONS, path=path, **keys)
    assert len(done.failed) == 2
    assert "3 attempts where 6" in next(iter(done.failed.values()))


async def asynchronous(question):
    return ["4", "2"]


@pytest.mark.parametrize(
    "loop",
    [
        lambda question: ["4", "2"],
        lambda question: {"drafts": ["4", "2"], "scores": [0.2, 0.8]},
        asynchronous,
    ],
)
def test_functions_are_recorded(record, path, loop):
    keys = {"answers_key": "drafts", "answer_key": "last_number", "fresh_starts": 1}
    record(loop, QUESTIONS[:1], path=path, **keys)
    assert [(each[0], each[2], each[3]) for each in seen(path)["Third?"]] == [
        ("4", None, False),
        ("2", 0, True),
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({}, "give answers_key, attempts_key or messages_key"),
        ({"answers_key": "drafts"}, "answers_key must be a key of the graph's state, got 'drafts'"),
    ],
)
def test_keys_are_checked_before_anything_is_paid_for(record, path, keys, problem):
    with pytest.raises(ValueError, match=problem):
        record(one_draft(), QUESTIONS[:1], path=path, answer_key="last_number", **keys)
    assert not path.exists()


def test_keys_of_a_state_are_refused_for_a_loop_of_this_package(record, parts, path):
    with pytest.raises(ValueError, match="answers_key is for loops of your own"):
        record(parts.graph(), QUESTIONS, path=path, answers_key="drafts")
