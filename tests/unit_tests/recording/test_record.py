import asyncio
import json
import sys
import threading
from collections import Counter

import numpy as np
import pytest
from fakes import ScriptedModel, reply
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph
from meanings import CLOSED, ENDED, RENT, SHUT, Meanings
from recorded_parts import QUESTIONS, Parts, by_question, texts

from langchain_markovscale import (
    SemanticKey,
    create_markovscale_graph,
    read_traces,
    record_traces,
)
from langchain_markovscale.calibration.sufficient_statistics import collect
from langchain_markovscale.recording.graders import CheckedGrader, MathVerify
from langchain_markovscale.recording.questions import read_questions
from langchain_markovscale.recording.schedule import Schedule
from langchain_markovscale.replay.pool import Pool


def test_every_start_is_revised_as_often_as_planned(record, parts, path):
    # A price at which the criterion would never go on: it is not asked.
    graph = parts.graph(cost_per_round=0.49, max_rounds=1)
    record(graph, QUESTIONS[:1], path=path, revisions=2, fresh_starts=2)
    (trace,) = read_traces(path)
    assert texts(trace) == [
        "draw 1",
        "revision 1",
        "revision 2",
        "draw 2",
        "revision 3",
        "revision 4",
    ]
    assert [one["parent"] for one in trace["attempts"]] == [None, 0, 1, None, 3, 4]
    assert [one["score"] for one in trace["attempts"]] == [0.5] * 6
    assert [(answer, told) for _, answer, told in parts.revised] == [
        ("draw 1", "not draw 1"),
        ("revision 1", "not revision 1"),
        ("draw 2", "not draw 2"),
        ("revision 3", "not revision 3"),
    ]


def test_an_agent_may_take_more_steps_than_the_recording_does(record, path):
    def count_down(left: int) -> str:
        """Count down."""
        return str(left)

    calls = [reply("", count_down={"left": left}) for left in range(20)]
    agent = create_agent(ScriptedModel(script=[*calls, "4"]), [count_down])
    graph = create_markovscale_graph(
        generate=agent, verifier=lambda answer: 0.5, actions=("generate",)
    )
    options = {"revisions": 0, "fresh_starts": 1, "answer_key": "text"}
    record(graph, [("What is 2 + 2?", "4")], path=path, **options)
    assert [texts(trace) for trace in read_traces(path)] == [["4"]]


def test_attempts_have_keys_and_labels(record, parts, path):
    record(parts.graph(), [("Q?", "2"), ("Unknown?", None)], path=path, revisions=1)
    known, unknown = by_question(path)["Q?"], by_question(path)["Unknown?"]
    assert known["reference"] == "2"
    assert [one["key"] for one in known["attempts"]] == ["1", "1", "2", "2"]
    assert [one["correct"] for one in known["attempts"]] == [False, False, True, True]
    assert [one["correct"] for one in unknown["attempts"]] == [None] * 4


def test_answers_in_other_words_are_recorded_as_equal_and_right(record, path):
    threads = set()

    class Watched(Meanings):
        def embed_documents(self, texts):
            threads.add(threading.current_thread())
            return super().embed_documents(texts)

    answers = iter([SHUT, RENT, CLOSED])
    graph = create_markovscale_graph(
        generate=lambda request: next(answers),
        verifier=None,
        answer_key=SemanticKey(Watched({CLOSED, SHUT, ENDED}), threshold=0.9),
        actions=("generate",),
    )
    record(graph, [("Why?", ENDED)], path=path, revisions=0, fresh_starts=3)
    (trace,) = read_traces(path)
    assert [one["key"] for one in trace["attempts"]] == [SHUT, RENT, SHUT]
    assert [one["correct"] for one in trace["attempts"]] == [True, False, True]
    assert threading.main_thread() not in threads


def test_the_traces_are_what_a_fit_needs(record, parts, path):
    record(parts.graph(), QUESTIONS, path=path, revisions=3, fresh_starts=2)
    statistics = collect(read_traces(path))
    assert (statistics.n_questions, statistics.attempts) == (6, 48)
    assert (statistics.several_starts, statistics.depths) == (6, 3)


def test_parts_will_do_instead_of_a_graph(record, parts, path):
    recording = record(
        {"generate": parts.generate, "revise": parts.revise, "verifier": parts.verify},
        QUESTIONS,
        path=path,
        grader="exact",
        revisions=1,
    )
    assert (recording.recorded, recording.attempts, recording.failed) == (6, 24, {})


