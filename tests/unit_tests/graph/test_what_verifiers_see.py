"""The verifier of a loop is given the conversation that the model saw, and no state grows by it."""

import pytest
from fakes import ScriptedModel, accepts, always, stored
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableLambda
from langgraph.cache.memory import InMemoryCache
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import CachePolicy

from langchain_markovscale import (
    ChatMarkovScale,
    HumanVerifier,
    JudgeVerifier,
    MarkovScaleState,
    Prompts,
    create_markovscale_graph,
    generate_node,
    show,
    verify_proxy_node,
    with_markovscale,
)

PASS = "CRITIQUE: none\nVERDICT: PASS\nPROBABILITY: 0.95"
PICTURE = {"type": "image", "url": "https://example.org/goethe.png"}
TURNS = [
    SystemMessage("You are a librarian."),
    HumanMessage("Who wrote Faust?"),
    AIMessage("Goethe."),
]
ASKED = [*TURNS, HumanMessage("And when was he born?")]


class Watching:
    """A verifier that notes what it is given, and accepts the answer."""

    def __init__(self, score=0.95):
        self.seen, self.score = [], score

    def __call__(self, given):
        self.seen.append(given)
        return self.score

    @property
    def texts(self):
        return [message.text for message in self.seen[-1]["messages"]]


def thread(name="1"):
    return {"configurable": {"thread_id": name}}


def texts_of(messages):
    return [message.text for message in messages]


async def test_the_verifier_is_given_the_conversation_with_the_question_and_without_the_answer():
    verifier = Watching()
    graph = create_markovscale_graph(always("In 1749."), verifier=verifier)
    graph.invoke({"messages": ASKED})
    assert verifier.texts == texts_of(ASKED)
    await graph.ainvoke({"messages": ASKED})
    assert verifier.texts == texts_of(ASKED)
    graph.invoke({"question": "2 + 2?"})
    assert verifier.texts == ["2 + 2?"]


def test_it_is_given_the_system_prompt_of_the_model_that_draws():
    model, verifier = always("In 1749."), Watching()
    prompts = Prompts(system="Answer in German.")
    create_markovscale_graph(model, verifier=verifier, prompts=prompts).invoke({"messages": ASKED})
    assert verifier.texts == texts_of(model.asked[0])
    assert verifier.texts[0] == "Answer in German.\n\nYou are a librarian."
    # A Runnable that draws has not seen it.
    graph = create_markovscale_graph(
        always("x"),
        generate=RunnableLambda(lambda request: "y"),
        verifier=verifier,
        prompts=prompts,
    )
    graph.invoke({"question": "2 + 2?"})
    assert verifier.texts == ["2 + 2?"]


def test_every_attempt_is_judged_by_the_same_conversation():
    verifier = Watching(score=0.1)
    graph = create_markovscale_graph(
        always("In 1749."), verifier=verifier, max_rounds=3, cost_per_round=0.0
    )
    graph.invoke({"messages": ASKED})
    assert len(verifier.seen) == 3
    assert {tuple(texts_of(given["messages"])) for given in verifier.seen} == {
        tuple(texts_of(ASKED))
    }


def test_on_a_thread_earlier_questions_and_answers_are_given():
    verifier = Watching()
    script = ["Goethe.", "In 1749.", "In 1832."]
    graph = create_markovscale_graph(
        ScriptedModel(script=script), verifier=verifier, checkpointer=InMemorySaver()
    )
    for question in ("Who wrote Faust?", "When was he born?"):
        graph.invoke({"question": question}, thread())
    assert verifier.texts == ["Who wrote Faust?", "Goethe.", "When was he born?"]
    # Asked again by its id, the old answer is no part of what the model sees.
    asked = HumanMessage("When did he die?", id="q")
    graph = create_markovscale_graph(always("?"), verifier=verifier, checkpointer=InMemorySaver())
    graph.invoke({"messages": [asked]}, thread())
    graph.invoke({"messages": [asked]}, thread())
    assert verifier.texts == ["When did he die?"]


