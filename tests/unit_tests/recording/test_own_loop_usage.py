"""What the attempts of a loop of one's own took, as its models report it."""

import asyncio

from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from langgraph.types import RetryPolicy
from test_own_loops import Drafts

from langchain_markovscale import (
    JudgeVerifier,
    MarkovScaleMiddleware,
    read_traces,
    record_traces,
    watch,
)
from langchain_markovscale.recording.call_log import CallLog


def asking(prompt, key, *, reports=True):
    """A node that asks a model, and writes its reply under a key."""
    usage = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13} if reports else None
    replies = (AIMessage(f"It is {n}.", usage_metadata=usage) for n in range(100))
    model = GenericFakeChatModel(messages=replies)

    def node(state):
        text = (RunnableLambda(lambda question: f"{prompt} {question}") | model).invoke("?").text
        return {key: [text] if key == "drafts" else [0.5]}

    return node


def written_and_judged(*, reports=True):
    def plan(state):
        asking("Plan", "scores")(state)
        return {}

    builder = StateGraph(Drafts)
    builder.add_node("plan", plan)
    builder.add_node("write", asking("Write", "drafts", reports=reports))
    builder.add_node("judge", asking("Judge", "scores"))
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "write")
    builder.add_edge("write", "judge")
    builder.add_conditional_edges("judge", lambda state: END if state["drafts"][1:] else "write")
    return builder.compile()


def test_calls_of_models_count_with_the_attempts_that_they_made_or_verified(path):
    keys = {"answers_key": "drafts", "scores_key": "scores", "answer_key": "last_number"}
    record_traces(written_and_judged(), [("Q?", "1")], path=path, fresh_starts=2, **keys)
    (trace,) = read_traces(path)
    first, second, *_ = (attempt["usage"] for attempt in trace["attempts"])
    assert len(trace["attempts"]) == 4
    assert (first["generate"]["calls"], first["generate"]["input_tokens"]) == (2, 20)
    assert (first["verify"]["calls"], first["verify"]["output_tokens"]) == (1, 3)
    assert (second["revise"]["calls"], second["verify"]["calls"]) == (1, 1)
    assert second["revise"]["seconds"] >= 0


def test_what_a_model_does_not_report_is_unknown(path):
    watch(written_and_judged(reports=False), path, answers_key="drafts").invoke({"question": "Q?"})
    (trace,) = read_traces(path)
    assert [attempt["usage"]["verify"]["unknown"] for attempt in trace["attempts"]] == [0, 0]
    assert trace["attempts"][1]["usage"]["revise"]["unknown"] == 1


def model(*replies):
    usage = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13}
    return GenericFakeChatModel(messages=(AIMessage(r, usage_metadata=usage) for r in replies))


def calls(trace):
    """Of each attempt, how many calls it took by purpose, each of which has reported."""
    every = [attempt.get("usage", {}) for attempt in trace["attempts"]]
    for part in (part for usage in every for part in usage.values()):
        assert part["input_tokens"] == 10 * part["calls"]
    return [{purpose: part["calls"] for purpose, part in usage.items()} for usage in every]


def handled_elsewhere():
    return {"callbacks": [BaseCallbackHandler()]}  # in place of those that a call inherits


def drafting_twice(question):
    writer, judge = model("One.", "Two."), model("A plan.", "Weak.", "Good.")
    judge.invoke("Plan")
    first = writer.invoke(question).text
    judge.invoke(first, config=handled_elsewhere())
    second = RunnableLambda(lambda text: writer.invoke(text).text).invoke(first)
    judge.invoke(second)
    return [first, second]


async def adrafting_twice(question):
    writer, judge = model("One.", "Two."), model("A plan.", "Weak.", "Good.")
    await judge.ainvoke("Plan")
    first = (await writer.ainvoke(question)).text
    await judge.ainvoke(first, config=handled_elsewhere())
    second = (await asyncio.create_task(writer.ainvoke(first))).text
    await judge.ainvoke(second)
    return [first, second]


TWICE = [{"generate": 2, "verify": 1}, {"revise": 1, "verify": 1}]


