"""The looping edge alone, in graphs that know nothing of this package."""

import operator
from dataclasses import dataclass
from typing import Annotated

import pytest
from fakes import REPAIRING
from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, message_to_dict
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from langchain_markovscale import Criterion, MarkovScaleRouter


def attempt(text, score, parent=None, key=None):
    action = "generate" if parent is None else "revise"
    return {
        "text": text,
        "key": key,
        "score": score,
        "action": action,
        "parent": parent,
        "feedback": None,
        "tokens": None,
    }


def test_a_hand_written_reflection_loop_needs_three_lines(run):
    class Drafts(TypedDict):
        drafts: Annotated[list[str], operator.add]
        scores: Annotated[list[float], operator.add]

    def write(state):
        return {"drafts": [f"draft {len(state['drafts'])}"]}

    def reflect(state):
        return {"scores": [0.95 if len(state["drafts"]) == 3 else 0.05]}

    builder = StateGraph(Drafts)
    builder.add_node("write", write)
    builder.add_node("reflect", reflect)
    builder.add_edge(START, "write")
    builder.add_edge("write", "reflect")
    router = MarkovScaleRouter(
        REPAIRING, answers_key="drafts", scores_key="scores", cost_per_round=0.05
    )
    builder.add_conditional_edges("reflect", router, {"revise": "write", "stop": END})
    graph = builder.compile()

    state = run(graph, {"drafts": [], "scores": []})
    assert len(state["drafts"]) == 3
    assert router.decide(state)["best"] == 2
    assert "&nbsp;revise&nbsp; .-> write" in graph.get_graph().draw_mermaid()


def test_every_ai_message_of_a_conversation_is_an_attempt(run):
    def draft(state):
        return {"messages": [AIMessage(f"draft {len(state['messages'])}")]}

    def criticise(state):
        return {"messages": [HumanMessage("Do better.")]}

    builder = StateGraph(MessagesState)
    builder.add_node(draft)
    builder.add_node(criticise)
    builder.add_edge(START, "draft")
    router = MarkovScaleRouter(REPAIRING, messages_key="messages", max_rounds=4, cost_per_round=0)
    builder.add_conditional_edges("draft", router, {"revise": "criticise", "stop": END})
    builder.add_edge("criticise", "draft")
    state = run(builder.compile(), {"messages": [("user", "Write.")]})
    drafts = [message for message in state["messages"] if isinstance(message, AIMessage)]
    assert 1 < len(drafts) <= 4


def test_tool_calls_and_what_precedes_the_question_are_no_attempts():
    router = MarkovScaleRouter(messages_key="messages")
    messages = [
        AIMessage("Welcome"),
        HumanMessage("?"),
        AIMessage("", tool_calls=[{"name": "search", "args": {}, "id": "1"}]),
        AIMessage("answer"),
    ]
    assert router.decide({"messages": messages})["attempts"] == 1


@pytest.mark.parametrize(
    "form", [dumpd, message_to_dict, BaseMessage.model_dump], ids=["dumpd", "to_dict", "model_dump"]
)
def test_messages_of_a_state_may_be_dictionaries_of_any_form(form):
    talk = [HumanMessage("?"), AIMessage("a"), HumanMessage("Again."), AIMessage("b")]
    router = MarkovScaleRouter(messages_key="messages")
    assert router.decide({"messages": [form(message) for message in talk]})["attempts"] == 2


@pytest.mark.parametrize("form", ["attempts", "partial", "lists"])
def test_all_forms_of_the_same_attempts_give_the_same_decision(form):
    attempts = [attempt("a", 0.1), attempt("b", 0.2, 0), attempt("c", None, 1)]
    expected = Criterion(REPAIRING, actions=("revise",)).decide(attempts)
    state = {
        "attempts": {"mine": attempts},
        "partial": {"mine": [{"text": a["text"], "score": a["score"]} for a in attempts]},
        "lists": {"texts": ["a", "b", "c"], "scores": [0.1, 0.2]},
    }[form]
    keys = (
        {"answers_key": "texts", "scores_key": "scores"}
        if form == "lists"
        else {"attempts_key": "mine"}
    )
    router = MarkovScaleRouter(REPAIRING, actions=("revise",), **keys)
    assert router.decide(state) == expected


def test_with_draws_alone_each_answer_is_a_fresh_draw():
    router = MarkovScaleRouter(
        REPAIRING, answers_key="texts", actions=("generate",), answer_key="last_number"
    )
    criterion = Criterion(REPAIRING.rates.without_verifier(), actions=("generate",))
    attempts = [attempt("it is 4", None, key="4"), attempt("4!", None, key="4")]
    assert router.decide({"texts": ["it is 4", "4!"]}) == criterion.decide(attempts)


