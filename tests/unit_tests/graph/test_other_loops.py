"""Rates describe one loop: one whose model, verifier or answer key is another says so, once."""

import logging

import pytest
from fakes import REPAIRING, ScriptedModel
from langchain.agents import create_agent
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from langchain_markovscale import (
    Calibration,
    Criterion,
    JudgeVerifier,
    MarkovScaleMiddleware,
    MarkovScaleRouter,
    Prompts,
    create_markovscale_graph,
    read_traces,
    record_traces,
    with_markovscale,
)
from langchain_markovscale.traces.provenance import as_judged
from langchain_markovscale.types import new_attempt

QUESTION = {"question": "What is 2 + 2?"}
MODEL = ScriptedModel(script=["4"], repeat=True, model_name="small")
OTHER = MODEL.model_copy(update={"model_name": "large"})

JUDGE = JudgeVerifier(
    ScriptedModel(script=["VERDICT: PASS\nPROBABILITY: 0.9"], repeat=True, model_name="large")
)


def right(answer):
    return answer == "4"


def by_length(answer):
    return len(answer) == 1


def graph_of(model=MODEL, verifier=right, answer_key="last_number", **options):
    options = {"actions": ("generate",), "cost_per_round": 0.1} | options
    return create_markovscale_graph(model, verifier=verifier, answer_key=answer_key, **options)


def recorded(tmp_path, graph, name="traces.jsonl"):
    questions = [(f"What is {n} + 2?", "4") for n in range(3)]
    record_traces(graph, questions, path=tmp_path / name, revisions=0)
    return tmp_path / name


def fitted(path, **options):
    return Calibration.fit(path, n_bootstrap=0, n_classes=1, delivery=False, **options)


def measured_with(**parts):
    return Calibration(REPAIRING.rates, "measured", {"loop": parts})


@pytest.fixture
def warned(caplog):
    caplog.set_level(logging.WARNING)
    return lambda: [each.message for each in caplog.records if "measured with" in each.message]


def test_the_loop_of_a_recording_goes_to_its_calibration(tmp_path, warned):
    path = recorded(tmp_path, graph_of(verifier=JUDGE))
    parts = {
        "model": "small",
        "verifier": "JudgeVerifier (large)",
        "prompt_version": "1",
        "answer_key": "last_number",
    }
    assert all(trace["metadata"]["loop"] == parts for trace in read_traces(path))
    calibration = fitted(path, metadata={"site": "lab"})
    assert calibration.metadata == {"loop": parts, "site": "lab"}
    assert fitted(read_traces(path)).metadata == {"loop": parts}
    calibration.save(tmp_path / "rates.json")
    kept = Calibration.load(tmp_path / "rates.json")
    graph_of(verifier=JUDGE, calibration=kept).invoke(QUESTION)
    assert not warned()


def test_only_what_all_traces_tell_the_same_is_known_of_a_calibration(tmp_path):
    paths = [recorded(tmp_path, graph_of(model), model.model_name) for model in (MODEL, OTHER)]
    both = [trace for path in paths for trace in read_traces(path)]
    assert fitted(both).metadata["loop"] == {"verifier": "right", "answer_key": "last_number"}
    del both[0]["metadata"]["loop"]
    assert fitted(both).metadata == {}


@pytest.mark.parametrize(
    ("parts", "there", "here"),
    [
        ({"model": OTHER}, "model='small'", "model='large'"),
        ({"verifier": by_length}, "verifier='right'", "verifier='by_length'"),
        ({"answer_key": "text"}, "answer_key='last_number'", "answer_key='text'"),
        (
            {"model": OTHER, "answer_key": "text"},
            "model='small', answer_key='last_number'",
            "model='large', answer_key='text'",
        ),
    ],
)
def test_a_graph_of_other_parts_warns_once(warned, parts, there, here):
    calibration = measured_with(model="small", verifier="right", answer_key="last_number")
    for given in ({"calibration": calibration}, {"criterion": Criterion(calibration, 0.1)}):
        graph = graph_of(**parts, revise=MODEL, **{"actions": None, "cost_per_round": 0.1, **given})
        graph.invoke(QUESTION)
        graph.invoke({"question": "Another?"})
    assert len(warned()) == 2
    for message in warned():
        assert f"measured with {there}, and this loop has {here}:" in message
        assert "Record and calibrate" in message


def test_an_unknown_part_is_no_difference(warned):
    graph_of(calibration=measured_with(model="small"), generate=lambda request: "4")
    graph_of(calibration=measured_with(verifier="right"), verifier=lambda answer: 1.0)
    graph_of(calibration=measured_with(answer_key="text"), answer_key=lambda text: text)
    graph_of(calibration=REPAIRING)
    graph_of(calibration=REPAIRING.rates)
    assert not warned()


@pytest.mark.parametrize("junk", [None, 3, [], "small", {"model": 3, 5: "x", "more": "y"}])
def test_metadata_of_somebodys_own_is_no_difference(warned, junk):
    graph_of(calibration=Calibration(REPAIRING.rates, "measured", {"loop": junk}))
    assert not warned()