def test_a_loop_that_cannot_revise_is_recorded_without_revisions(record, parts, path):
    graph = parts.graph(actions=("generate",))
    record(graph, QUESTIONS[:1], path=path, revisions=0, fresh_starts=3)
    assert texts(next(read_traces(path))) == ["draw 1", "draw 2", "draw 3"]


def test_documents_go_to_the_reviser_of_their_draw(record, path):
    seen = []

    def retrieve(request):
        number = len(seen) // 2
        return {"answer": "4", "documents": [Document(f"page {number}")]}

    def revise(request):
        seen.append(request["context"]["documents"][0].page_content)
        return "5"

    graph = create_markovscale_graph(generate=retrieve, revise=revise, verifier=lambda answer: 0.5)
    record(graph, QUESTIONS[:1], path=path, revisions=2, fresh_starts=2, grader="exact")
    assert seen == ["page 0", "page 0", "page 1", "page 1"]


def test_a_trace_tells_which_model_made_it(record, path):
    class Model(ScriptedModel):
        temperature: float = 0.7

    model = Model(script=["4"], repeat=True, model_name="tiny")
    graph = create_markovscale_graph(model, verifier=lambda answer: 0.5)
    record(graph, [("What is 2 + 2?", None)], path=path, revisions=1, metadata={"site": "lab"})
    (trace,) = read_traces(path)
    told = trace["metadata"]
    assert told["models"]["generate"] == {"model": "tiny", "temperature": 0.7}
    assert told["models"]["revise"] == told["models"]["generate"]
    assert (told["revisions"], told["fresh_starts"], told["site"]) == (1, 2, "lab")
    assert told["recorded"].startswith("20")


# What the verifier took


class Judge:
    """A verifier whose calls report so many tokens, or nothing."""

    def __init__(self, written):
        self.written = written

    def __call__(self, request):
        usage = {"calls": 1, "input_tokens": 200, "output_tokens": self.written or 0, "unknown": 0}
        if self.written is None:
            usage = {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 1}
        return {"score": 0.5, "feedback": None, "usage": usage}


@pytest.mark.parametrize(("written", "known"), [(7, 7.0), (0, 0.0), (None, None)])
def test_a_trace_tells_what_a_verification_takes_as_a_comparison_reads_it(
    record, path, written, known
):
    parts = Parts()
    graph = create_markovscale_graph(
        generate=parts.generate,
        revise=parts.revise,
        verifier=RunnableLambda(Judge(written)),
        answer_key="last_number",
    )
    record(graph, QUESTIONS[:2], path=path, revisions=2, fresh_starts=2)
    traces = list(read_traces(path))
    assert [trace["metadata"].get("verification_tokens") for trace in traces] == [known, known]
    assert [question.verification_tokens for question in Pool(traces)] == [known, known]


def test_what_a_verification_takes_is_known_after_a_recording_was_taken_up(record, path):
    parts = Parts()
    judge = Judge(6)
    graph = create_markovscale_graph(
        generate=parts.generate,
        revise=parts.revise,
        verifier=RunnableLambda(judge),
        answer_key="last_number",
    )
    parts.fails = lambda kind, question, number: kind == "revise" and number == 2
    record(graph, QUESTIONS[:1], path=path, revisions=3, fresh_starts=1)
    assert list(read_traces(path)) == []
    parts.fails = lambda kind, question, number: False
    judge.written = 9
    record(graph, QUESTIONS[:1], path=path, revisions=3, fresh_starts=1)
    (trace,) = read_traces(path)
    assert trace["metadata"]["verification_tokens"] == pytest.approx((6 + 6 + 9 + 9) / 4)


# Many at a time


def test_so_many_questions_run_at_a_time(record, path):
    running, most = set(), [0]
    together, awaited = threading.Barrier(3), asyncio.Barrier(3)

    async def agenerate(request):
        running.add(request["question"])
        most[0] = max(most[0], len(running))
        # Breaks, and fails the question, if fewer than three come at a time.
        await asyncio.wait_for(awaited.wait(), 10)
        running.discard(request["question"])
        return "4"

    def generate(request):
        running.add(request["question"])
        most[0] = max(most[0], len(running))
        together.wait(timeout=10)
        running.discard(request["question"])
        return "4"

    draw = generate if record.__name__ == "recorded_in_threads" else agenerate
    graph = create_markovscale_graph(generate=draw, revise=draw, verifier=lambda answer: 0.5)
    options = {"revisions": 0, "fresh_starts": 2, "max_concurrency": 3, "grader": "exact"}
    recording = record(graph, QUESTIONS, path=path, **options)
    assert recording.failed == {}
    assert most == [3]


