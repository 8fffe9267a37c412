"""The loop where a chat model is expected; LangChain's own tests of it run on the local model."""

import pytest
from fakes import SURE, ScriptedModel, accepts, reply
from langchain_core.callbacks import (
    BaseCallbackHandler,
    UsageMetadataCallbackHandler,
    get_usage_metadata_callback,
)
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

from langchain_markovscale import (
    ChatMarkovScale,
    JudgeVerifier,
    create_markovscale_graph,
)


def chat_of(model, verifier, **options):
    graph = create_markovscale_graph(
        model, verifier=verifier, calibration=SURE, cost_per_round=0.1, **options
    )
    return ChatMarkovScale(graph=graph)


def test_answer_is_the_best_attempt(run):
    model = ScriptedModel(script=["390", "391"])
    answer = run(chat_of(model, accepts("391")), "What is 17 * 23?")
    assert isinstance(answer, AIMessage)
    assert answer.text == "391"
    told = answer.response_metadata["markovscale"]
    assert told["attempts"] == 2
    assert told["decision"]["best"] == 1
    assert told["error"] is None


def test_whole_conversation_reaches_the_model(run):
    model = ScriptedModel(script=["391"])
    conversation = [HumanMessage("Hello"), AIMessage("Hi"), HumanMessage("What is 17 * 23?")]
    run(chat_of(model, accepts("391")), conversation)
    assert model.texts_asked(0) == ["Hello", "Hi", "What is 17 * 23?"]


def test_usage_is_that_of_the_whole_loop(run):
    judge = ScriptedModel(script=[reply("VERDICT: FAIL", 20, 4), reply("VERDICT: PASS", 20, 4)])
    model = ScriptedModel(script=["390", "391"])
    answer = run(chat_of(model, JudgeVerifier(judge)), "What is 17 * 23?")
    assert answer.usage_metadata == {"input_tokens": 54, "output_tokens": 14, "total_tokens": 68}


def test_stream_is_the_answer_and_no_draft():
    chat = chat_of(ScriptedModel(script=["It is 390", "It is 391"]), accepts("It is 391"))
    chunks = list(chat.stream("What is 17 * 23?"))
    assert [chunk.text for chunk in chunks if chunk.text] == ["It ", "is ", "391"]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.usage_metadata["total_tokens"] == 20
    assert whole.response_metadata["markovscale"]["attempts"] == 2


async def test_stream_under_asyncio_is_the_answer_and_no_draft():
    chat = chat_of(ScriptedModel(script=["It is 390", "It is 391"]), accepts("It is 391"))
    texts = [chunk.text async for chunk in chat.astream("What is 17 * 23?")]
    assert [text for text in texts if text] == ["It ", "is ", "391"]


def test_spaces_and_lines_of_the_answer_survive_the_stream():
    text = "  a\n\n b  c\n"
    chat = chat_of(ScriptedModel(script=[text]), accepts(text))
    assert "".join(chunk.text for chunk in chat.stream("?")) == text


def test_answer_is_cut_at_a_stop_string(run):
    chat = chat_of(ScriptedModel(script=["It is 391. Really."]), lambda answer: 0.95)
    assert run(chat, "What is 17 * 23?", stop=["Really", "."]).text == "It is 391"


def test_option_that_cannot_reach_the_model_is_refused(run):
    with pytest.raises(ValueError, match="no call option 'temperature'"):
        run(chat_of(ScriptedModel(script=["391"]), accepts("391")), "?", temperature=1)


def test_tools_are_refused():
    chat = chat_of(ScriptedModel(script=[]), accepts())
    with pytest.raises(NotImplementedError, match="MarkovScaleMiddleware"):
        chat.bind_tools([])


def test_graph_with_threads_is_refused():
    with pytest.raises(ValueError, match="without checkpointer="):
        chat_of(ScriptedModel(script=[]), accepts(), checkpointer=InMemorySaver())


class Names(BaseCallbackHandler):
    """Notes which runs there are, and below which."""

    def __init__(self):
        self.parents = {}

    def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, **kwargs):
        self.parents[kwargs["name"]] = parent_run_id

    def on_chat_model_start(self, serialized, messages, *, run_id, parent_run_id=None, **kwargs):
        if parent_run_id is None:
            self.root = run_id