def test_a_stored_decision_is_used_if_it_was_made_from_as_many_attempts():
    router = MarkovScaleRouter(REPAIRING)
    attempts = [attempt("a", 0.1)]
    stored = Criterion(REPAIRING).decide([]) | {"action": "stop", "attempts": 1}
    assert router({"attempts": attempts, "decision": stored}) == "stop"
    fresh = Criterion(REPAIRING).decide(attempts)["action"]
    assert fresh != "stop"
    stale = stored | {"attempts": 2}
    assert router({"attempts": attempts, "decision": stale}) == fresh
    assert router({"attempts": attempts, "decision": None}) == fresh


def test_the_same_state_takes_the_same_edge_and_stays_as_it_was():
    router = MarkovScaleRouter(REPAIRING)
    state = {"attempts": [attempt("a", 0.1), attempt("b", 0.4, 0)]}
    before = repr(state)
    assert len({router(state) for _ in range(5)}) == 1
    assert repr(state) == before


def test_it_never_draws_where_only_revisions_are_allowed():
    router = MarkovScaleRouter(REPAIRING, actions=("revise",), cost_per_round=0.0)
    attempts = [attempt("0", 0.1)]
    for n in range(1, 8):
        assert router({"attempts": attempts}) in ("revise", "stop")
        attempts = [*attempts, attempt(str(n), 0.1, n - 1)]
    with pytest.raises(ValueError, match="no attempt"):
        router({"attempts": []})


def test_before_the_first_attempt_it_asks_for_a_draw():
    assert MarkovScaleRouter(REPAIRING)({"attempts": []}) == "generate"


def test_routes_are_returned_instead_of_steps():
    router = MarkovScaleRouter(
        REPAIRING, actions=("revise",), routes={"stop": END, "revise": "reflect"}
    )
    assert router({"attempts": [attempt("a", 0.1)]}) == "reflect"
    assert router.path_map(revise="node") == {END: END, "reflect": "node"}


def test_states_may_be_pydantic_models_and_dataclasses():
    class Model(BaseModel):
        attempts: list[dict]
        decision: dict | None = None

    @dataclass
    class Data:
        attempts: list[dict]

    @dataclass(slots=True)
    class Slots:
        attempts: list[dict]

    router = MarkovScaleRouter(REPAIRING)
    attempts = [attempt("a", 0.1)]
    expected = router({"attempts": attempts})
    assert router(Model(attempts=attempts)) == expected
    assert router(Data(attempts)) == expected
    assert router(Slots(attempts)) == expected


def test_attempts_may_be_pydantic_models_and_dataclasses():
    class Model(BaseModel):
        text: str
        score: float

    @dataclass(slots=True)
    class Data:
        text: str
        score: float

    router = MarkovScaleRouter(REPAIRING, actions=("revise",))
    expected = router.decide({"attempts": [attempt("a", 0.1)]})
    assert router.decide({"attempts": [Model(text="a", score=0.1)]}) == expected
    assert router.decide({"attempts": [Data("a", 0.1)]}) == expected


def test_langgraph_shows_its_name():
    builder = StateGraph(MessagesState)
    builder.add_node("a", lambda state: {})
    builder.add_conditional_edges("a", MarkovScaleRouter(name="worth_it"), {"stop": END})
    assert list(builder.branches["a"]) == ["worth_it"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"answers_key": "a", "messages_key": "m"}, "answers_key.*messages_key"),
        ({"scores_key": "s"}, "scores_key.*needs"),
        ({"answers_key": "a", "actions": ("revise", "generate")}, "revised and which drawn"),
        ({"routes": {"end": "x"}}, "routes has unknown steps 'end'"),
        ({"max_rounds": 0}, "max_rounds"),
    ],
)
def test_options_that_contradict_each_other_are_named(options, told):
    with pytest.raises(ValueError, match=told):
        MarkovScaleRouter(REPAIRING, **options)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({}, "'attempts'"),
        ({"attempts": "text"}, "list under 'attempts'"),
        ({"attempts": [{"score": 0.1}]}, r"attempts\[0\].*'text'"),
        ({"attempts": ["a draft"]}, r"attempts\[0\].*'a draft'.*answers_key"),
        ({"attempts": [{"text": "a", "score": float("nan")}]}, "score"),
        ({"attempts": [{"text": "a", "score": 2.0}]}, "score"),
        ({"attempts": [{"text": "a"}, {"text": "b"}]}, r"attempts\[1\].*'action'"),
    ],
)
def test_a_state_that_cannot_be_read_is_named(state, told):
    with pytest.raises(ValueError, match=told):
        MarkovScaleRouter(REPAIRING)(state)


def test_more_scores_than_answers_are_an_error():
    router = MarkovScaleRouter(REPAIRING, answers_key="a", scores_key="s")
    with pytest.raises(ValueError, match="2 scores for 1 answer:"):
        router({"a": ["x"], "s": [0.1, 0.2]})
