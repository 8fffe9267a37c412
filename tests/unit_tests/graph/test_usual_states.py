"""The stopping rule in graphs as tutorials write them: their states, their names, a few lines."""

import logging
import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, Optional

import pytest
from fakes import REPAIRING, ScriptedModel, accepts
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Overwrite, Send
from pydantic import BaseModel
from typing_extensions import TypedDict

from langchain_markovscale import JudgeVerifier, MarkovScaleRouter, add_attempt

RULE = {"cost_per_round": 0.1, "max_rounds": 4}
SCORES = (0.05, 0.05, 0.95, 0.05)


def loop_of(state_schema, write, router, critic=None):
    """A graph that writes and, while its router says so, writes again."""
    builder = StateGraph(state_schema)
    builder.add_node("write", write)
    builder.add_edge(START, "write")
    last = "write"
    if critic is not None:
        builder.add_node("critic", critic)
        builder.add_edge("write", "critic")
        last = "critic"
    builder.add_conditional_edges(last, router, {"revise": "write", "stop": END})
    return builder.compile()


@pytest.fixture
def warned(caplog):
    caplog.set_level(logging.WARNING)
    return lambda: [each.message for each in caplog.records if "latest draft alone" in each.message]


class Draft(TypedDict):
    draft: str
    critique: str
    score: float
    iteration: int


def write_draft(state):
    iteration = state.get("iteration", 0)
    return {"draft": f"draft {iteration}", "iteration": iteration + 1}


def score_draft(state):
    return {"critique": "Shorter.", "score": SCORES[state["iteration"] - 1]}


@pytest.mark.parametrize("state_schema", [Draft, None])
def test_a_state_of_one_draft_runs_until_it_is_accepted(state_schema, run, warned):
    router = MarkovScaleRouter(
        REPAIRING, answers_key="draft", scores_key="score", state_schema=state_schema, **RULE
    )
    assert len(warned()) == (state_schema is not None)
    state = run(loop_of(Draft, write_draft, router, score_draft), {"draft": ""})
    assert (state["draft"], state["iteration"]) == ("draft 2", 3)
    assert router.best(state) == "draft 2"
    decision = router.decide(state)
    assert (decision["best"], decision["attempts"]) == (2, 3)
    (message,) = warned()
    assert "answers_key='draft'" in message
    assert "attempts: Annotated[list, add_attempt]" in message


def test_the_count_of_one_draft_ends_the_run_at_the_cap(run):
    router = MarkovScaleRouter(REPAIRING, answers_key="draft", scores_key="score", max_rounds=2)
    state = run(loop_of(Draft, write_draft, router, score_draft), {})
    assert state["iteration"] == 2
    decision = router.decide(state)
    assert (decision["reason"], decision["best"]) == ("max_rounds", 1)
    assert router.decide({**state, "iteration": 50})["reason"] == "max_rounds"


INITIAL, REPAIR, CORRUPTION, HIT, MISS = 0.5, 0.6, 0.05, 0.9, 0.1  # those of REPAIRING


@pytest.mark.parametrize("cost", [0.0, 0.1, 0.25, 0.28, 0.4])
def test_one_draft_that_nobody_scores_is_revised_by_the_rule_of_markovscale(cost):
    router = MarkovScaleRouter(REPAIRING, answers_key="draft", cost_per_round=cost, max_rounds=60)
    decision = router.decide({"draft": "c", "iteration": 3})
    total = REPAIR + CORRUPTION
    goes_on = REPAIR / total - cost / total > INITIAL
    assert decision["action"] == ("revise" if goes_on else "stop")
    assert decision["belief"] == pytest.approx(INITIAL)
    assert (decision["best"], decision["attempts"]) == (2, 3)


def worth_of(rounds, belief, cost):
    """What revising until an acceptance returns, less its cost, by the belief after each round."""
    right = belief * (1 - CORRUPTION) + (1 - belief) * REPAIR
    if rounds == 1:
        return right - cost
    rejected = right * (1 - HIT) + (1 - right) * (1 - MISS)
    later = worth_of(rounds - 1, right * (1 - HIT) / rejected, cost)
    return right * HIT + rejected * later - cost