async def test_threads_are_welcome_where_a_loop_is_running(parts, path):
    assert (
        record_traces(parts.graph(), QUESTIONS, path=path, revisions=1, fresh_starts=2).recorded
        == 6
    )


def test_math_verify_is_called_where_it_can_keep_time(record, parts, path, monkeypatch):
    def threads_of(grader):
        seen = set()

        def watching(self, answer, reference):
            seen.add(threading.current_thread())
            return True

        monkeypatch.setattr(type(grader), "__call__", watching)
        path.unlink(missing_ok=True)
        assert record(parts.graph(), [("Q?", "2")], path=path, revisions=0, grader=grader).recorded
        return seen

    assert threads_of(MathVerify()) == {threading.main_thread()}
    # Somebody's own may be slow, and holds up nobody.
    assert threading.main_thread() not in threads_of(CheckedGrader(lambda *_: True))


# What is said


def test_answers_without_keys_are_not_graded_by_accident(record, path):
    asked = []
    graph = create_markovscale_graph(
        generate=lambda request: asked.append(request) or 'The answer to "2+2" is 4.',
        verifier=lambda answer: 0.5,
        actions=("generate",),
    )
    with pytest.raises(ValueError, match=r"answer_key='last_number'.*grader="):
        record(graph, [("What is 2+2?", "4")], path=path, revisions=0)
    assert (asked, path.exists()) == ([], False)
    record(graph, [("What is 2+2?", "4")], path=path, revisions=0, answer_key="last_number")
    assert [one["correct"] for one in next(read_traces(path))["attempts"]] == [True, True]


def test_the_last_line_counts_what_there_is_to_learn_from(record, parts, path):
    recording = record(parts.graph(), [("Q?", "2"), ("Unknown?", None)], path=path, revisions=1)
    assert "8 attempts: 8 with a key, 8 with a score, 4 with a label, 2 right." in str(recording)


def test_a_recording_in_which_nothing_is_right_asks_why(record, parts, path):
    recording = record(parts.graph(), [("Q?", "17")], path=path, revisions=1)
    assert "None is right: check that the answer key and the grader fit" in str(recording)


