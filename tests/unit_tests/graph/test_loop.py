"""The whole loop: what it does, what it asks, what it leaves."""

from dataclasses import replace

import pytest
from fakes import REPAIRING, Scripted, ScriptedModel, accepts, rejecting, reply
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableLambda

from langchain_markovscale import Calibration, Criterion, Prompts, create_markovscale_graph

QUESTION = {"question": "What is 2 + 2?"}


def assert_plain(value):
    """No numpy scalar, dataclass or subclass may be in the state: checkpointers would lose it."""
    if isinstance(value, BaseMessage):
        return
    assert type(value) in (str, int, float, bool, type(None), list, dict), repr(value)
    for part in value.values() if type(value) is dict else value if type(value) is list else ():
        assert_plain(part)


def test_the_best_answer_is_returned_not_the_last(run):
    # The second answer is the only one that is accepted; those after it lose it again.
    model = ScriptedModel(script=["five", "four", "nine", "eight"])
    graph = create_markovscale_graph(
        model,
        verifier=accepts("four"),
        calibration=Calibration.from_rates(
            initial=0.3, repair=0.4, corruption=0.3, sensitivity=0.6, specificity=0.9
        ),
        cost_per_round=0.0,
        max_rounds=4,
    )
    state = run(graph, QUESTION)
    assert [attempt["text"] for attempt in state["attempts"]] == ["five", "four", "nine", "eight"]
    assert state["answer"] == "four"
    assert state["decision"]["best"] == 1
    assert state["decision"]["reason"] == "max_rounds"
    assert [message.text for message in state["messages"]] == ["What is 2 + 2?", "four"]
    assert state["error"] is None


def test_the_loop_follows_the_criterion(stream):
    graph = create_markovscale_graph(
        ScriptedModel(script=[f"it is {n}" for n in (3, 4, 5, 4, 4, 4, 4, 4)]),
        verifier=lambda answer: 0.9 if answer.endswith("4") else 0.2,
        answer_key="last_number",
    )
    parts = stream(graph, QUESTION, stream_mode=["custom", "values"])
    told = [part["decision"] for mode, part in parts if mode == "custom" and "decision" in part]
    attempts = parts[-1][1]["attempts"]
    criterion = Criterion(Calibration.training_free())
    expected = [criterion.decide(attempts[: n + 1]) for n in range(len(attempts))]
    assert told == expected
    taken = [attempt["action"] for attempt in attempts[1:]]
    assert [decision["action"] for decision in expected] == [*taken, "stop"]
    assert len(set(taken)) == 2


@pytest.mark.parametrize("actions", [("revise",), ("generate",)])
def test_only_allowed_actions_are_taken(actions, run):
    model = ScriptedModel(script=["a", "b", "c", "d"])
    graph = create_markovscale_graph(
        model, verifier=rejecting(), calibration=REPAIRING, actions=actions, max_rounds=4
    )
    attempts = run(graph, QUESTION)["attempts"]
    assert [attempt["action"] for attempt in attempts] == ["generate", *actions * 3]
    assert ("revise" in graph.nodes) == ("revise" in actions)


def test_max_rounds_counts_the_first_attempt(run):
    model = ScriptedModel(script=["wrong"])
    graph = create_markovscale_graph(model, verifier=rejecting(), max_rounds=1)
    state = run(graph, QUESTION)
    assert model.calls == 1
    assert state["answer"] == "wrong"
    assert state["decision"]["reason"] == "max_rounds"


def test_many_rounds_do_not_reach_a_recursion_limit(run):
    model = ScriptedModel(script=["wrong"] * 40)
    graph = create_markovscale_graph(
        model, verifier=rejecting(), calibration=REPAIRING, max_rounds=40, cost_per_round=0.0
    )
    assert len(run(graph, QUESTION)["attempts"]) == 40