@pytest.mark.parametrize("cost", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("score", [0.05, 0.95])
def test_one_draft_is_revised_where_a_last_draft_is_expected_to_be_better(cost, score):
    right = INITIAL * (HIT if score > 0.5 else 1 - HIT)
    wrong = (1 - INITIAL) * (MISS if score > 0.5 else 1 - MISS)
    belief = right / (right + wrong)
    router = MarkovScaleRouter(
        REPAIRING, answers_key="draft", scores_key="score", cost_per_round=cost, max_rounds=6
    )
    decision = router.decide({"draft": "c", "score": score, "iteration": 3})
    values, blindly = [], belief
    for n in range(1, 4):
        blindly = blindly * (1 - CORRUPTION) + (1 - blindly) * REPAIR
        values += [blindly - n * cost, worth_of(n, belief, cost)]
    lead = decision["expected_gain"] - decision["cost"]
    assert lead == pytest.approx(max(values) - belief)
    assert decision["action"] == ("revise" if lead > 0 else "stop")
    assert decision["belief"] == pytest.approx(belief)


def test_one_draft_that_an_exact_verifier_rejects_is_revised_and_one_that_it_accepts_is_right():
    router = MarkovScaleRouter(answers_key="draft", scores_key="score", exact_verifier=True)
    assert router({"draft": "a", "score": False, "iteration": 1}) == "revise"
    accepted = router.decide({"draft": "a", "score": True, "iteration": 1})
    assert (accepted["action"], accepted["belief"]) == ("stop", 1.0)


def test_one_draft_without_a_score_is_no_evidence_and_one_that_is_drawn_again_is_weighed():
    router = MarkovScaleRouter(REPAIRING, answers_key="draft", scores_key="score", **RULE)
    state = {"draft": "c", "score": None, "iteration": 1}
    assert router.decide(state)["reason"] == "no_evidence"
    drawing = MarkovScaleRouter(
        REPAIRING, answers_key="draft", scores_key="score", actions=("generate",), **RULE
    )
    decision = drawing.decide(state | {"score": 0.05})
    assert decision["action"] == "generate"
    assert decision["expected_gain"] > 0.5 - decision["belief"]


@pytest.mark.parametrize("empty", ["", None])
def test_no_draft_yet_is_no_attempt(empty):
    router = MarkovScaleRouter(answers_key="draft", actions=("generate",))
    assert router({"draft": empty}) == "generate"
    assert router.best({"draft": empty}) is None


def test_messages_of_the_reflection_tutorial(run):
    class State(MessagesState):
        scores: Annotated[list[float], operator.add]

    def generation_node(state):
        return {"messages": [AIMessage(f"essay {len(state['messages'])}")]}

    def reflection_node(state):
        number = len(state["scores"])
        return {"messages": [HumanMessage("Shorter.")], "scores": [SCORES[number]]}

    router = MarkovScaleRouter(
        REPAIRING, messages_key="messages", scores_key="scores", state_schema=State, **RULE
    )
    graph = loop_of(State, generation_node, router, reflection_node)
    state = run(graph, {"messages": [HumanMessage("Write.")], "scores": []})
    assert router.best(state).text == "essay 5"
    assert len(state["scores"]) == 3


def test_the_essay_writer(run):
    class AgentState(TypedDict):
        task: str
        plan: str
        draft: str
        critique: str
        content: list[str]
        revision_number: int
        max_revisions: int

    def generation_node(state):
        number = state.get("revision_number", 1)
        return {"draft": f"essay {number}", "revision_number": number + 1}

    def reflection_node(state):
        return {"critique": "Good." if state["draft"] == "essay 2" else "Weak."}

    router = MarkovScaleRouter(
        REPAIRING,
        answers_key="draft",
        scores_key=lambda state: state["critique"] == "Good.",
        iteration_key=lambda state: state["revision_number"] - 1,
        state_schema=AgentState,
        **RULE,
    )
    graph = loop_of(AgentState, generation_node, router, reflection_node)
    state = run(graph, {"task": "Seals.", "max_revisions": 2, "revision_number": 1})
    assert state["draft"] == router.best(state) == "essay 2"
    assert router.decide(state)["attempts"] == 2


class Code(BaseModel):
    """What the code assistant's model returns."""

    prefix: str
    imports: str
    code: str


def test_the_code_assistant(run):
    class GraphState(TypedDict):
        error: str
        messages: Annotated[list, add_messages]
        generation: Code
        iterations: int

    def generate(state):
        made = state["iterations"]
        solution = Code(prefix="Adds.", imports="", code=f"x = {made}")
        return {"generation": solution, "iterations": made + 1}

    def code_check(state):
        return {"error": "no" if state["generation"].code == "x = 1" else "yes"}

    router = MarkovScaleRouter(
        answers_key="generation",
        scores_key=lambda state: state["error"] == "no",
        iteration_key="iterations",
        exact_verifier=True,
        max_rounds=3,
        state_schema=GraphState,
    )
    graph = loop_of(GraphState, generate, router, code_check)
    state = run(graph, {"messages": [("user", "Add.")], "iterations": 0, "error": ""})
    assert router.best(state).code == "x = 1"
    assert router.decide(state)["belief"] == pytest.approx(1.0)


def test_self_rag(run):
    class GraphState(TypedDict):
        question: str
        generation: str
        documents: list[Document]
        grade: str
        iteration: int

    def generate(state):
        made = state.get("iteration", 0)
        return {"generation": f"answer {made}", "iteration": made + 1}

    def grade(state):
        return {"grade": "useful" if state["generation"] == "answer 2" else "not supported"}

    router = MarkovScaleRouter(
        REPAIRING,
        answers_key="generation",
        scores_key=lambda state: state["grade"] == "useful",
        actions=("generate",),
        state_schema=GraphState,
        **RULE,
    )
    builder = StateGraph(GraphState)
    builder.add_node("draw", generate)
    builder.add_node("judge", grade)
    builder.add_edge(START, "draw")
    builder.add_edge("draw", "judge")
    builder.add_conditional_edges("judge", router, router.path_map(generate="draw"))
    state = run(builder.compile(), {"question": "Who?", "documents": [Document("Ada.")]})
    assert router.best(state) == "answer 2"


class Attempts(TypedDict):
    question: str
    attempts: Annotated[list, add_attempt]


def write_attempt(state):
    return {"attempts": AIMessage(f"draft {len(state['attempts'])}")}


def judge_attempt(state):
    number = len(state["attempts"]) - 1
    return {"attempts": {"score": SCORES[number], "feedback": "Shorter."}}


def test_with_the_reducer_the_best_draft_is_returned_and_not_the_last(run):
    router = MarkovScaleRouter(
        REPAIRING, actions=("revise",), state_schema=Attempts, max_rounds=4, cost_per_round=0
    )
    state = run(loop_of(Attempts, write_attempt, router, judge_attempt), {"question": "Q?"})
    scores = [attempt["score"] for attempt in state["attempts"]]
    assert scores == list(SCORES[: len(scores)])
    assert router.best(state) == "draft 2"
    assert {attempt["feedback"] for attempt in state["attempts"]} == {"Shorter."}


def test_the_reducers_list_resumes_from_a_file(tmp_path):
    router = MarkovScaleRouter(REPAIRING, actions=("revise",), **RULE)
    thread = {"configurable": {"thread_id": "1"}}
    with SqliteSaver.from_conn_string(str(tmp_path / "runs.db")) as saver:
        graph = loop_of(Attempts, write_attempt, router, judge_attempt)
        graph.checkpointer = saver
        graph.invoke({"question": "Q?"}, thread, interrupt_after=["write"])
        kept = graph.get_state(thread).values["attempts"]
        state = graph.invoke(None, thread)
        assert state["attempts"][0]["id"] == kept[0]["id"]
        assert router.best(state) == "draft 2"
        graph.invoke({"attempts": Overwrite([])}, thread, interrupt_before=["write"])
        assert graph.get_state(thread).values["attempts"] == []


def test_parallel_branches_each_add_their_draw(run):
    def draw(state):
        return {"attempts": {"text": state["text"], "score": 0.9, "action": "generate"}}

    builder = StateGraph(Attempts)
    builder.add_node("draw", draw)
    builder.add_conditional_edges(START, lambda state: [Send("draw", {"text": t}) for t in "aab"])
    state = run(builder.compile(), {"question": "Q?"})
    assert [attempt["text"] for attempt in state["attempts"]] == ["a", "a", "b"]
    assert len({attempt["id"] for attempt in state["attempts"]}) == 3
    assert MarkovScaleRouter(answer_key="text").best(state) == "a"


def test_a_node_that_returns_the_whole_list_doubles_nothing():
    attempts = add_attempt(add_attempt(None, "one"), ["two"])
    again = add_attempt(attempts, [*attempts, {"text": "three"}])
    assert [attempt["text"] for attempt in again] == ["one", "two", "three"]
    first = {"id": attempts[0]["id"], "score": True}
    assert [each.get("score") for each in add_attempt(again, first)] == [1.0, None, None]
    assert "score" not in again[0]


def test_a_message_that_comes_again_takes_its_own_place():
    attempts = add_attempt([], [AIMessage("one", id="a"), AIMessage("two", id="b")])
    assert [each["text"] for each in add_attempt(attempts, AIMessage("ONE", id="a"))] == [
        "ONE",
        "two",
    ]


def test_a_verifiers_verdict_and_a_typed_draft_are_plain_json():
    code = Code(prefix="", imports="", code="x = 1")
    attempts = add_attempt([], {"text": code, "key": "x"})
    verdict = accepts("x")("x")
    attempts = add_attempt(attempts, {"score": verdict[0], "usage": {"calls": 1}, "feedback": None})
    (attempt,) = attempts
    assert attempt["answer_object"] == {"prefix": "", "imports": "", "code": "x = 1"}
    assert attempt["score"] == verdict[0]
    assert "usage" not in attempt
    assert MarkovScaleRouter().best({"attempts": attempts}) == attempt["answer_object"]
    assert add_attempt(attempts, {"name": "Ada"})[1]["answer_object"] == {"name": "Ada"}


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"score": 0.5}, "no attempt for it to change"),
        ({"id": "x", "score": 0.5}, "no attempt for it to change"),
        ({"text": "a", "scores": 1}, "no field 'scores'.*'text'"),
        ({"text": "a", "score": 2}, r"score is a number in \[0, 1\]"),
        (7, "got 7"),
        ({"text": 7}, "got 7"),
    ],
)
def test_what_is_no_attempt_is_named(update, told):
    with pytest.raises((ValueError, TypeError), match=told):
        add_attempt([], update)


