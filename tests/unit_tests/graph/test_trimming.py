"""A long conversation is trimmed for the model alone: the question stays, and so does the state."""

import pytest
from fakes import ScriptedModel, always
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, trim_messages
from langchain_core.runnables import RunnableLambda
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import CachePolicy

from langchain_markovscale import (
    MarkovScaleMiddleware,
    Prompts,
    create_markovscale_graph,
    verify_proxy_node,
)

TALK = [
    SystemMessage("You count."),
    *(turn for n in range(20) for turn in (HumanMessage(f"{n} + 1?"), AIMessage(f"{n + 1}"))),
    HumanMessage("And 6 + 6?"),
]
BY_MESSAGES = trim_messages(max_tokens=4, token_counter=len, start_on="human", include_system=True)
SHORT = ["You count.", "19 + 1?", "20", "And 6 + 6?"]
LOOP = {"actions": ("revise",), "max_rounds": 2, "cost_per_round": 0.0}


class Counting(ScriptedModel):
    """A model in whose tokens every message has ten."""

    def get_num_tokens_from_messages(self, messages, tools=None):
        return 10 * len(messages)


class Rejecting:
    def __init__(self):
        self.seen = []

    def __call__(self, answer, messages):
        self.seen.append([message.text for message in messages])
        return 0.1


def counting():
    return Counting(script=["12", "13"], repeat=True)


def last_two(messages):
    return messages[-2:]


@pytest.mark.parametrize("trim", [BY_MESSAGES, 40, lambda messages: messages[-3:]])
@pytest.mark.parametrize("begins", [lambda m: m, lambda m: m.bind(stop=["x"]), lambda m: m | str])
async def test_model_and_verifier_are_given_the_same_trimmed_conversation(trim, begins):
    for call in ("invoke", "ainvoke"):
        model, verifier = counting(), Rejecting()
        chain = begins(model)
        graph = create_markovscale_graph(
            generate=chain, revise=chain, verifier=verifier, prompts=Prompts(trim=trim), **LOOP
        )
        state = getattr(graph, call)({"messages": TALK})
        state = await state if call == "ainvoke" else state
        assert model.texts_asked(0) == SHORT
        assert model.texts_asked(1)[:4] == SHORT
        assert len(model.texts_asked(1)) == 6  # and the answer, and the request to revise it
        assert verifier.seen == [SHORT, SHORT]
        assert len(state["messages"]) == len(TALK) + 1


@pytest.mark.parametrize(
    "trim",
    [
        1,
        lambda messages: [],
        trim_messages(max_tokens=0, token_counter=len),
        trim_messages(max_tokens=2, token_counter=len, strategy="first"),
        trim_messages(max_tokens=3, token_counter="approximate", allow_partial=True),
    ],
)
def test_the_system_prompt_and_the_whole_question_stay_whatever_a_trimmer_does(trim):
    model = counting()
    prompts = Prompts(system="Be brief.", trim=trim)
    create_markovscale_graph(model, verifier=Rejecting(), prompts=prompts, **LOOP).invoke(
        {"messages": TALK}
    )
    asked = model.texts_asked(0)
    assert asked[0] == "Be brief.\n\nYou count."
    assert asked[-1] == "And 6 + 6?"
    assert asked.count("And 6 + 6?") == 1


def test_a_thread_keeps_what_the_model_no_longer_sees():
    model = counting()
    graph = create_markovscale_graph(
        model,
        verifier=lambda answer: 0.99,
        prompts=Prompts(trim=last_two),
        checkpointer=InMemorySaver(),
        max_rounds=1,
    )
    thread = {"configurable": {"thread_id": "1"}}
    for number in range(5):
        state = graph.invoke({"question": f"{number} + 1?"}, thread)
    assert len(state["messages"]) == 10
    assert len(model.texts_asked(4)) == 2
    assert model.texts_asked(4)[-1] == "4 + 1?"


def test_what_a_trimmer_wrote_in_place_of_turns_is_kept():
    model = always("12")

    def summarized(messages):
        return [HumanMessage("(we have counted to 20)"), messages[-1]]

    graph = create_markovscale_graph(
        model, verifier=lambda answer: 0.99, prompts=Prompts(trim=summarized), max_rounds=1
    )
    graph.invoke({"messages": TALK})
    assert model.texts_asked(0) == ["You count.", "(we have counted to 20)", "And 6 + 6?"]


def test_a_cached_answer_belongs_to_what_the_model_saw():
    model = Counting(script=["12", "13"])
    graph = create_markovscale_graph(
        model,
        verifier=lambda answer: 0.99,
        prompts=Prompts(trim=40),
        max_rounds=1,
        cache=InMemoryCache(),
        cache_policy=CachePolicy(),
    )
    graph.invoke({"messages": TALK})
    forgotten = [TALK[0], HumanMessage("Another beginning"), *TALK[2:]]
    assert graph.invoke({"messages": forgotten})["answer"] == "12"
    seen = [*TALK[:-2], AIMessage("21"), TALK[-1]]
    assert graph.invoke({"messages": seen})["answer"] == "13"


@pytest.mark.parametrize("trim", [0, -5, True, 2.5, "last", []])
def test_a_trimmer_that_is_none_is_refused_at_once(trim):
    with pytest.raises((TypeError, ValueError), match=r"prompts\.trim must be"):
        Prompts(trim=trim)


def test_an_async_function_is_refused_at_once():
    async def trim(messages):
        return messages

    with pytest.raises(TypeError, match="async"):
        Prompts(trim=trim)


def test_tokens_that_nothing_can_count_are_refused_when_the_loop_is_made():
    with pytest.raises(ValueError, match="token_counter='approximate'"):
        create_markovscale_graph(
            RunnableLambda(lambda messages: "12"), verifier=Rejecting(), prompts=Prompts(trim=40)
        )
    with pytest.raises(ValueError, match="nothing here can count"):
        verify_proxy_node(Rejecting(), prompts=Prompts(trim=40))


@pytest.mark.parametrize("returned", [None, "text", ["text"]])
def test_a_trimmer_that_returns_no_messages_is_an_error_before_anything_is_paid(returned):
    model = counting()
    graph = create_markovscale_graph(
        model, verifier=Rejecting(), prompts=Prompts(trim=lambda messages: returned)
    )
    with pytest.raises(TypeError, match="must return a list of messages"):
        graph.invoke({"messages": TALK})
    assert model.calls == 0


def test_a_node_of_ones_own_graph_shows_its_verifier_the_trimmed_conversation():
    verifier = Rejecting()
    node = verify_proxy_node(verifier, prompts=Prompts(trim=BY_MESSAGES))
    draft = {"text": "12", "key": None, "score": None, "action": "generate", "parent": None}
    node.invoke({"messages": TALK, "attempts": [{**draft, "feedback": None, "tokens": None}]})
    assert verifier.seen == [SHORT]


def test_an_agent_is_asked_to_revise_as_without_trimming():
    model = ScriptedModel(script=["12", "13"])
    middleware = MarkovScaleMiddleware(verifier=Rejecting(), prompts=Prompts(trim=5), **LOOP)
    create_agent(model, [], middleware=[middleware]).invoke({"messages": TALK})
    assert len(model.asked[0]) == len(TALK)
