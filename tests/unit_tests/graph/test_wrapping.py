"""Retrieval chains in the loop: same documents for draw, verdict and revision."""

from operator import itemgetter

import pytest
from fakes import SURE, ScriptedModel, accepts, reply
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.runnables.history import RunnableWithMessageHistory
from langchain_core.vectorstores import InMemoryVectorStore
from langgraph.checkpoint.memory import InMemorySaver
from minilm import MiniLM

from langchain_markovscale import (
    Criterion,
    GroundednessVerifier,
    create_markovscale_graph,
    with_markovscale,
)

RULE = {"calibration": SURE, "cost_per_round": 0.1}
FACTS = [
    "The lighthouse of Hollow Point was built in 1874 and is 31 metres high.",
    "The ferry to Hollow Point leaves at nine in the morning and at four in the afternoon.",
    "Seals rest on the northern rocks from November to March.",
]
QUESTION = "When was the lighthouse built?"


@pytest.fixture(scope="module")
def retriever():
    store = InMemoryVectorStore.from_texts(FACTS, MiniLM())
    return store.as_retriever(search_kwargs={"k": 1})


def rag_chain(retriever, model, key="question"):
    """Retrieves for the question, answers, and returns the documents beside the answer."""
    prompt = ChatPromptTemplate.from_template("{context}\n\nQuestion: {" + key + "}")
    return RunnablePassthrough.assign(context=itemgetter(key) | retriever).assign(
        answer=prompt | model | StrOutputParser()
    )


FAIL = reply("CRITIQUE: The document says 1874.\nVERDICT: FAIL\nPROBABILITY: 0.05")
PASS = reply("VERDICT: PASS\nPROBABILITY: 0.95")


def test_draw_verdict_and_revision_see_the_same_documents(run, retriever):
    model = ScriptedModel(script=["In 1890.", "In 1874."])
    judge = ScriptedModel(script=[FAIL, PASS])
    graph = create_markovscale_graph(
        model,
        generate=rag_chain(retriever, model),
        verifier=GroundednessVerifier(judge, documents_key="context"),
        **RULE,
    )
    output = run(graph, {"question": QUESTION})
    assert output["answer"] == "In 1874."
    drawing, revision = (" ".join(model.texts_asked(call)) for call in (0, 1))
    judging = [judge.texts_asked(call)[1] for call in (0, 1)]
    for prompt in (drawing, revision, *judging):
        assert FACTS[0] in prompt
        assert FACTS[1] not in prompt
    assert "The document says 1874." in revision
    assert output["usage"]["verify"]["calls"] == 2


def test_chain_takes_its_own_input_and_returns_the_answer(run, retriever):
    model = ScriptedModel(script=["In 1890.", "In 1874."])
    judge = ScriptedModel(script=[FAIL, PASS])
    chain = rag_chain(retriever, model, key="input")
    careful = with_markovscale(chain, verifier=GroundednessVerifier(judge), model=model, **RULE)
    assert run(careful, {"input": QUESTION}) == "In 1874."
    assert "The document says 1874." in model.texts_asked(1)[-1]


def test_chain_that_nobody_revises_draws_afresh(run):
    seen = []
    model = ScriptedModel(script=["In 1890.", "In 1874."])
    chain = RunnableLambda(lambda given: seen.append(given) or given["topic"]) | model
    careful = with_markovscale(
        chain, verifier=accepts("In 1874."), question=lambda given: given["topic"], **RULE
    )
    given = {"topic": QUESTION, "tone": "dry"}
    assert run(careful, given) == "In 1874."
    assert seen == [given, given]


def test_a_criterion_that_revises_needs_a_reviser_or_other_actions(run):
    def careful(criterion):
        return with_markovscale(lambda _: "1874", verifier=accepts("1874"), criterion=criterion)

    with pytest.raises(
        ValueError, match=r'or criterion=Criterion\(…, actions=\("generate",\)\) to draw only'
    ):
        careful(Criterion(SURE, 0.1))
    assert run(careful(Criterion(SURE, 0.1, actions=("generate",))), QUESTION) == "1874"


def test_without_a_criterion_the_actions_are_what_to_give():
    with pytest.raises(ValueError, match=r'\), or actions=\("generate",\) to draw only'):
        with_markovscale(
            lambda _: "1874", verifier=accepts("1874"), actions=("revise", "generate"), **RULE
        )