def test_the_state_is_plain(run):
    numpy = pytest.importorskip("numpy")
    graph = create_markovscale_graph(
        ScriptedModel(script=[reply("a"), reply("b"), reply("c")]),
        verifier=lambda answer: numpy.float32(0.1),
        answer_key="text",
        max_rounds=3,
        calibration=REPAIRING,
    )
    for value in run(graph, QUESTION).values():
        assert_plain(value)


def test_without_a_verifier_agreement_is_the_evidence(run):
    model = ScriptedModel(script=["so it is 4", "I say 4", "4", "4", "4", "4", "4", "4"])
    graph = create_markovscale_graph(
        model, verifier=None, answer_key="last_number", actions=("generate",), cost_per_round=0.02
    )
    state = run(graph, QUESTION)
    assert 1 < len(state["attempts"]) < 8
    assert state["decision"]["belief"] > 0.75
    assert all(attempt["score"] is None for attempt in state["attempts"])
    assert "verify" not in state["usage"]
    unverified = Criterion(Calibration.training_free(), 0.02, actions=("generate",))
    assert state["decision"] == unverified.decide(state["attempts"])
    assert state["decision"]["belief"] > unverified.decide(state["attempts"][:1])["belief"] + 0.2


def test_a_revision_sees_its_answer_and_the_critique(run):
    model = ScriptedModel(script=["five", "four"])
    graph = create_markovscale_graph(
        model,
        verifier=rejecting("count {again}"),
        calibration=REPAIRING,
        actions=("revise",),
        max_rounds=2,
    )
    run(graph, QUESTION)
    conversation = model.asked[1]
    assert [type(message) for message in conversation] == [HumanMessage, AIMessage, HumanMessage]
    assert conversation[1].text == "five"
    assert "count {again}" in conversation[2].text


def test_the_best_answer_is_revised_and_not_the_latest(run):
    model = ScriptedModel(script=["good", "bad", "better"])
    graph = create_markovscale_graph(
        model,
        verifier=accepts("good"),
        calibration=REPAIRING,
        actions=("revise",),
        max_rounds=3,
        cost_per_round=0.0,
    )
    attempts = run(graph, QUESTION)["attempts"]
    assert [attempt["parent"] for attempt in attempts] == [None, 0, 0]
    assert [message.text for message in model.asked[2][:2]] == [QUESTION["question"], "good"]


def test_what_was_revised_in_vain_is_not_revised_again(run):
    def always_the_same(messages):
        return {"bad": "worse", "worse": "good"}[messages[1].text] if messages[1:] else "bad"

    graph = create_markovscale_graph(
        ScriptedModel(script=[always_the_same], repeat=True),
        verifier=accepts("good"),
        calibration=REPAIRING,
        actions=("revise",),
        max_rounds=3,
        cost_per_round=0.0,
    )
    state = run(graph, QUESTION)
    assert [attempt["parent"] for attempt in state["attempts"]] == [None, 0, 1]
    assert state["answer"] == "good"


def test_a_revision_without_a_critique_is_asked_for_in_other_words(run):
    model = ScriptedModel(script=["five", "four"])
    graph = create_markovscale_graph(
        model,
        verifier=rejecting(None),
        calibration=REPAIRING,
        actions=("revise",),
        max_rounds=2,
        prompts=Prompts(reconsider="Is {answer} the answer to {question}", revise="no"),
    )
    run(graph, {"question": "{x} or {y}?"})
    assert model.asked[1][-1].text == "Is five the answer to {x} or {y}?"


def test_the_whole_conversation_goes_to_the_model(run):
    model = ScriptedModel(script=["four"])
    graph = create_markovscale_graph(model, verifier=accepts("four"), max_rounds=1)
    conversation = [
        SystemMessage("Be brief."),
        HumanMessage("Hello"),
        AIMessage("Hi"),
        HumanMessage([{"type": "text", "text": "2 + 2?"}]),
    ]
    state = run(graph, {"messages": conversation})
    assert [message.text for message in model.asked[0]] == ["Be brief.", "Hello", "Hi", "2 + 2?"]
    assert [message.text for message in state["messages"]][-1] == "four"