@dataclass
class Data:
    draft: Optional[str] = None  # noqa: UP045 - as older graphs write it
    scores: Annotated[list[float], operator.add] = field(default_factory=list)
    iteration: int = 0


class Model(BaseModel):
    draft: str | None = None
    score: float | None = None
    iteration: int = 0


@pytest.mark.parametrize("state", [Data("a", [0.1, 0.95], 2), Model(draft="a", score=0.95)])
def test_states_may_be_dataclasses_and_pydantic_models(state, warned):
    scores_key = "scores" if isinstance(state, Data) else "score"
    router = MarkovScaleRouter(
        REPAIRING, answers_key="draft", scores_key=scores_key, state_schema=type(state), **RULE
    )
    assert len(warned()) == 1
    assert router(state) == "stop"
    assert router.best(state) == "a"
    assert len(warned()) == 1


class Lists(TypedDict):
    drafts: Annotated[list[str], operator.add]
    score: float
    note: "NotKnownHere"  # noqa: F821 - defined where the state is imported from


class Partly(TypedDict, total=False):
    draft: NotRequired[str]
    anything: Any


@pytest.mark.parametrize(
    ("state_schema", "keys", "told"),
    [
        (
            Draft,
            {"answers_key": "drafts"},
            "Draft has no 'drafts' \\(answers_key\\); it has 'draft', .*answers_key='draft', "
            "scores_key='score', iteration_key='iteration'",
        ),
        (Draft, {}, "no 'attempts' \\(attempts_key\\).*answers_key='draft'"),
        (Draft, {"attempts_key": "draft"}, "one value under 'draft', and attempts_key names a"),
        (Draft, {"answers_key": "draft", "scores_key": "scors"}, "no 'scors' \\(scores_key\\)"),
        (Draft, {"messages_key": "messages"}, "no 'messages' \\(messages_key\\)"),
        (Partly, {"answers_key": "draft"}, "no 'iteration' \\(iteration_key\\)"),
        (Partly, {"answers_key": "a", "scores_key": "b"}, "no 'a' .*, no 'b' .scores_key"),
        (MessagesState, {}, "messages_key='messages'"),
        (Attempts, {"answers_key": "question"}, "no 'iteration'"),
    ],
)
def test_what_a_state_lacks_is_said_when_the_router_is_made(state_schema, keys, told):
    with pytest.raises(ValueError, match=told):
        MarkovScaleRouter(REPAIRING, state_schema=state_schema, **keys)


