import asyncio
import json
import sys
import threading
from collections import Counter

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import RetryPolicy, interrupt

from langchain_markovscale import (
    arecord_traces,
    create_markovscale_graph,
    read_traces,
    record_traces,
)
from langchain_markovscale.calibration.sufficient_statistics import collect
from langchain_markovscale.recording.graders import CheckedGrader, MathVerify
from langchain_markovscale.recording.questions import read_questions
from langchain_markovscale.replay.pool import Pool

QUESTIONS = [(f"What is {n} + 0?", str(n)) for n in range(6)]


def recorded_on_a_loop(*args, **kwargs):
    return asyncio.run(arecord_traces(*args, **kwargs))


@pytest.fixture(params=[record_traces, recorded_on_a_loop], ids=["threads", "asyncio"])
def record(request):
    return request.param


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.jsonl"


def partial(path):
    return path.with_name("traces.jsonl.partial")


class Parts:
    """The parts of a loop: the n-th answer to a question ends in n; each may be told to fail."""

    def __init__(self):
        self.calls = Counter()
        self.revised = []
        self.fails = lambda kind, question, number: False
        self._lock = threading.Lock()

    def _call(self, kind, question):
        with self._lock:
            self.calls[kind, question] += 1
            number = self.calls[kind, question]
        if self.fails(kind, question, number):
            raise ConnectionError(f"{kind} is down")
        return number

    def generate(self, request):
        return f"draw {self._call('generate', request['question'])}"

    def revise(self, request):
        number = self._call("revise", request["question"])
        self.revised.append((request["question"], request["answer"], request["feedback"]))
        return f"revision {number}"

    def verify(self, question, answer):
        self._call("verify", question)
        return 0.5, f"not {answer}"

    def total(self, kind):
        return sum(many for (one, _), many in self.calls.items() if one == kind)

    def graph(self, **options):
        return create_markovscale_graph(
            generate=self.generate,
            revise=self.revise,
            verifier=self.verify,
            answer_key="last_number",
            **options,
        )


@pytest.fixture
def parts():
    return Parts()


def texts(trace):
    return [attempt["text"] for attempt in trace["attempts"]]


def by_question(path):
    return {trace["question"]: trace for trace in read_traces(path)}


def test_every_start_is_revised_as_often_as_planned(record, parts, path):
    # A price at which the criterion would never go on: it is not asked.
    graph = parts.graph(cost_per_round=5.0, max_rounds=1)
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


def test_attempts_have_keys_and_labels(record, parts, path):
    record(parts.graph(), [("Q?", "2"), ("Unknown?", None)], path=path, revisions=1)
    known, unknown = by_question(path)["Q?"], by_question(path)["Unknown?"]
    assert known["reference"] == "2"
    assert [one["key"] for one in known["attempts"]] == ["1", "1", "2", "2"]
    assert [one["correct"] for one in known["attempts"]] == [False, False, True, True]
    assert [one["correct"] for one in unknown["attempts"]] == [None] * 4


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
    class Model(FakeListChatModel):
        temperature: float = 0.7

        def _get_ls_params(self, *args, **kwargs):
            return {**super()._get_ls_params(*args, **kwargs), "ls_model_name": "tiny"}

    graph = create_markovscale_graph(Model(responses=["4"]), verifier=lambda answer: 0.5)
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


# Taking up where it was broken off


def test_what_is_there_is_not_recorded_again(record, parts, path):
    first = record(parts.graph(), QUESTIONS[:4], path=path, revisions=1)
    before, calls = path.read_text(), parts.total("generate")
    shuffled = [QUESTIONS[n] for n in (5, 3, 0, 4, 2, 1)]
    second = record(parts.graph(), shuffled, path=path, revisions=1)
    assert path.read_text().startswith(before)
    assert (first.recorded, second.recorded, second.already_there) == (4, 2, 4)
    assert parts.total("generate") - calls == 2 * 2
    assert sorted(by_question(path)) == [question for question, _ in QUESTIONS]