def test_a_system_prompt_joins_the_one_of_the_conversation(run):
    model = ScriptedModel(script=["four"])
    graph = create_markovscale_graph(
        model, verifier=accepts("four"), max_rounds=1, prompts=Prompts(system="Digits {only}.")
    )
    run(graph, {"messages": [SystemMessage("Be brief."), HumanMessage("2 + 2?")]})
    assert [message.text for message in model.asked[0]] == ["Digits {only}.\n\nBe brief.", "2 + 2?"]


def test_usage_adds_up_by_purpose_and_is_the_answers_usage(run):
    model = ScriptedModel(script=[reply("a", 10, 1), reply("b", 20, 2), reply("c", 40, 4)])
    judge = Scripted(
        *[
            {
                "score": 0.1,
                "feedback": "no",
                "usage": {"calls": 2, "input_tokens": 100, "output_tokens": 5, "unknown": 0},
            }
        ]
        * 3
    )
    graph = create_markovscale_graph(
        model, verifier=judge, calibration=REPAIRING, actions=("revise",), max_rounds=3
    )
    state = run(graph, QUESTION)
    assert state["usage"] == {
        "generate": {"calls": 1, "input_tokens": 10, "output_tokens": 1, "unknown": 0},
        "revise": {"calls": 2, "input_tokens": 60, "output_tokens": 6, "unknown": 0},
        "verify": {"calls": 6, "input_tokens": 300, "output_tokens": 15, "unknown": 0},
    }
    assert [attempt["tokens"] for attempt in state["attempts"]] == [1, 2, 4]
    usage = state["messages"][-1].usage_metadata
    assert (usage["input_tokens"], usage["output_tokens"]) == (370, 22)


def test_unknown_usage_is_unknown_and_not_zero(run):
    graph = create_markovscale_graph(
        ScriptedModel(script=[AIMessage("a")]), verifier=rejecting(), max_rounds=1
    )
    state = run(graph, QUESTION)
    assert state["usage"]["generate"]["unknown"] == 1
    assert state["attempts"][0]["tokens"] is None
    assert state["messages"][-1].usage_metadata is None


def test_every_model_call_of_a_chain_is_counted(run):
    model = ScriptedModel(script=[reply("draft", 5, 2), reply("final", 6, 3)])
    chain = RunnableLambda(lambda request: request["messages"]) | model | (lambda m: m.text) | model
    graph = create_markovscale_graph(
        generate=chain, verifier=accepts("final"), max_rounds=1, actions=("generate",)
    )
    state = run(graph, QUESTION)
    assert state["answer"] == "final"
    assert state["usage"]["generate"] == {
        "calls": 2,
        "input_tokens": 11,
        "output_tokens": 5,
        "unknown": 0,
    }


@pytest.mark.parametrize(
    "output",
    [
        "four",
        AIMessage("four"),
        {"answer": "four"},
        {"output": AIMessage("four")},
        {"text": "four", "other": None},
        {"messages": [HumanMessage("?"), AIMessage("four")]},
    ],
    ids=["string", "message", "answer", "output", "text", "messages"],
)
def test_a_runnable_may_answer_in_any_common_form(output, run):
    generate = Scripted(output)
    graph = create_markovscale_graph(
        generate=generate, verifier=accepts("four"), max_rounds=1, actions=("generate",)
    )
    assert run(graph, QUESTION)["answer"] == "four"
    assert set(generate.asked[0]) == {"question", "messages"}
    assert generate.asked[0]["question"] == QUESTION["question"]


