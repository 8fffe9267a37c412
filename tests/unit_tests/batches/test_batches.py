import asyncio
import json
from collections import Counter

import pytest
from batch_apis import BatchApis
from openai import AsyncOpenAI, OpenAI

from langchain_markovscale import (
    BatchChatModel,
    JudgeVerifier,
    arecord_in_batches,
    read_traces,
    record_in_batches,
)
from langchain_markovscale.batches.job_journal import JobJournal
from langchain_markovscale.batches.services import JobRefusedError, OpenAIBatches, Request, in_jobs

QUESTIONS = [(f"What is {n} + 0?", str(n)) for n in range(4)]


def asked_in(body):
    """The last message of a request."""
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else content[-1]["text"]


def beside(path, what):
    return path.with_name(f"{path.name}.{what}")


def is_judge(body):
    return "VERDICT" in json.dumps(body)


@pytest.fixture(params=["openai", "anthropic"])
def apis(request):
    drawn = Counter()

    def answer(body):
        if is_judge(body):
            return "VERDICT: PASS\nPROBABILITY: 0.8"
        drawn["answers"] += 1
        return f"Draw {drawn['answers']}: the answer is {drawn['answers'] % 2}."

    apis = BatchApis(answer)
    apis.kind = request.param
    yield apis
    apis.close()


@pytest.fixture(autouse=True)
def _no_wait_for_more_calls(monkeypatch):
    monkeypatch.setattr("langchain_markovscale.batches.job_queue._TOGETHER", 0.002)


@pytest.fixture(scope="module")
def clients():
    """One of each: it reads the certificates of the web, which takes longer than a test."""
    from anthropic import Anthropic  # it takes a second, which one worker of all has to spend

    return {
        kind: new(api_key="none") for kind, new in (("openai", OpenAI), ("anthropic", Anthropic))
    }


@pytest.fixture
def client(apis, clients):
    path = "/v1" if apis.kind == "openai" else ""
    return clients[apis.kind].with_options(base_url=f"{apis.url}{path}", max_retries=2)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "traces.jsonl"


@pytest.fixture
def record(client, path):
    def record(questions=QUESTIONS, **options):
        options = {
            "model": "small",
            "answer_key": "last_number",
            "revisions": 1,
            "fresh_starts": 2,
            "poll_seconds": 0,
        } | options
        return record_in_batches(client, questions, path, **options)

    return record


def kinds_of_jobs(apis):
    return [
        Counter("judge" if is_judge(body) else "draw" for body in job.values())
        for job in apis.jobs.values()
    ]


def test_all_draws_are_one_job_then_all_verdicts_then_all_revisions(apis, record, path):
    recording = record()
    assert (recording.recorded, recording.attempts, recording.failed) == (4, 16, {})
    assert kinds_of_jobs(apis) == [{"draw": 8}, {"judge": 8}, {"draw": 8}, {"judge": 8}]
    traces = list(read_traces(path))
    assert sorted(trace["question"] for trace in traces) == [text for text, _ in QUESTIONS]
    for trace in traces:
        attempts = trace["attempts"]
        assert [each["parent"] for each in attempts] == [None, 0, None, 2]
        assert [each["score"] for each in attempts] == [0.8] * 4
        assert [each["correct"] for each in attempts] == [
            each["key"] == trace["reference"] for each in attempts
        ]
        assert attempts[0]["usage"]["generate"]["input_tokens"] == 20
        assert attempts[0]["usage"]["verify"]["output_tokens"] == 5
        assert trace["metadata"]["fresh_starts"] == 2
    texts = [each["text"] for trace in traces for each in trace["attempts"]]
    assert len(set(texts)) == 16  # each start has answers of its own


def test_nothing_is_left_beside_the_traces_but_the_ids_of_the_jobs(apis, record, path):
    record()
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "traces.jsonl",
        "traces.jsonl.jobs",
    ]
    lines = [json.loads(line) for line in beside(path, "jobs").read_text().splitlines()]
    assert [line["id"] for line in lines[1:]] == list(apis.jobs)
    record()  # everything is there already
    assert len(apis.jobs) == 4