def test_a_judge_in_a_loop_sees_the_turns_before():
    judge = always(PASS)
    graph = create_markovscale_graph(always("In 1749."), verifier=JudgeVerifier(judge))
    state = graph.invoke({"messages": ASKED})
    assert "From the assistant:\n  Goethe." in judge.asked[0][1].text
    assert state["attempts"][0]["metadata"]["judged_with"] == "2: system prompt, earlier turns"
    alone = graph.invoke({"question": "Who wrote Faust?"})
    assert "metadata" not in alone["attempts"][0]


@pytest.mark.parametrize("content", [[PICTURE], [{"type": "text", "text": " "}, PICTURE, PICTURE]])
def test_a_picture_alone_is_a_question(content):
    verifier = Watching()
    graph = create_markovscale_graph(
        always("A poet."), verifier=verifier, checkpointer=InMemorySaver()
    )
    state = graph.invoke({"messages": [HumanMessage(content)]}, thread())
    assert state["answer"] == "A poet."
    assert verifier.seen[0]["question"] == " ".join(["[picture]"] * content.count(PICTURE))
    assert verifier.seen[0]["messages"][0].content == content
    graph.invoke({"messages": [HumanMessage(content)]}, thread())  # another one, of another message
    assert len(verifier.seen) == 2


def test_a_message_that_holds_nothing_is_no_question():
    graph = create_markovscale_graph(always("?"), verifier=Watching())
    for content in ("", " ", [], [{"type": "text", "text": ""}]):
        with pytest.raises(ValueError, match="a string with text, or a picture"):
            graph.invoke({"messages": [HumanMessage(content)]})


def test_verdicts_without_seeing_a_picture_are_counted_and_shown():
    asked = {"messages": [HumanMessage(["Who is it?", PICTURE])]}
    for verifier in (JudgeVerifier(always(PASS)), JudgeVerifier(always(PASS)).with_retry()):
        state = create_markovscale_graph(always("Goethe."), verifier=verifier).invoke(asked)
        assert state["usage"]["verify"]["unseen"] == 1
        shown = " ".join(show(state).text.split())
        assert "1 verdict without seeing all pictures and files" in shown
    seeing = JudgeVerifier(always(PASS), pictures=True)
    state = create_markovscale_graph(always("Goethe."), verifier=seeing).invoke(asked)
    assert "unseen" not in state["usage"]["verify"]


def test_events_have_the_verdicts_on_single_criteria():
    reply = "CRITERION: 1\nVERDICT: PASS\nCRITERION: 2\nCRITIQUE: No source.\nVERDICT: FAIL"
    judge = JudgeVerifier(always(reply), criteria=["It is right.", "It names a source."])
    graph = create_markovscale_graph(always("In 1749."), verifier=judge, max_rounds=1)
    events = list(graph.stream({"question": "When?"}, stream_mode="custom"))
    assert events[0]["criteria"] == [
        {"criterion": "It is right.", "score": 0.9, "feedback": None},
        {"criterion": "It names a source.", "score": 0.1, "feedback": "No source."},
    ]
    plain = create_markovscale_graph(always("In 1749."), verifier=accepts("In 1749."))
    first, *_ = plain.stream({"question": "When?"}, stream_mode="custom")
    assert "criteria" not in first


def test_nodes_in_a_graph_of_ones_own_give_it_as_well():
    verifier = Watching()
    prompts = Prompts(system="Be brief.")
    builder = StateGraph(MarkovScaleState)
    builder.add_node("generate", generate_node(always("In 1749."), prompts=prompts))
    builder.add_node("verify_proxy", verify_proxy_node(verifier, prompts=prompts))
    builder.add_edge(START, "generate")
    builder.add_edge("generate", "verify_proxy")
    builder.compile().invoke({"messages": ASKED[1:]})
    assert verifier.texts == ["Be brief.", *texts_of(ASKED[1:])]