def test_functions_serve_as_generator_and_reviser(run):
    async def improve(request):
        return request["answer"] + "!"

    graph = create_markovscale_graph(
        generate=lambda request: "hey",
        revise=RunnableLambda(lambda request: request["answer"] + "!", afunc=improve),
        verifier=rejecting(),
        calibration=REPAIRING,
        actions=("revise",),
        max_rounds=3,
    )
    assert [attempt["text"] for attempt in run(graph, QUESTION)["attempts"]] == [
        "hey",
        "hey!",
        "hey!!",
    ]


def test_a_revision_sees_the_documents_of_the_draw_it_goes_back_to(run):
    first, second = Document("the first"), Document("the second")
    generate = Scripted(
        {"answer": "a", "context": [first], "input": "echo"}, {"answer": "b", "context": [second]}
    )
    revise = Scripted("a2", "a3")
    verifier = Scripted(*[{"score": score} for score in (0.95, 0.95, 0.95, 0.05)])
    graph = create_markovscale_graph(
        generate=generate,
        revise=revise,
        verifier=verifier,
        calibration=REPAIRING,
        cost_per_round={"generate": 0.49, "revise": 0.0},
        max_rounds=3,
    )
    run(graph, QUESTION)
    assert revise.asked[0]["context"] == {"context": [first]}
    assert revise.asked[1]["context"] == {"context": [first]}
    assert set(revise.asked[0]) == {
        "question",
        "messages",
        "answer",
        "feedback",
        "attempts",
        "context",
    }
    assert [request["context"] for request in verifier.asked] == [{"context": [first]}] * 3


def test_a_chat_model_that_revises_reads_the_documents(run):
    model = ScriptedModel(script=["better"])
    graph = create_markovscale_graph(
        model,
        generate=Scripted({"answer": "a", "context": [Document("Paris is in {France}.")]}),
        verifier=rejecting("where?"),
        calibration=REPAIRING,
        actions=("revise",),
        max_rounds=2,
    )
    assert run(graph, QUESTION)["attempts"][1]["text"] == "better"
    assert "Paris is in {France}." in model.asked[0][-1].text


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        lambda model: model.bind(stop=["\n"]),
        lambda model: model.with_retry(),
        lambda model: model.with_fallbacks([ScriptedModel(script=["other"])]),
    ],
    ids=["plain", "bound", "retrying", "with fallbacks"],
)
@pytest.mark.parametrize("place", ["model", "generate"])
def test_chat_models_are_asked_with_messages_however_they_are_wrapped(wrap, place, run):
    model = ScriptedModel(script=[reply("four")])
    graph = create_markovscale_graph(
        **{place: wrap(model)}, verifier=accepts("four"), max_rounds=1, actions=("generate",)
    )
    state = run(graph, QUESTION)
    assert state["answer"] == "four"
    assert [message.text for message in model.asked[0]] == [QUESTION["question"]]
    assert state["usage"]["generate"]["input_tokens"] == 7


def test_a_list_of_choices_reads_the_answer_and_bounds_the_belief(run):
    graph = create_markovscale_graph(
        ScriptedModel(script=["The answer is B."]),
        verifier=accepts(),
        choices=["A", "B"],
        max_rounds=1,
    )
    state = run(graph, QUESTION)
    assert state["attempts"][0]["key"] == "B"
    expected = Criterion(Calibration.training_free(), max_rounds=1, choices=2)
    assert state["decision"] == expected.decide(state["attempts"])


def test_prices_by_action_decide_which_action_is_taken(run):
    def actions(costs):
        graph = create_markovscale_graph(
            ScriptedModel(script=["a", "b"]),
            verifier=rejecting(),
            calibration=replace(REPAIRING, rates=replace(REPAIRING.rates, repair=(0.4,))),
            cost_per_round=costs,
            max_rounds=2,
        )
        return [attempt["action"] for attempt in run(graph, QUESTION)["attempts"]]

    assert actions({"generate": 0.49, "revise": 0.001}) == ["generate", "revise"]
    assert actions({"generate": 0.001, "revise": 0.49}) == ["generate", "generate"]
    assert actions({"generate": 0.49, "revise": 0.49}) == ["generate"]