def test_more_questions_are_added_to_a_file(apis, record, path):
    record(QUESTIONS[:2])
    recording = record()
    assert (recording.recorded, recording.already_there) == (2, 2)
    assert set(apis.asked.values()) == {1}
    assert len(list(read_traces(path))) == 4


@pytest.mark.parametrize("outcome", ["expired", "overloaded"])
def test_what_did_not_succeed_is_asked_again_in_a_later_job(apis, record, outcome):
    apis.outcome = lambda name, body: (
        outcome if apis.asked[name] < 2 and int(name[-1], 16) % 2 else None
    )
    recording = record()
    assert (recording.recorded, recording.failed) == (4, {})
    again = {name for name, times in apis.asked.items() if times == 2}
    assert again == {name for name in apis.asked if int(name[-1], 16) % 2} != set()


def test_a_refused_request_costs_its_question_alone(apis, record, path):
    def outcome(name, body):
        return "refused" if not is_judge(body) and "What is 2" in json.dumps(body) else None

    apis.outcome = outcome
    recording = record()
    (error,) = recording.failed.values()
    assert recording.recorded == 3
    assert "it was refused" in error
    before = dict(apis.asked)
    apis.outcome = lambda name, body: None
    assert record().recorded == 1
    assert len(list(read_traces(path))) == 4
    answered = {name for name, times in before.items() if apis.asked[name] == times}
    refused = before.keys() - answered
    assert len(refused) == 2  # both starts of the question, and nothing that had an answer


class Killed(BaseException):
    """Ends a process where it stands."""


@pytest.mark.parametrize("number", [0, 3])
def test_a_job_whose_id_was_not_noted_is_found_and_not_submitted_twice(
    apis, record, path, monkeypatch, number
):
    submitted, left = JobJournal.submitted, [number]

    def note(journal, job, job_id):
        if not left[0]:
            left[0] = -1
            raise Killed
        left[0] -= 1
        submitted(journal, job, job_id)

    monkeypatch.setattr(JobJournal, "submitted", note)
    with pytest.raises(Killed):
        record()
    assert record().recorded == 4
    assert set(apis.asked.values()) == {1}
    assert kinds_of_jobs(apis) == [{"draw": 8}, {"judge": 8}, {"draw": 8}, {"judge": 8}]


def test_a_process_killed_before_it_submits_submits_afterwards(apis, record, monkeypatch):
    def killed(*args):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("langchain_markovscale.batches.services.OpenAIBatches.submit", killed)
        patch.setattr("langchain_markovscale.batches.services.AnthropicBatches.submit", killed)
        with pytest.raises(Killed):
            record()
    assert not apis.jobs
    assert record().recorded == 4
    assert set(apis.asked.values()) == {1}


@pytest.mark.parametrize(("status", "hours_behind"), [(None, 0), (503, 10)])
def test_a_lost_reply_to_a_submission_submits_nothing_twice(apis, record, status, hours_behind):
    apis.lost, apis.status = 1, status
    apis.now -= hours_behind * 3600
    assert record(QUESTIONS[:2], revisions=0).recorded == 2
    assert set(apis.asked.values()) == {1}


def test_a_job_that_a_service_lists_late_is_not_submitted_twice(apis, record):
    apis.lost, apis.status, apis.listed = 1, 500, False
    with pytest.raises(Exception, match=r"500|server"):
        record(QUESTIONS[:2], revisions=0)
    apis.listed = True
    assert record(QUESTIONS[:2], revisions=0).recorded == 2
    assert set(apis.asked.values()) == {1}


def test_a_process_killed_while_it_keeps_the_replies_fetches_them_again(apis, record, monkeypatch):
    def half(journal, job, replies):
        journal._file.write(b'{"job": "')
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(JobJournal, "ended", half)
        with pytest.raises(Killed):
            record()
    assert record().recorded == 4
    assert set(apis.asked.values()) == {1}