def test_a_bar_shows_the_attempts(record, parts, path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    record(parts.graph(), QUESTIONS, path=path, revisions=1, progress=True)
    assert "24/24" in capsys.readouterr().err


def test_a_bar_needs_its_extra(parts, path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ModuleNotFoundError, match="tqdm"):
        record_traces(parts.graph(), QUESTIONS, path=path, fresh_starts=2, progress=True)
    assert not parts.calls


def test_nobody_looking_means_no_bar(record, parts, path, capsys):
    record(parts.graph(), QUESTIONS, path=path, revisions=1)
    assert capsys.readouterr().err == ""


def test_lines_are_few_however_many_questions_there_are(record, parts, path, capsys):
    questions = [(f"{n}?", "1") for n in range(120)]
    parts.fails = lambda kind, question, number: question == "7?"
    record(parts.graph(), questions, path=path, revisions=0, fresh_starts=1, progress=True)
    lines = capsys.readouterr().err.splitlines()
    lines = [line for line in lines if line.startswith("recording: ")]
    assert [int(line.split()[1].split("/")[0]) for line in lines] == list(range(3, 121, 3))
    assert "120/120 questions, 1 failed, 119/119 attempts" in lines[-1]


def test_one_fresh_start_is_advised_against(record, parts, path, caplog):
    record(parts.graph(), QUESTIONS[:1], path=path, revisions=1, fresh_starts=1)
    assert "record at least two" in caplog.text


@pytest.mark.parametrize(("answers", "warned"), [(["4"], True), (["4", "5"], False)])
def test_draws_that_are_always_the_same_are_noticed(path, caplog, answers, warned):
    questions = [(f"{n}?", "4") for n in range(12)]
    turns = Counter()

    def draw(request):
        turns[request["question"]] += 1
        return answers[turns[request["question"]] % len(answers)]

    graph = create_markovscale_graph(generate=draw, revise=draw, verifier=lambda answer: 0.5)
    record_traces(graph, questions, path=path, revisions=0, grader="exact")
    assert ("word for word the same" in caplog.text) == warned


# Wrong input, before anything is paid for


def other_graph():
    return (
        StateGraph(MessagesState).add_node("chat", lambda _: {}).add_edge(START, "chat").compile()
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"dataset": []}, "dataset holds no question"),
        ({"dataset": "What is 2 + 2?"}, "dataset must be several questions"),
        ({"dataset": [7]}, r"dataset\[0\] must be a pair"),
        ({"dataset": [("ok", "1"), (" ", "1")]}, r"dataset\[1\] must have a question with text"),
        ({"dataset": [{"question": "?", "reference": ["a"]}]}, "one string or number"),
        ({"dataset": [{"question": "?", "reference": True}]}, "one string or number"),
        (
            {"dataset": [{"id": "a", "question": "?"}, {"id": "a", "question": "!"}]},
            "id 'a' twice",
        ),
        ({"dataset": [{"question": "?", "features": 7}]}, "features must be"),
        ({"dataset": [("?", "seven")]}, "reference 'seven' has no key"),
        ({"metadata": {"model": object()}}, "no form in JSON"),
        ({"revisions": -1}, "revisions must be a whole number of at least 0, got -1"),
        ({"revisions": 1.5}, "revisions must be a whole number"),
        ({"fresh_starts": 0}, "fresh_starts must be a whole number of at least 1"),
        ({"max_concurrency": 0}, "max_concurrency must be at least 1"),
        ({"grader": "judge"}, "unknown grader 'judge'"),
        ({"graph_or_parts": "gpt"}, "graph_or_parts must be"),
        ({"graph_or_parts": other_graph(), "grader": "exact"}, "has no node 'generate'"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_paid_for(
    record, parts, path, change, complaint
):
    arguments = {"graph_or_parts": parts.graph(), "dataset": QUESTIONS, "path": path} | change
    with pytest.raises(ValueError, match=complaint):
        record(**arguments)
    assert not parts.calls
    assert not path.exists()


def test_an_unknown_option_is_named_with_the_one_that_is_meant(record, parts, path):
    with pytest.raises(
        TypeError,
        match=r"^a?record_traces\(\) got an unexpected keyword argument 'revision'\. "
        r"Did you mean 'revisions'\?$",
    ):
        record(parts.graph(), QUESTIONS, path=path, revision=1)
    assert not parts.calls
    assert not path.exists()


def test_a_recording_needs_a_path(record, parts):
    with pytest.raises(TypeError, match=r"^a?record_traces\(\) needs path, the JSONL file"):
        record(parts.graph(), QUESTIONS)


def test_revisions_need_a_reviser(record, parts, path):
    with pytest.raises(ValueError, match=r"no node 'revise'.*revisions=0"):
        record(parts.graph(actions=("generate",)), QUESTIONS, path=path)


def test_another_question_under_the_same_id_is_refused(record, parts, path):
    record(parts.graph(), [{"id": "a", "question": "one?"}], path=path, revisions=0)
    with pytest.raises(ValueError, match=r"another question under the id 'a': 'one\?'"):
        record(parts.graph(), [{"id": "a", "question": "two?"}], path=path, revisions=0)


def test_a_file_of_something_else_is_refused_and_stays(record, parts, path):
    path.write_text('{"question": "?", "answer": "4"}\n')
    with pytest.raises(ValueError, match="line 1: id must be a string"):
        record(parts.graph(), QUESTIONS, path=path)
    assert path.read_text() == '{"question": "?", "answer": "4"}\n'


# Question sets in files


def test_questions_come_from_a_file(tmp_path):
    path = tmp_path / "questions.jsonl"
    records = [
        {"question": "a?", "reference": "1", "id": 7, "features": {"kind": "sum"}},
        {"question": "b?", "answer": 2},
        {"question": "b?"},
    ]
    path.write_text("\ufeff" + "\n\n".join(map(json.dumps, records)), encoding="utf-8")
    a, b, again = read_questions(path)
    assert a == ("7", "a?", "1", {"kind": "sum"})
    assert b[1:] == ("b?", "2", None)
    assert again.id == f"{b.id}-2"


def test_fields_may_have_other_names(tmp_path):
    path = tmp_path / "questions.jsonl"
    path.write_text('{"problem": "a?", "solution": "1", "answer": "x"}\n')
    (one,) = read_questions(path, question_field="problem", reference_field="solution")
    assert (one.text, one.reference) == ("a?", "1")


@pytest.mark.parametrize("line", ["[1, 2]", "7", "{", '{"answer": "4"}'])
def test_a_line_that_is_no_question_is_named(tmp_path, line):
    path = tmp_path / "questions.jsonl"
    path.write_text(f'{{"question": "a?"}}\n{line}\n')
    with pytest.raises(ValueError, match=r"questions.jsonl, line 2"):
        read_questions(path)


def test_a_schedule_takes_numpys_integers():
    schedule = Schedule(revisions=np.int64(2), fresh_starts=np.int32(3))
    assert schedule == Schedule(revisions=2, fresh_starts=3)
    assert {type(schedule.revisions), type(schedule.fresh_starts)} == {int}
