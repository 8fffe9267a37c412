"""A recording that was broken off goes on where it was."""

import asyncio
import os
from itertools import count

import pytest
from langgraph.types import RetryPolicy, interrupt
from recorded_parts import QUESTIONS, by_question, texts

from langchain_markovscale import (
    arecord_traces,
    create_markovscale_graph,
    read_traces,
    record_traces,
)
from langchain_markovscale.recording.attempt_journal import AttemptJournal


def partial(path):
    return path.with_name("traces.jsonl.partial")


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
    if record.__name__ == "recorded_in_threads":
        assert seen[-1] >= 1
    else:
        assert seen == [0, 0, 1, 1, 2, 2]


@pytest.fixture
def noted(path, monkeypatch):
    """What the journal holds of a question after each time that something is written down."""
    note, attempts = AttemptJournal.note, []

    def noting(journal, trace, first=0):
        note(journal, trace, first)
        (read,) = AttemptJournal(partial(path)).traces.values()
        attempts.append(read["attempts"])

    monkeypatch.setattr(AttemptJournal, "note", noting)
    return attempts


def each_of(noted, field):
    return [[attempt[field] for attempt in attempts] for attempts in noted]


UNPAID = {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 0}


@pytest.mark.parametrize(
    ("usage", "scores_noted"),
    [
        (None, [[None], [0.5, None]]),  # a function, which gives its verdict at once
        (UNPAID | {"output_tokens": 1}, [[None], [0.5], [0.5, None], [0.5, 0.5]]),
        (UNPAID | {"unknown": 1}, [[None], [0.5], [0.5, None], [0.5, 0.5]]),
    ],
    ids=["at once", "tokens", "unknown"],
)
def test_all_that_is_paid_for_is_written_down_at_once(record, path, noted, usage, scores_noted):
    verdict = {"score": 0.5, "feedback": None, "usage": usage}
    graph = create_markovscale_graph(
        generate=lambda request: "4", revise=lambda request: "5", verifier=lambda answer: verdict
    )
    record(graph, QUESTIONS[:1], path=path, revisions=1, fresh_starts=1, grader="exact")
    assert each_of(noted, "score") == scores_noted
    assert [attempt["score"] for attempt in next(read_traces(path))["attempts"]] == [0.5, 0.5]


def test_a_verdict_that_took_its_time_is_written_down_at_once(path, noted, monkeypatch):
    clock = count()
    monkeypatch.setattr(
        "langchain_markovscale.recording.question_run.monotonic", lambda: next(clock)
    )
    graph = create_markovscale_graph(
        generate=lambda request: "4", revise=lambda request: "5", verifier=lambda answer: 0.5
    )
    record_traces(graph, QUESTIONS[:1], path=path, revisions=0, fresh_starts=1, grader="exact")
    assert each_of(noted, "score") == [[None], [0.5]]


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
    assert record(parts.graph(), QUESTIONS[:1], path=path, revisions=1, fresh_starts=2).failed
    (kept,) = read_traces(partial(path))
    assert [one["score"] for one in kept["attempts"]] == [0.5, 0.5, 0.5, None]

    again = record(parts.graph(), QUESTIONS[:1], path=path, revisions=1, fresh_starts=2)
    assert (again.recorded, again.attempts) == (1, 0)
    assert [one["score"] for one in by_question(path)[question]["attempts"]] == [0.5] * 4
    assert parts.calls["verify", question] == 5


def test_attempts_that_could_not_be_graded_are_graded_later(record, parts, path):
    def out_of_order(answer, reference):
        raise RuntimeError("no grades today")

    first = record(parts.graph(), QUESTIONS[:1], path=path, revisions=1, grader=out_of_order)
    assert list(first.failed.values()) == ["RuntimeError: no grades today"]
    calls = dict(parts.calls)
    second = record(parts.graph(), QUESTIONS[:1], path=path, revisions=1, fresh_starts=2)
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
    record(parts.graph(), QUESTIONS[:1], path=path, revisions=1, fresh_starts=2)
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


def test_chains_with_documents_are_written_down_whole(record, path, noted):
    graph = create_markovscale_graph(
        generate=lambda request: {"answer": "4", "documents": ["a sum"]},
        revise=lambda request: "5",
        verifier=lambda answer: 0.5,
    )
    record(graph, QUESTIONS[:1], path=path, revisions=1, fresh_starts=3, grader="exact")
    assert each_of(noted, "parent") == [[None, 0], [None, 0, None, 2], [None, 0, None, 2, None, 4]]


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
    task = asyncio.create_task(
        arecord_traces(graph, QUESTIONS[:1], path=path, revisions=1, fresh_starts=2)
    )
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (kept,) = read_traces(partial(path))
    made = {"generate": 2, "verify": 4}[kind]
    assert texts(kept) == ["draw 1", "revision 1", "draw 2", "revision 2"][:made]

    recording = await arecord_traces(graph, QUESTIONS[:1], path=path, revisions=1, fresh_starts=2)
    assert (recording.recorded, recording.attempts) == (1, 4 - made)
    assert [one["score"] for one in next(read_traces(path))["attempts"]] == [0.5] * 4


def test_a_loop_that_waits_for_somebody_has_failed(record, parts, path):
    parts.verify = lambda answer: interrupt("Is it right?")
    recording = record(parts.graph(), QUESTIONS[:1], path=path, revisions=1, fresh_starts=2)
    assert (recording.recorded, recording.attempts) == (0, 1)
    assert "has paused" in str(recording)


def test_ctrl_c_while_a_question_is_written_does_not_write_it_twice(parts, path, monkeypatch):
    def interrupted(descriptor):
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            monkeypatch.undo()
            raise KeyboardInterrupt

    monkeypatch.setattr("langchain_markovscale.traces.trace.os.fsync", interrupted)
    # A second passes between any two looks at the clock, so that every line goes to the disk.
    monkeypatch.setattr("langchain_markovscale.traces.trace.monotonic", count(step=2).__next__)
    with pytest.raises(KeyboardInterrupt):
        record_traces(
            parts.graph(), QUESTIONS, path=path, revisions=1, fresh_starts=2, max_concurrency=1
        )
    names = [trace["question"] for trace in read_traces(path)]
    assert names
    assert len(names) == len(set(names))