def test_a_call_may_set_what_its_run_may_cost(run):
    calls = []
    careful = with_markovscale(
        lambda text: calls.append(text) or "1890", verifier=accepts("1874"), **RULE
    )
    assert run(careful, QUESTION, context={"max_rounds": 1}) == "1890"
    assert calls == [QUESTION]


def test_it_composes_on_both_sides(run):
    chain = ChatPromptTemplate.from_template("Q: {question}") | ScriptedModel(script=["1874"])
    careful = with_markovscale(chain, verifier=accepts("1874"), **RULE)
    whole = {"question": RunnablePassthrough()} | careful | RunnableLambda(int)
    assert run(whole, QUESTION) == 1874


def test_stream_of_a_composition_is_the_answer():
    careful = with_markovscale(
        ScriptedModel(script=["1890", "1874"]), verifier=accepts("1874"), **RULE
    )
    assert "".join((careful | StrOutputParser()).stream(QUESTION)) == "1874"


def test_batch_keeps_inputs_apart():
    chain = RunnableLambda(lambda given: f"{given['n']} is right")
    careful = with_markovscale(
        chain, verifier=lambda answer: 0.95, question=lambda given: f"Is {given['n']}?", **RULE
    )
    answers = careful.batch([{"n": n} for n in range(8)])
    assert answers == [f"{n} is right" for n in range(8)]


def test_plain_function_and_string_input(run):
    careful = with_markovscale(lambda text: text.upper(), verifier=accepts("WHY?"), **RULE)
    assert run(careful, "why?") == "WHY?"


def test_message_input_is_a_question(run):
    careful = with_markovscale(
        lambda message: AIMessage(message.text * 2), verifier=accepts("a?a?"), **RULE
    )
    assert run(careful, HumanMessage("a?")) == "a?a?"


def test_loop_of_a_chain_is_a_graph_with_all_that_it_says():
    careful = with_markovscale(
        lambda text: text.upper(), verifier=accepts("WHY?"), checkpointer=InMemorySaver(), **RULE
    )
    config = careful.config_for("why?", {"configurable": {"thread_id": "1"}})
    assert careful.graph.invoke({"question": "why?"}, config)["decision"]["belief"] > 0.9


@pytest.mark.parametrize("given", [{"topic": "a"}, {"question": " "}, 7, [HumanMessage("a")]])
def test_input_without_a_question_says_what_to_give(given):
    careful = with_markovscale(lambda given: "a", verifier=accepts("a"))
    with pytest.raises(ValueError, match="Give question= as the key"):
        careful.invoke(given)


def test_what_is_no_chain_is_refused():
    with pytest.raises(TypeError, match="chain must be a Runnable or a function, got int"):
        with_markovscale(3, verifier=accepts("a"))


class History(BaseChatMessageHistory):
    """The messages of a session."""

    def __init__(self):
        self.messages = []

    def add_messages(self, messages):
        self.messages.extend(messages)

    def clear(self):
        self.messages.clear()


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")
def test_a_history_of_messages_keeps_question_and_answer(run):
    history, seen, verified = History(), [], []

    def chain(given):
        seen.append(len(given["history"]))
        return "In 1874."

    def verifier(answer, messages):
        verified.append([message.text for message in messages])
        return 0.95

    with_history = RunnableWithMessageHistory(
        with_markovscale(chain, verifier=verifier, **RULE),
        lambda session_id: history,
        input_messages_key="question",
        history_messages_key="history",
    )
    session = {"configurable": {"session_id": "1"}}
    for _ in range(2):
        assert run(with_history, {"question": QUESTION}, session) == "In 1874."
    assert [message.text for message in history.messages] == [QUESTION, "In 1874."] * 2
    assert seen == [0, 2]
    assert verified == [[QUESTION], [QUESTION, "In 1874.", QUESTION]]


def test_a_wrapped_chain_is_one_run_with_its_own_input_and_output(run):
    runs = []
    chain = with_markovscale(lambda given: "In 1874.", verifier=accepts("In 1874."), **RULE)
    listening = chain.with_listeners(on_end=lambda run: runs.append((run.inputs, run.outputs)))
    run(listening, {"question": QUESTION, "style": "brief"})
    assert runs == [({"question": QUESTION, "style": "brief"}, {"output": "In 1874."})]