def test_the_loop_is_a_run_below_the_models_run(run):
    names = Names()
    chat = chat_of(ScriptedModel(script=["391"]), accepts("391"))
    run(chat, "What is 17 * 23?", {"callbacks": [names]})
    assert names.parents["markovscale"] == names.root


def test_it_is_part_of_chains(run):
    prompt = ChatPromptTemplate.from_messages([("human", "What is {a} * {b}?")])
    model = ScriptedModel(script=["390", "391"])
    chain = prompt | chat_of(model, accepts("391")) | StrOutputParser()
    assert run(chain, {"a": 17, "b": 23}) == "391"


def _graph_around(chat, node):
    builder = StateGraph(MessagesState)
    builder.add_node("model", node)
    builder.add_edge(START, "model")
    builder.add_edge("model", END)
    return builder.compile(checkpointer=InMemorySaver())


def test_stream_of_a_graph_around_it_shows_the_answer_once():
    chat = chat_of(ScriptedModel(script=["It is 390", "It is 391"]), accepts("It is 391"))
    outer = _graph_around(chat, lambda state: {"messages": [chat.invoke(state["messages"])]})
    thread = {"configurable": {"thread_id": "1"}}
    parts = outer.stream({"messages": ["What is 17 * 23?"]}, thread, stream_mode="messages")
    assert "".join(message.text for message, _ in parts) == "It is 391"


async def test_stream_of_an_async_graph_around_it_shows_the_answer_once():
    chat = chat_of(ScriptedModel(script=["It is 390", "It is 391"]), accepts("It is 391"))

    async def node(state):
        return {"messages": [await chat.ainvoke(state["messages"])]}

    thread = {"configurable": {"thread_id": "1"}}
    parts = _graph_around(chat, node).astream(
        {"messages": ["What is 17 * 23?"]}, thread, stream_mode="messages"
    )
    assert "".join([message.text async for message, _ in parts]) == "It is 391"


def named(text, model_name, **usage):
    message = reply(text, **usage)
    message.response_metadata["model_name"] = model_name
    return message


@pytest.mark.parametrize("how", ["a handler", "a context manager"])
def test_usage_is_counted_once_under_the_name_of_each_model(how, run):
    judge = ScriptedModel(script=[named("VERDICT: FAIL", "judge"), named("VERDICT: PASS", "judge")])
    model = ScriptedModel(script=[named("390", "writer"), named("391", "writer")])
    chat = chat_of(model, JudgeVerifier(judge))
    if how == "a handler":
        counted = UsageMetadataCallbackHandler()
        run(chat, "What is 17 * 23?", {"callbacks": [counted]})
    else:
        with get_usage_metadata_callback() as counted:
            run(chat, "What is 17 * 23?")
    totals = {name: usage["total_tokens"] for name, usage in counted.usage_metadata.items()}
    assert totals == {"writer": 20, "judge": 20}


def test_a_loop_within_a_loop_is_counted_once(run):
    inner = chat_of(ScriptedModel(script=["390", "391"]), accepts("391"))
    chain = RunnableLambda(lambda request: request["messages"]) | inner
    outer = create_markovscale_graph(
        generate=chain, verifier=accepts("391"), calibration=SURE, actions=("generate",)
    )
    assert run(outer, {"question": "?"})["usage"]["generate"] == {
        "calls": 1, "input_tokens": 14, "output_tokens": 6, "unknown": 0
    }  # fmt: skip


def test_loops_that_share_a_cache_never_give_the_answer_of_another(run, llm_cache):
    told = []
    for number in range(60):  # graphs that are gone leave their place in memory to the next one
        model = ScriptedModel(script=[f"answer {number}"], cache=False)
        chat = chat_of(model, accepts(f"answer {number}"))
        told += [run(chat, "What is 17 * 23?").text for _ in range(2)]
        assert model.calls == 1
    assert told == [f"answer {number}" for number in range(60) for _ in range(2)]


def test_a_copy_with_another_loop_is_another_model(run, llm_cache):
    chats = [chat_of(ScriptedModel(script=[text], cache=False), accepts(text)) for text in "ab"]
    copy = chats[0].model_copy(update={"graph": chats[1].graph})
    assert [run(chat, "Which?").text for chat in (*chats, copy)] == ["a", "b", "b"]
