"""What version 0.1 has saved goes on: calibrations, traces, recordings, and runs on threads.

`tests/data/v0_1/README.md` says how the files were made. None of them is to be made again.
"""

import json
from contextlib import contextmanager
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
from fakes import reply, scripted
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from runs_of_0_1 import (
    FAIL,
    FIRST,
    OPTIONS,
    PASS,
    QUESTION,
    SECOND,
    agent,
    loop,
    loop_with,
    thread,
)

from langchain_markovscale import (
    Calibration,
    ClassPredictor,
    HumanVerifier,
    JudgeVerifier,
    create_markovscale_graph,
    read_traces,
    record_traces,
    write_traces,
)
from langchain_markovscale.theory.intercept import GradedScores

pytestmark = pytest.mark.usefixtures("few_simulated_questions")

OLD = Path(__file__).parents[1] / "data" / "v0_1"
EXPECTED = json.loads((OLD / "expected.json").read_text(encoding="utf-8"))


# Calibrations and predictors.


@pytest.fixture(params=EXPECTED["calibrations"])
def calibration_name(request: pytest.FixtureRequest) -> str:
    return request.param


def as_json(value: Any) -> Any:
    """A value as a file has it."""
    return json.loads(json.dumps(value))


def test_a_calibration_says_what_it_said(calibration_name: str) -> None:
    calibration, then = Calibration.load(OLD / calibration_name), EXPECTED["calibrations"]
    expected = then[calibration_name]
    assert calibration.source == expected["source"]
    assert as_json(calibration.metadata) == expected["metadata"]
    for kind in ("rates", "decision_rates"):
        rates, numbers = getattr(calibration, kind), expected[kind]
        numbers = {**numbers, "retention": [numbers["retention"]] * rates.n_classes}  # now by class
        now = {name: as_json(getattr(rates, name)) for name in numbers}
        assert now == {name: pytest.approx(value, rel=1e-12) for name, value in numbers.items()}


def test_a_calibration_survives_being_saved_again(calibration_name: str, tmp_path: Path) -> None:
    calibration = Calibration.load(OLD / calibration_name)
    calibration.save(tmp_path / "again.json")
    assert Calibration.load(tmp_path / "again.json") == calibration


def test_a_calibration_reports(calibration_name: str) -> None:
    calibration = Calibration.load(OLD / calibration_name)
    text = calibration.report().text
    assert f"{calibration.fitted.questions} questions" in " ".join(text.split())
    assert calibration.source in text


def test_a_loop_decides_with_a_calibration(calibration_name: str) -> None:
    graph = create_markovscale_graph(
        scripted(*["17 * 23 = 391"] * 8),
        verifier=lambda key: 0.9 if key == "391" else 0.1,
        calibration=Calibration.load(OLD / calibration_name),
        answer_key="last_number",
    )
    assert graph.invoke({"question": QUESTION})["answer"] == "17 * 23 = 391"


def test_a_predictor_says_what_it_said(tmp_path: Path) -> None:
    predictor = ClassPredictor.load(OLD / "predictor.json")
    predictor.save(tmp_path / "again.json")
    again = ClassPredictor.load(tmp_path / "again.json")
    for kind, weights in EXPECTED["class_weights"].items():
        assert predictor.weights("?", {"kind": kind}) == pytest.approx(weights, abs=1e-5)
        assert again.weights("?", {"kind": kind}) == predictor.weights("?", {"kind": kind})


# Traces and recordings.


def test_traces_are_read_and_survive_being_written_again(tmp_path: Path) -> None:
    traces = list(read_traces(OLD / "traces.jsonl"))
    lines = (OLD / "traces.jsonl").read_text(encoding="utf-8").splitlines()
    for trace, line in zip(traces, lines, strict=True):
        given = json.loads(line)
        assert {name: trace[name] for name in given} == given
    assert write_traces(traces, tmp_path / "again.jsonl") == len(lines)
    assert list(read_traces(tmp_path / "again.jsonl")) == traces