def test_a_question_is_in_the_file_as_soon_as_it_is_finished(record, parts, path):
    seen = []
    verify = parts.verify

    def watching(question, answer):
        seen.append(len(list(read_traces(path))))
        return verify(question, answer)

    parts.verify = watching
    record(parts.graph(), QUESTIONS[:3], path=path, revisions=0, fresh_starts=2, max_concurrency=1)
    # A thread may be one question ahead of the file, which another thread writes.
    if record is record_traces:
        assert seen[-1] >= 1
    else:
        assert seen == [0, 0, 1, 1, 2, 2]


def test_a_half_written_line_is_recorded_again(record, parts, path):
    record(parts.graph(), QUESTIONS[:2], path=path, revisions=1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    recording = record(parts.graph(), QUESTIONS[:2], path=path, revisions=1)
    assert (recording.recorded, recording.already_there) == (1, 1)
    assert len(by_question(path)) == 2


@pytest.mark.parametrize("kind", ["generate", "revise"])
def test_a_failed_question_costs_the_others_nothing_and_goes_on_where_it_was(
    record, parts, path, kind, caplog
):
    bad = QUESTIONS[2][0]
    parts.fails = lambda one, question, number: (one, question, number) == (kind, bad, 2)
    first = record(parts.graph(), QUESTIONS, path=path, revisions=2)
    assert first.recorded == 5
    assert list(first.failed.values()) == [f"ConnectionError: {kind} is down"]
    assert "5 questions recorded" in str(first)
    assert "1 question failed" in str(first)
    assert f"failed: ConnectionError: {kind} is down" in caplog.text
    (kept,) = read_traces(partial(path))
    made = {"generate": 3, "revise": 2}[kind]
    assert len(kept["attempts"]) == made

    second = record(parts.graph(), QUESTIONS, path=path, revisions=2)
    assert (second.recorded, second.already_there, second.failed) == (1, 5, {})
    assert second.attempts == 6 - made
    assert parts.calls["generate", bad] + parts.calls["revise", bad] == 6 + 1
    assert texts(by_question(path)[bad])[:made] == texts(kept)
    assert not partial(path).exists()


def test_an_attempt_whose_verification_failed_is_verified_later(record, parts, path):
    question = QUESTIONS[0][0]
    parts.fails = lambda kind, _, number: (kind, number) == ("verify", 4)
    assert record(parts.graph(), QUESTIONS[:1], path=path, revisions=1).failed
    (kept,) = read_traces(partial(path))
    assert [one["score"] for one in kept["attempts"]] == [0.5, 0.5, 0.5, None]

    again = record(parts.graph(), QUESTIONS[:1], path=path, revisions=1)
    assert (again.recorded, again.attempts) == (1, 0)
    assert [one["score"] for one in by_question(path)[question]["attempts"]] == [0.5] * 4
    assert parts.calls["verify", question] == 5


def test_attempts_that_could_not_be_graded_are_graded_later(record, parts, path):
    def out_of_order(answer, reference):
        raise RuntimeError("no grades today")

    first = record(parts.graph(), QUESTIONS[:1], path=path, revisions=1, grader=out_of_order)
    assert list(first.failed.values()) == ["RuntimeError: no grades today"]
    calls = dict(parts.calls)
    second = record(parts.graph(), QUESTIONS[:1], path=path, revisions=1)
    assert (second.recorded, second.attempts) == (1, 0)
    assert parts.calls == calls
    assert {one["correct"] for one in next(read_traces(path))["attempts"]} == {False}


def test_a_question_without_any_attempt_leaves_nothing_behind(record, parts, path):
    parts.fails = lambda *_: True
    recording = record(parts.graph(), QUESTIONS[:2], path=path, revisions=1)
    assert (recording.recorded, len(recording.failed)) == (0, 2)
    assert path.read_text() == ""
    assert not partial(path).exists()


def test_of_attempts_by_another_plan_what_fits_is_used(record, parts, path):
    parts.fails = lambda kind, _, number: (kind, number) == ("revise", 3)
    record(parts.graph(), QUESTIONS[:1], path=path, revisions=2)
    parts.fails = lambda *_: False
    record(parts.graph(), QUESTIONS[:1], path=path, revisions=1)
    # Kept were a draw, two revisions and a draw; a draw and one revision fit.
    assert texts(next(read_traces(path))) == ["draw 1", "revision 1", "draw 3", "revision 4"]


def test_half_a_chain_whose_documents_are_lost_is_made_again(record, path):
    fails = [True]

    def revise(request):
        assert request["context"] == {"document": "page"}
        if fails and len(request["attempts"]) == 4:
            fails.clear()
            raise ConnectionError("down")
        return "5"

    graph = create_markovscale_graph(
        generate=lambda _: {"answer": "4", "document": "page"},
        revise=revise,
        verifier=lambda answer: 0.5,
    )
    assert record(graph, QUESTIONS[:1], path=path, revisions=2, grader="exact").failed
    assert len(next(read_traces(partial(path)))["attempts"]) == 3
    assert record(graph, QUESTIONS[:1], path=path, revisions=2, grader="exact").attempts == 3


def test_the_retry_policy_of_the_graph_holds(record, parts, path):
    parts.fails = lambda kind, question, number: number == 1
    policy = RetryPolicy(initial_interval=0, jitter=False)
    recording = record(parts.graph(retry_policy=policy), QUESTIONS, path=path, revisions=1)
    assert (recording.recorded, recording.failed) == (6, {})


@pytest.mark.parametrize(("kind", "number"), [("generate", 2), ("verify", 4)])
async def test_a_cancelled_recording_keeps_what_it_has(parts, path, kind, number):
    reached = asyncio.Event()
    blocked = getattr(parts, kind)

    async def until_cancelled(*args, **kwargs):
        said = blocked(*args, **kwargs)
        if parts.total(kind) == number:
            reached.set()
            await asyncio.Event().wait()
        return said

    async def verify(question, answer):
        return await until_cancelled(question, answer)

    setattr(parts, kind, verify if kind == "verify" else until_cancelled)
    graph = parts.graph()
    task = asyncio.create_task(arecord_traces(graph, QUESTIONS[:1], path=path, revisions=1))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (kept,) = read_traces(partial(path))
    made = {"generate": 2, "verify": 4}[kind]
    assert texts(kept) == ["draw 1", "revision 1", "draw 2", "revision 2"][:made]

    recording = await arecord_traces(graph, QUESTIONS[:1], path=path, revisions=1)
    assert (recording.recorded, recording.attempts) == (1, 4 - made)
    assert [one["score"] for one in next(read_traces(path))["attempts"]] == [0.5] * 4


def test_a_loop_that_waits_for_somebody_has_failed(record, parts, path):
    parts.verify = lambda answer: interrupt("Is it right?")
    recording = record(parts.graph(), QUESTIONS[:1], path=path, revisions=1)
    assert (recording.recorded, recording.attempts) == (0, 1)
    assert "has paused" in str(recording)


# Many at a time


def test_so_many_questions_run_at_a_time(record, path):
    running, most = set(), [0]
    together = threading.Barrier(3)

    async def agenerate(request):
        running.add(request["question"])
        most[0] = max(most[0], len(running))
        await asyncio.sleep(0.001)
        running.discard(request["question"])
        return "4"

    def generate(request):
        # Breaks, and fails the question, if fewer than three come at a time.
        running.add(request["question"])
        most[0] = max(most[0], len(running))
        together.wait(timeout=10)
        running.discard(request["question"])
        return "4"

    draw = generate if record is record_traces else agenerate
    graph = create_markovscale_graph(generate=draw, revise=draw, verifier=lambda answer: 0.5)
    options = {"revisions": 0, "fresh_starts": 2, "max_concurrency": 3, "grader": "exact"}
    recording = record(graph, QUESTIONS, path=path, **options)
    assert recording.failed == {}
    assert most == [3]


async def test_threads_are_welcome_where_a_loop_is_running(parts, path):
    assert record_traces(parts.graph(), QUESTIONS, path=path, revisions=1).recorded == 6


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
    assert "None is right: do the answer key and the grader fit" in str(recording)


def test_a_bar_shows_the_attempts(record, parts, path, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    record(parts.graph(), QUESTIONS, path=path, revisions=1, progress=True)
    assert "24/24" in capsys.readouterr().err


def test_a_bar_needs_its_extra(parts, path, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ModuleNotFoundError, match="tqdm"):
        record_traces(parts.graph(), QUESTIONS, path=path, progress=True)
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
