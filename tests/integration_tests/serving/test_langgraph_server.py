"""The loop behind LangGraph's server, as a client of it finds it."""

import asyncio

import pytest
from langgraph_sdk import get_client

QUESTION = {"question": "What is 17 + 25?"}


@pytest.fixture
async def client(address):
    async with get_client(url=address) as client:
        yield client


async def test_schemas_say_what_a_client_may_give(client):
    (assistant,) = await client.assistants.search(graph_id="markovscale")
    schemas = await client.assistants.get_schemas(assistant["assistant_id"])
    assert set(schemas["input_schema"]["properties"]) == {"question", "messages"}
    settings = {"cost_per_round", "max_rounds", "budget", "markovscale"}
    assert set(schemas["context_schema"]["properties"]) == settings
    assert {"attempts", "decision", "answer"} < set(schemas["state_schema"]["properties"])


async def test_a_thread_is_run_and_its_state_is_read(client):
    thread = await client.threads.create()
    output = await client.runs.wait(thread["thread_id"], "markovscale", input=QUESTION)
    values = (await client.threads.get_state(thread["thread_id"]))["values"]
    for state in (output, values):
        assert state["answer"] == "17 + 25 = 42"
        assert [attempt["key"] for attempt in state["attempts"]] == ["32", "42"]
        assert state["attempts"][1]["parent"] == 0
        assert state["decision"]["reason"] == "gain_below_cost"
        assert state["usage"]["revise"] == {
            "calls": 1, "input_tokens": 9, "output_tokens": 4, "unknown": 0
        }  # fmt: skip
    assert values["run"]["question"] == QUESTION["question"]


async def test_a_stream_shows_updates_events_and_the_answer_alone(client):
    thread = await client.threads.create()
    updates, events, messages = [], [], []
    async for part in client.runs.stream(
        thread["thread_id"],
        "markovscale",
        input=QUESTION,
        stream_mode=["updates", "custom", "messages-tuple"],
    ):
        if part.event == "updates":
            updates += part.data
        elif part.event == "custom":
            events.append(part.data["type"])
        elif part.event == "messages":
            messages.append(part.data[0]["content"])
    assert updates == ["generate", "verify_proxy", "revise", "verify_proxy"]
    assert events == ["attempt", "decision"] * 2
    assert messages == ["17 + 25 = 42"]


CONTEXTS = [
    ({"max_rounds": 1}, "max_rounds", 1),
    ({"cost_per_round": 0.49}, "gain_below_cost", 1),
    ({"budget": {"rounds": 1}}, "budget", 1),
    ({"cost_per_round": 0.0, "max_rounds": 2}, "max_rounds", 2),
]


async def test_clients_set_what_their_runs_may_cost(client):
    async def ended(context):
        thread = (await client.threads.create())["thread_id"]
        return await client.runs.wait(thread, "markovscale", input=QUESTION, context=context)

    states = await asyncio.gather(*(ended(context) for context, _, _ in CONTEXTS))
    assert [(state["decision"]["reason"], len(state["attempts"])) for state in states] == [
        (reason, attempts) for _, reason, attempts in CONTEXTS
    ]


async def test_a_bad_setting_is_told_to_the_client(client):
    thread = await client.threads.create()
    output = await client.runs.wait(
        thread["thread_id"],
        "markovscale",
        input=QUESTION,
        context={"max_rounds": 0},
        raise_error=False,
    )
    assert "max_rounds" in output["__error__"]["message"]


async def test_the_next_question_of_a_thread_is_a_run_of_its_own(client):
    thread = (await client.threads.create())["thread_id"]
    for question, answer in (
        ("What is 17 + 25?", "17 + 25 = 42"),
        ("What is 8 + 5?", "8 + 5 = 13"),
    ):
        state = await client.runs.wait(thread, "markovscale", input={"question": question})
        assert state["answer"] == answer
        assert len(state["attempts"]) == 2
    assert len(state["messages"]) == 4


async def test_a_graph_of_ones_own_waits_for_a_human(client):
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "own", input=QUESTION)
    state = await client.threads.get_state(thread)
    (asked,) = state["interrupts"]
    assert asked["value"]["answer"] == "It is 42."
    output = await client.runs.wait(thread, "own", command={"resume": 1.0})
    assert output["attempts"][0]["score"] == 1.0
    assert output["answer"] == "It is 42."