def test_the_calls_of_a_function_are_seen_wherever_it_makes_them(path):
    watch(drafting_twice, path)("Q?")
    asyncio.run(watch(adrafting_twice, path)("Q?"))
    questions = [("Q?", "1"), ("R?", "2")]
    for loop in (drafting_twice, adrafting_twice, RunnableLambda(drafting_twice)):
        target = path.with_name("recorded.jsonl")
        record_traces(loop, questions, path=target, fresh_starts=2, grader="exact")
        found = [calls(trace) for trace in read_traces(target)]
        assert found == [TWICE * 2] * 2
        target.unlink()
    assert [calls(trace) for trace in read_traces(path)] == [TWICE, TWICE]


def test_two_that_watch_see_the_same_calls_once_each(path):
    inner = path.with_name("inner.jsonl")
    watch(RunnableLambda(watch(drafting_twice, inner)).invoke, path)("Q?")
    assert [calls(trace) for trace in (*read_traces(path), *read_traces(inner))] == [TWICE, TWICE]


def test_a_log_hears_of_calls_until_it_stops():
    writer = model("One.", "Two.")
    with CallLog() as log:
        writer.invoke("?")
    writer.invoke("?")
    assert [call.reply for call in log.calls] == ["One."]


def test_drafts_made_at_once_are_each_verified_by_their_own_calls(path):
    def loop(question):
        drafts = [reply.text for reply in model("One.", "Two.", "Three.").batch([question] * 3)]
        model(*["Good."] * 6).batch(drafts * 2)
        return drafts

    watch(loop, path)("Q?")
    (trace,) = read_traces(path)
    assert [each["verify"] for each in calls(trace)] == [2, 2, 2]


def test_where_no_call_can_be_told_to_have_made_a_draft_usage_is_unknown(path):
    def loop(question):
        judged = model("Weak.", "Good.", "Fine.").batch([question] * 3)
        return [f"Not {each.text}" for each in judged[:2]]

    watch(loop, path)("Q?")
    (trace,) = read_traces(path)
    assert calls(trace) == [{}, {}]


def test_models_that_a_tool_calls_and_tries_that_failed_count_with_their_node(path):
    searcher, failing = model(*["Found."] * 9), iter([True, False, False])

    @tool
    def search(text: str) -> str:
        """Search."""
        return searcher.invoke(text).text

    def write(state):
        search.invoke("?")
        if next(failing):
            raise ConnectionError("the model is away")
        return {"drafts": [searcher.invoke("?").text]}

    def judge(state):
        model("Good.").invoke("?", config=handled_elsewhere())
        return {"scores": [0.5]}

    builder = StateGraph(Drafts)
    again = RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ConnectionError)
    builder.add_node("write", write, retry_policy=again)
    builder.add_node("judge", judge)
    builder.add_edge(START, "write")
    builder.add_edge("write", "judge")
    builder.add_conditional_edges("judge", lambda state: END if state["drafts"][1:] else "write")
    keys = {"answers_key": "drafts", "scores_key": "scores"}
    watch(builder.compile(), path, **keys).invoke({"question": "Q?"})
    (trace,) = read_traces(path)
    assert calls(trace) == [{"generate": 3, "verify": 1}, {"revise": 2, "verify": 1}]


def test_calls_for_tools_count_with_the_draft_that_an_agent_writes_after_them(path):
    def search(text: str) -> str:
        """Search."""
        return model("Found.").invoke(text).text

    def asking_first(text):
        call = {"name": "search", "args": {"text": "?"}, "id": text}
        usage = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13}
        return [
            AIMessage("", tool_calls=[call], usage_metadata=usage),
            AIMessage(text, usage_metadata=usage),
        ]

    class Writer(GenericFakeChatModel):
        def bind_tools(self, *given, **options):
            return self

    judge = JudgeVerifier(model("Score: 0.1", "Score: 0.2"))
    agent = create_agent(
        Writer(messages=iter([*asking_first("It is 1."), *asking_first("It is 2.")])),
        [search],
        middleware=[MarkovScaleMiddleware(verifier=judge, max_rounds=2, actions=("revise",))],
    )
    watch(agent, path).invoke({"messages": [("user", "Q?")]})
    (trace,) = read_traces(path)
    assert calls(trace)[0] == {"generate": 3, "verify": 1}
    assert calls(trace)[1]["revise"] == 3