def test_traces_are_calibrated_from() -> None:
    calibration = Calibration.fit(read_traces(OLD / "traces.jsonl"), n_bootstrap=20)
    assert (calibration.fitted.questions, calibration.fitted.attempts) == (16, 96)
    assert calibration.fitted.labelled == 90
    assert isinstance(calibration.decision.scores, GradedScores)


def recorded_again(path: Path, model: Any, judge: Any, **changes: Any) -> Any:
    """Record the questions of a file as they were recorded, and one that is new."""
    asked = [
        {name: trace[name] for name in ("id", "question", "reference", "features")}
        for trace in read_traces(OLD / "traces.jsonl")
    ][:2]
    metadata = {"model": "scripted", "verifier": "judge", "temperature": 0.7}
    loop = create_markovscale_graph(model, verifier=JudgeVerifier(judge), answer_key="last_number")
    with pytest.deprecated_call(match="rounds is now called revisions"):
        return record_traces(
            loop,
            asked,
            path=path,
            rounds=2,
            fresh_starts=2,
            max_concurrency=1,
            metadata=metadata | changes,
            progress=False,
        )


def test_a_recording_that_is_complete_is_not_paid_again(tmp_path: Path) -> None:
    path = Path(copy(OLD / "traces.jsonl", tmp_path))
    nobody = scripted()
    recording = recorded_again(path, nobody, nobody)
    assert (recording.already_there, recording.recorded) == (2, 0)
    assert nobody.asked == []
    assert path.read_bytes() == (OLD / "traces.jsonl").read_bytes()


def test_a_recording_with_other_settings_is_still_refused(tmp_path: Path) -> None:
    path = Path(copy(OLD / "traces.jsonl", tmp_path))
    with pytest.raises(ValueError, match=r"temperature=0\.7.*temperature=0\.2"):
        recorded_again(path, scripted(), scripted(), temperature=0.2)


def test_a_recording_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    path = Path(copy(OLD / "broken_off.jsonl", tmp_path))
    beside = Path(copy(OLD / "broken_off.jsonl.partial", tmp_path))
    (paid,) = read_traces(beside)
    model, judge = scripted(*["The product is 126."] * 3), scripted(*[PASS] * 3)
    recording = recorded_again(path, model, judge)
    assert (recording.already_there, recording.recorded, recording.attempts) == (1, 1, 3)
    assert (len(model.asked), len(judge.asked)) == (3, 3)
    _, trace = read_traces(path)
    kept = [{**attempt, "correct": None} for attempt in trace["attempts"][:3]]
    assert kept == paid["attempts"]
    assert [attempt["text"] for attempt in trace["attempts"][3:]] == ["The product is 126."] * 3
    assert not beside.exists()


# Threads.


@contextmanager
def saver_of(name: str, folder: Path):
    """A checkpointer with the threads of a file, which stays as it is."""
    with SqliteSaver.from_conn_string(str(copy(OLD / name, folder))) as saver:
        yield saver


def texts(state: dict[str, Any]) -> list[str]:
    return [message.text for message in state["messages"]]


def calls(usage: dict[str, Any]) -> dict[str, int]:
    """Calls by purpose; each has read 7 tokens and written 3."""
    for cost in usage.values():
        expected = {"input_tokens": 7 * cost["calls"], "output_tokens": 3 * cost["calls"]}
        assert {**cost, **expected, "unknown": 0} == cost
    return {purpose: cost["calls"] for purpose, cost in usage.items()}


@pytest.mark.parametrize(
    ("where", "asked", "judged"),
    [("before revise", 1, 1), ("in revise", 1, 1), ("in verify_proxy", 0, 1)],
)
def test_a_run_that_was_broken_off_goes_on(
    where: str, asked: int, judged: int, tmp_path: Path
) -> None:
    model, judge = scripted(*[SECOND] * asked), scripted(*[PASS] * judged)
    with saver_of("graph.sqlite", tmp_path) as saver:
        graph = loop(model, judge, saver)
        before = graph.get_state(thread(where)).values
        assert before["attempts"][0]["text"] == FIRST
        assert before["attempts"][0]["score"] == 0.05
        assert before["decision"]["action"] == "revise"
        state = graph.invoke(None, thread(where))
    assert (len(model.asked), len(judge.asked)) == (asked, judged)
    assert state["attempts"][0] == before["attempts"][0]
    assert [attempt["text"] for attempt in state["attempts"]] == [FIRST, SECOND]
    assert [attempt["action"] for attempt in state["attempts"]] == ["generate", "revise"]
    assert [attempt["score"] for attempt in state["attempts"]] == [0.05, 0.95]
    assert state["answer"] == SECOND
    assert texts(state) == [QUESTION, SECOND]
    assert (state["decision"]["action"], state["decision"]["best"]) == ("stop", 1)
    assert calls(state["usage"]) == {"generate": 1, "verify": 2, "revise": 1}
    assert state["error"] is None