def test_one_score_for_many_answers_names_the_remedy():
    keys = {"answers_key": "drafts", "scores_key": "score"}
    router = MarkovScaleRouter(REPAIRING, **keys)
    assert router({"drafts": ["a"], "score": 0.05}) == "revise"
    with pytest.raises(ValueError, match=r"one score for 2 answers.*Annotated\[list\[float\]"):
        router({"drafts": ["a", "b"], "score": 0.95})

    class Many(TypedDict):
        drafts: list[str]
        score: float

    with pytest.raises(ValueError, match="one score for a list of answers"):
        MarkovScaleRouter(REPAIRING, state_schema=Many, **keys)
    MarkovScaleRouter(REPAIRING, state_schema=Lists, **keys)  # an annotation cannot be read


@pytest.mark.parametrize(
    ("keys", "state", "told"),
    [
        ({}, {"draft": "a", "score": 1}, "answers_key='draft', scores_key='score'"),
        ({}, {"messages": []}, "messages_key='messages'"),
        ({"answers_key": "draft"}, {"draft": "a"}, "no 'iteration', which iteration_key names"),
        ({"answers_key": "draft"}, {"draft": "a", "iteration": "1"}, "whole number, got '1'"),
        (
            {"answers_key": "draft", "scores_key": "scores"},
            {"draft": "a", "score": 1, "iteration": 1},
            "no 'scores', which scores_key names.*scores_key='score'",
        ),
        ({"answers_key": "n"}, {"n": 7, "iteration": 1}, r"attempts\[0\] must have its answer"),
    ],
)
def test_without_the_class_it_is_said_at_the_first_call(keys, state, told):
    with pytest.raises(ValueError, match=told):
        MarkovScaleRouter(REPAIRING, **keys)(state)


def score(answer):
    return 0.9


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        ((), {"drafts_key": "d"}, "'drafts_key'. Did you mean 'answers_key'"),
        ((), {"max_iterations": 3}, "Did you mean 'max_rounds' .which counts the first answer"),
        ((), {"score_key": "s"}, "Did you mean 'scores_key'"),
        ((), {"drafts_key": "d", "max_loops": 3}, "'answers_key'.*'max_loops'. Did you.*'max_rou"),
        ((), {"verifier": score}, "calls no verifier.*scores_key="),
        ((score,), {}, "calls no verifier.*scores_key="),
        ((JudgeVerifier(ScriptedModel(script=[])),), {}, "calls no verifier.*scores_key="),
        ((Draft,), {}, "state_schema="),
        ((), {"state_schema": "Draft"}, "class of the graph's state.*got 'Draft'"),
        ((), {"state_schema": int}, "class of the graph's state"),
    ],
)
def test_wrong_names_are_answered_with_the_right_ones(given, options, told):
    with pytest.raises(TypeError, match=told):
        MarkovScaleRouter(*given, **options)