def test_a_node_alone_gives_the_question_where_its_state_keeps_no_messages():
    verifier = Watching()
    attempt = {
        "text": "4", "key": None, "score": None, "action": "generate", "parent": None,
        "feedback": None, "tokens": None,
    }  # fmt: skip
    run = {"question": "2 + 2?", "message_id": "q"}
    verify_proxy_node(verifier).invoke({"run": run, "attempts": [attempt]})
    assert verifier.texts == ["2 + 2?"]
    assert verifier.seen[0]["question"] == "2 + 2?"


def test_a_loop_as_a_chat_model_gives_its_conversation():
    verifier = Watching()
    graph = create_markovscale_graph(always("In 1749."), verifier=verifier)
    ChatMarkovScale(graph=graph).invoke(ASKED)
    assert verifier.texts == texts_of(ASKED)


@pytest.mark.parametrize("key", ["chat_history", "history", "earlier"])
async def test_a_chain_gives_the_messages_in_its_input(key):
    verifier = Watching()
    chain = with_markovscale(lambda given: "In 1749.", verifier=verifier)
    given = {"input": "And when was he born?", key: TURNS}
    assert chain.invoke(given) == "In 1749."
    assert verifier.texts == texts_of(ASKED)
    assert await chain.ainvoke(given) == "In 1749."
    assert verifier.texts == texts_of(ASKED)


def test_a_chain_whose_input_is_a_conversation_gives_that():
    verifier = Watching()
    chain = with_markovscale(
        lambda messages: "In 1749.", verifier=verifier, question=lambda messages: messages[-1].text
    )
    chain.invoke(ASKED)
    assert verifier.texts == texts_of(ASKED)


def test_a_chain_with_threads_gives_the_conversation_of_its_thread():
    verifier = Watching()
    chain = with_markovscale(lambda given: "Yes.", verifier=verifier, checkpointer=InMemorySaver())
    for question in ("One?", "Two?"):
        chain.invoke({"input": question, "chat_history": TURNS}, thread())
    assert verifier.texts == ["One?", "Yes.", "Two?"]


def test_a_cached_answer_is_that_of_the_same_conversation():
    model, judge = always("?"), always(PASS)
    graph = create_markovscale_graph(
        model, verifier=JudgeVerifier(judge), cache=InMemoryCache(), cache_policy=CachePolicy()
    )
    for said in ("Goethe.", "Goethe.", "Marlowe."):
        turns = [HumanMessage("Who wrote Faust?"), AIMessage(said)]
        graph.invoke({"messages": [*turns, HumanMessage("And when was he born?")]})
    assert len(model.asked) == 2
    assert len(judge.asked) == 3  # verdicts are not cached
    assert "Marlowe." in judge.asked[-1][1].text


def test_a_human_is_asked_without_a_copy_of_the_conversation():
    saver = InMemorySaver()
    graph = create_markovscale_graph(always("?"), verifier=HumanVerifier(), checkpointer=saver)
    waiting = graph.invoke({"messages": ASKED}, thread())
    request = waiting["__interrupt__"][0].value
    assert set(request) == {"question", "answer", "key", "how"}
    assert texts_of(waiting["messages"]) == texts_of(ASKED)


def times_of_question(verifier):
    """How often a thread keeps a question after it and two more were asked."""
    saver = InMemorySaver()
    graph = create_markovscale_graph(
        always("4"), verifier=verifier, checkpointer=saver, max_rounds=3, cost_per_round=0.0
    )
    for question in ("What is 2 + 2?", "And 3 + 3?", "And 4 + 4?"):
        state = graph.invoke({"messages": [HumanMessage(question)]}, thread())
        assert len(state["attempts"]) == 3
    kept = stored((saver.storage, saver.blobs, saver.writes))
    return sum(each.count(b"What is 2 + 2?") for each in kept)


def test_no_checkpoint_has_a_message_more_often_because_the_verifier_is_given_it():
    def reads(answer, messages):
        return 0.1

    judge = JudgeVerifier(always("VERDICT: FAIL"))
    assert times_of_question(reads) == times_of_question(judge) > 0
    assert times_of_question(reads) == times_of_question(lambda answer: 0.1)