def test_the_revision_that_was_due_sees_the_answer_and_its_critique(tmp_path: Path) -> None:
    model = scripted(SECOND)
    with saver_of("graph.sqlite", tmp_path) as saver:
        loop(model, scripted(PASS), saver).invoke(None, thread("before revise"))
    question, answer, critique = model.texts_asked(0)
    assert (question, answer) == (QUESTION, FIRST)
    assert "7 * 3 ends in 1." in critique


def test_the_same_question_is_taken_up_as_well(tmp_path: Path) -> None:
    model, judge = scripted(SECOND), scripted(PASS)
    with saver_of("graph.sqlite", tmp_path) as saver:
        state = loop(model, judge, saver).invoke({"question": QUESTION}, thread("in revise"))
    assert [attempt["text"] for attempt in state["attempts"]] == [FIRST, SECOND]
    assert calls(state["usage"]) == {"generate": 1, "verify": 2, "revise": 1}


async def test_a_run_goes_on_in_an_event_loop(tmp_path: Path) -> None:
    aio = pytest.importorskip("langgraph.checkpoint.sqlite.aio")
    path = str(copy(OLD / "graph.sqlite", tmp_path))
    async with aio.AsyncSqliteSaver.from_conn_string(path) as saver:
        graph = loop(scripted(SECOND), scripted(PASS), saver)
        state = await graph.ainvoke(None, thread("in revise"))
    assert [attempt["text"] for attempt in state["attempts"]] == [FIRST, SECOND]
    assert calls(state["usage"]) == {"generate": 1, "verify": 2, "revise": 1}


async def test_a_run_that_waits_for_a_revision_goes_on_in_a_loop_that_only_draws(
    tmp_path: Path,
) -> None:
    def drawing(saver: Any) -> Any:
        model, judge = scripted(SECOND), JudgeVerifier(scripted(PASS))
        options = OPTIONS | {"actions": ("generate",), "checkpointer": saver}
        return create_markovscale_graph(model, verifier=judge, **options)

    with saver_of("graph.sqlite", tmp_path) as saver:
        states = [drawing(saver).invoke(None, thread("in revise"))]
    path = str(copy(OLD / "graph.sqlite", tmp_path))
    aio = pytest.importorskip("langgraph.checkpoint.sqlite.aio")
    async with aio.AsyncSqliteSaver.from_conn_string(path) as saver:
        states.append(await drawing(saver).ainvoke(None, thread("in revise")))
    for state in states:
        assert [attempt["text"] for attempt in state["attempts"]] == [FIRST, SECOND]
        assert [attempt["action"] for attempt in state["attempts"]] == ["generate", "generate"]
        assert state["answer"] == SECOND


def test_a_human_who_was_asked_may_answer(tmp_path: Path) -> None:
    with saver_of("graph.sqlite", tmp_path) as saver:
        model = scripted(SECOND)
        graph = loop_with(HumanVerifier(), model, saver)
        (asked,) = graph.get_state(thread("waiting")).interrupts
        assert (asked.value["question"], asked.value["answer"]) == (QUESTION, FIRST)
        state = graph.invoke(
            Command(resume={"score": 0.05, "feedback": "Add it up again."}), thread("waiting")
        )
        assert state["__interrupt__"][0].value["answer"] == SECOND
        state = graph.invoke(Command(resume=True), thread("waiting"))
    assert len(model.asked) == 1
    assert [attempt["score"] for attempt in state["attempts"]] == [0.05, 1.0]
    assert state["answer"] == SECOND