def test_results_come_in_any_order_twice_among_others_and_between_broken_lines(apis, record):
    def sent(lines):
        if not lines:
            return lines
        other = {**json.loads(lines[0]), "custom_id": "another's"}
        failed = {**json.loads(lines[-1]), "response": None, "error": {"code": "batch_expired"}}
        failed["result"] = {"type": "expired"}
        broken = ["null", "[]", '{"custom_id": "x"}', lines[0][: len(lines[0]) // 2], "{"]
        # Only "\n" ends a line, and JSON may have the others in its texts as they are.
        whole = [line.replace("answer is", "answer\u2028\x85is") for line in lines]
        return [json.dumps(failed), *broken, "", json.dumps(other), *reversed(whole), *whole]

    apis.sent = sent
    recording = record()
    assert (recording.recorded, recording.failed) == (4, {})
    assert set(apis.asked.values()) == {1}


@pytest.mark.parametrize("broken", ["half", "empty"])
def test_a_request_whose_result_cannot_be_read_is_made_again(apis, record, caplog, broken):
    def sent(lines):
        if lines and len(apis.jobs) == 1:
            record = json.loads(lines[0])
            record |= {"response": {"status_code": 200, "body": {"choices": []}}}
            record |= {"result": {"type": "succeeded", "message": {"content": None}}}
            lines[0] = lines[0][:-5] if broken == "half" else json.dumps(record)
        return lines

    apis.sent = sent
    recording = record()
    assert (recording.recorded, recording.failed) == (4, {})
    assert sorted(apis.asked.values())[-2:] == [1, 2]
    assert "1 line of the results of job-0 could not be read" in caplog.text


def test_a_job_that_somebody_cancels_is_not_submitted_again_before_the_next_call(apis, record):
    apis.cancelled = {"job-0"}
    recording = record(revisions=0)
    assert recording.recorded == 2
    assert all("the job was cancelled" in error for error in recording.failed.values())
    assert kinds_of_jobs(apis) == [{"draw": 8}, {"judge": 4}]
    assert record(revisions=0).recorded == 2
    assert kinds_of_jobs(apis)[2:] == [{"draw": 4}, {"judge": 4}]


@pytest.mark.parametrize("apis", ["openai"], indirect=True)  # the other tells its own by them
def test_a_job_with_nothing_but_results_of_others_is_given_up(apis, record):
    apis.sent = lambda lines: [json.dumps({**json.loads(line), "custom_id": "x"}) for line in lines]
    recording = record(QUESTIONS[:1], revisions=0)
    assert recording.recorded == 0
    assert "ended without a reply" in str(recording)
    assert len(apis.jobs) == 3


def test_a_run_that_is_broken_off_while_it_waits_goes_on_with_its_jobs(apis, client, path):
    apis.polls = 10**9
    options = {"model": "small", "answer_key": "last_number", "poll_seconds": 0.01}

    async def broken_off():
        task = asyncio.create_task(arecord_in_batches(client, QUESTIONS, path, **options))
        while not apis.jobs:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(broken_off())
    apis.polls = 1
    assert record_in_batches(client, QUESTIONS, path, **options).recorded == 4
    assert set(apis.asked.values()) == {1}
    assert len(apis.jobs) == 8  # three revisions and their verdicts, and what comes before


@pytest.mark.parametrize("apis", ["anthropic"], indirect=True)  # jobs of the other have names
def test_anothers_job_of_the_same_size_is_not_taken_for_ours(apis, client, record, monkeypatch):
    apis.lost = 1
    submit = client.messages.batches.__class__.create
    others = [
        {"custom_id": f"other-{n}", "params": {"model": "x", "messages": []}} for n in range(8)
    ]

    def create(self, **kwargs):
        if not apis.jobs:
            apis.post("/v1/messages/batches", json.dumps({"requests": others}).encode())
            apis.lost = 1
        return submit(self, **kwargs)

    monkeypatch.setattr(client.messages.batches.__class__, "create", create)
    assert record().recorded == 4
    assert set(apis.asked.values()) == {1}


@pytest.mark.parametrize("apis", ["openai"], indirect=True)  # the other refuses at once
def test_a_refused_job_is_an_error_with_its_reason(apis, record, path):
    apis.refused = "Enqueued token limit reached."
    with pytest.raises(JobRefusedError, match="Enqueued token limit"):
        record()
    apis.refused = None
    assert record().recorded == 4


def test_a_function_verifies_and_a_judge_of_another_model_has_jobs_of_its_own(
    apis, client, record, path
):
    recording = record(verifier=lambda answer: 0.3)
    assert recording.recorded == 4
    assert kinds_of_jobs(apis) == [{"draw": 8}, {"draw": 8}]
    apis.jobs.clear()
    path.unlink()
    judge = JudgeVerifier(BatchChatModel(client=client, model="large"))
    record(verifier=judge, revisions=0)
    models = [{body["model"] for body in job.values()} for job in apis.jobs.values()]
    assert models == [{"small"}, {"large"}]


def test_requests_are_as_the_provider_wants_them(apis, record):
    record(QUESTIONS[:1], options={"temperature": 0.7})
    draw, judge, *_ = (body for job in apis.jobs.values() for body in list(job.values())[-1:])
    assert draw["temperature"] == 0.7
    assert "What is 0 + 0?" in asked_in(draw)
    if apis.kind == "anthropic":
        assert draw["max_tokens"] == 4096
        assert {each["role"] for each in judge["messages"]} == {"user"}


def test_jobs_are_no_larger_than_the_service_takes():
    class Small(OpenAIBatches):
        most_requests, most_bytes = 3, 950

    requests = [Request(str(n), {"text": "x" * (700 if n == 1 else 10)}) for n in range(9)]
    jobs = list(in_jobs(Small(None), requests))
    assert [int(each.id) for job in jobs for each in job] == list(range(9))
    assert max(map(len, jobs)) == 3
    assert [len(job) for job in jobs][:2] == [2, 3]


def test_wrong_arguments_are_errors_before_anything_is_paid(apis, client, path):
    with pytest.raises(TypeError, match="needs model"):
        record_in_batches(client, QUESTIONS, path)
    with pytest.raises(TypeError, match="Did you mean 'revisions'"):
        record_in_batches(client, QUESTIONS, path, model="m", revision=2)
    with pytest.raises(TypeError, match="other providers"):
        record_in_batches(object(), QUESTIONS, path, model="m")
    with pytest.raises(TypeError, match=r"give OpenAI\(\)"):
        record_in_batches(AsyncOpenAI(api_key="none"), QUESTIONS, path, model="m")
    with pytest.raises(ValueError, match="poll_seconds"):
        record_in_batches(
            client, QUESTIONS, path, model="m", answer_key="last_number", poll_seconds=-1
        )
    assert not apis.jobs


def test_a_batch_model_answers_in_a_recording_alone(client):
    model = BatchChatModel(client=client, model="small")
    with pytest.raises(RuntimeError, match="within record_in_batches alone"):
        asyncio.run(model.ainvoke("hello"))
    with pytest.raises(RuntimeError, match="call it by ainvoke"):
        model.invoke("hello")


def test_on_a_running_loop_the_other_function_is_named(client, path):
    async def within():
        record_in_batches(client, QUESTIONS, path, model="small")

    with pytest.raises(RuntimeError, match="await arecord_in_batches"):
        asyncio.run(within())


def test_what_batches_take_is_said_before_the_first_job_and_at_half_the_price(
    apis, client, tmp_path
):
    path, seen = tmp_path / "traces.jsonl", []
    options = {"model": "any", "answer_key": "last_number", "revisions": 1, "poll_seconds": 0}

    def confirm(estimate):
        seen.append(estimate)
        return len(seen) > 1

    refused = record_in_batches(client, QUESTIONS, path, confirm=confirm, **options)
    assert (refused.recorded, len(apis.jobs)) == (0, 0)
    assert seen[0].jobs == 4
    assert "4 jobs, one after the other, of up to a day each. What it costs is not" in str(seen[0])
    record_in_batches(client, QUESTIONS[:2], path, confirm=confirm, **options)
    record_in_batches(client, QUESTIONS, path, confirm=confirm, prices=(1e6, 1e6), **options)
    (_, first, then) = seen
    assert (first.questions, then.questions, then.attempts) == (2, 2, 16)
    assert then.usd == pytest.approx((then.input_tokens + then.output_tokens) / 2)