def test_what_a_loop_does_without_is_no_difference_but_what_it_adds_is(warned):
    graph_of(verifier=None, calibration=measured_with(verifier="right"))
    graph_of(answer_key=None, calibration=measured_with(answer_key="text"))
    assert not warned()
    graph_of(calibration=measured_with(verifier="none"))
    assert "verifier='none', and this loop has verifier='right'" in warned()[0]


def test_one_model_that_draws_and_revises_is_named_once(warned):
    calibration = measured_with(model="large", reviser="large")
    graph_of(calibration=calibration, actions=("revise", "generate"))
    assert "with model='large', and this loop has model='small':" in warned()[0]
    graph_of(OTHER, calibration=calibration, revise=MODEL, actions=("revise", "generate"))
    assert "with reviser='large', and this loop has reviser='small':" in warned()[1]


IN_CONVERSATION = {"messages": [("user", "Hi"), ("ai", "Hello"), ("user", "What is 2 + 2?")]}


def test_a_judge_that_is_shown_something_else_than_when_it_was_measured_says_so_once(warned):
    calibration = measured_with(verifier="JudgeVerifier (large)", prompt_version="1")
    graph = graph_of(verifier=JUDGE.with_retry(), calibration=calibration)
    graph.invoke(QUESTION)
    assert not warned()
    for _ in range(2):
        graph.invoke(IN_CONVERSATION)
    (message,) = warned()
    assert "with prompt_version='1', and this loop has prompt_version='2: earlier turns'" in message


async def test_a_judge_within_an_agent_says_so_too(warned):
    options = {"verifier": JUDGE, "answer_key": "last_number", "max_rounds": 1}
    calibration = measured_with(prompt_version="1")
    middleware = MarkovScaleMiddleware(calibration=calibration, **options)
    agent = create_agent(MODEL, middleware=[middleware], system_prompt="Be brief.")
    await agent.ainvoke({"messages": [("user", "What is 2 + 2?")]})
    assert "prompt_version='2: system prompt'" in warned()[0]


def test_what_the_judge_was_shown_goes_to_traces_and_calibrations(tmp_path):
    prompts = Prompts(system="Be brief.")
    graph = graph_of(verifier=JUDGE, prompts=prompts)
    path = recorded(tmp_path, graph)
    assert fitted(path).metadata["loop"]["prompt_version"] == "2: system prompt"


def test_prompts_that_differ_within_a_trace_have_no_version():
    def scored(**more):
        return new_attempt("4", score=0.9) | more

    loop = {"verifier": "judge", "prompt_version": "1"}
    shown = scored(metadata={"judged_with": "2: earlier turns"})
    assert as_judged(loop, [shown, shown, new_attempt("4"), scored(text=" ")]) == loop | {
        "prompt_version": "2: earlier turns"
    }
    assert as_judged(loop, [shown, scored()]) == {"verifier": "judge"}
    assert as_judged({"verifier": "f"}, [shown]) == {"verifier": "f"}


def test_a_router_alone_compares_its_key_when_it_first_decides(warned):
    calibration = measured_with(model="small", answer_key="last_number")
    router = MarkovScaleRouter(
        calibration, answers_key="drafts", scores_key="scores", answer_key="text"
    )
    for _ in range(2):
        router({"drafts": ["4"], "scores": [0.9]})
    (message,) = warned()
    assert "answer_key='last_number', and this loop has answer_key='text'" in message


def chain_of(model):
    return ChatPromptTemplate.from_template("{question}") | model.with_retry()


@pytest.mark.parametrize(
    "writer",
    [
        chain_of(MODEL),
        RunnableLambda(lambda request: MODEL.invoke(request["question"])),
        MODEL.bind(stop=["."]),
        MODEL.with_fallbacks([OTHER]),
    ],
)
def test_models_are_found_within_chains_and_functions(warned, writer):
    graph_of(None, generate=writer, calibration=measured_with(model="large"))
    with_markovscale(
        writer, verifier=right, calibration=measured_with(model="large"), cost_per_round=0.1
    )
    assert ["has model='small'" in message for message in warned()] == [True, True]


def test_functions_that_call_each_other_are_followed_once():
    def one(request):
        return other.invoke(request)

    def two(request):
        return first.invoke(request)

    first, other = RunnableLambda(one), RunnableLambda(two)
    graph_of(None, generate=first)


def test_a_verifier_that_is_any_runnable_has_the_name_of_its_models_or_its_function(warned):
    def graded(given):
        return 1.0

    for verifier in (RunnableLambda(graded), MODEL | RunnableLambda(lambda reply: 1.0)):
        graph_of(verifier=verifier, calibration=measured_with(verifier="right"))
    graph_of(verifier=RunnableLambda(lambda given: 1.0), calibration=measured_with(verifier="x"))
    here = [message.partition("this loop has ")[2] for message in warned()]
    assert [each.partition(":")[0] for each in here] == ["verifier='graded'", "verifier='small'"]