def test_a_thread_takes_another_question(tmp_path: Path) -> None:
    with saver_of("graph.sqlite", tmp_path) as saver:
        graph = loop(scripted("2 + 3 = 5"), scripted(PASS), saver)
        state = graph.invoke({"question": "What is 2 + 3?"}, thread("ended"))
    assert texts(state) == [QUESTION, SECOND, "What is 2 + 3?", "2 + 3 = 5"]
    assert len(state["attempts"]) == 1
    assert calls(state["usage"]) == {"generate": 1, "verify": 1}


def told(state: dict[str, Any]) -> dict[str, Any]:
    return state["messages"][-1].response_metadata["markovscale"]


def test_a_turn_of_an_agent_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    model, judge = scripted(SECOND), scripted(PASS)
    with saver_of("agent.sqlite", tmp_path) as saver:
        state = agent(model, judge, saver).invoke(None, thread("in revise"))
    question, call, result, answer, critique = model.texts_asked(0)
    assert (question, call, result, answer) == (QUESTION, "", "391", FIRST)
    assert "7 * 3 ends in 1." in critique
    assert (len(model.asked), len(judge.asked)) == (1, 1)
    assert texts(state) == [QUESTION, "", "391", SECOND]
    assert (told(state)["attempts"], told(state)["reason"]) == (2, "gain_below_cost")
    assert told(state)["error"] is None
    # The first attempt took two calls: one for the tool and one for the answer.
    assert calls(told(state)["usage"]) == {"generate": 2, "verify": 2, "revise": 1}


def test_an_answer_of_an_agent_that_was_not_judged_yet_is_judged(tmp_path: Path) -> None:
    model, judge = scripted(SECOND), scripted(FAIL, PASS)
    with saver_of("agent.sqlite", tmp_path) as saver:
        state = agent(model, judge, saver).invoke(None, thread("in verify"))
    assert (len(model.asked), len(judge.asked)) == (1, 2)
    assert model.texts_asked(0)[3] == FIRST
    assert texts(state) == [QUESTION, "", "391", SECOND]
    assert calls(told(state)["usage"]) == {"generate": 2, "verify": 2, "revise": 1}


def test_a_turn_whose_model_fails_ends_with_the_answer_that_was_paid_before(
    tmp_path: Path,
) -> None:
    model, judge = scripted(ConnectionError("gone")), scripted()
    with saver_of("agent.sqlite", tmp_path) as saver:
        state = agent(model, judge, saver).invoke(None, thread("in revise"))
    assert texts(state) == [QUESTION, "", "391", FIRST]
    assert (told(state)["attempts"], told(state)["reason"]) == (1, "error")
    assert told(state)["error"] == "ConnectionError: gone"


async def test_a_turn_goes_on_in_an_event_loop(tmp_path: Path) -> None:
    aio = pytest.importorskip("langgraph.checkpoint.sqlite.aio")
    path = str(copy(OLD / "agent.sqlite", tmp_path))
    async with aio.AsyncSqliteSaver.from_conn_string(path) as saver:
        graph = agent(scripted(SECOND), scripted(PASS), saver)
        state = await graph.ainvoke(None, thread("in revise"))
    assert texts(state) == [QUESTION, "", "391", SECOND]
    assert calls(told(state)["usage"]) == {"generate": 2, "verify": 2, "revise": 1}


def test_a_thread_of_an_agent_takes_another_question(tmp_path: Path) -> None:
    model = scripted(reply("", multiply={"a": 2, "b": 3}), "2 * 3 = 6")
    with saver_of("agent.sqlite", tmp_path) as saver:
        asked = {"messages": [HumanMessage("What is 2 * 3?")]}
        state = agent(model, scripted(PASS), saver).invoke(asked, thread("ended"))
    assert texts(state)[:4] == [QUESTION, "", "391", SECOND]
    assert texts(state)[4:] == ["What is 2 * 3?", "", "6", "2 * 3 = 6"]
    assert calls(told(state)["usage"]) == {"generate": 2, "verify": 1}
