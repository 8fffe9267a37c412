"""What `with_markovscale(…, returns="output")` returns: an output of the chain's own form."""

import pytest
from fakes import SURE, ScriptedModel, accepts
from langchain.agents import create_agent
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough
from langchain_core.runnables.history import RunnableWithMessageHistory
from langgraph.cache.memory import InMemoryCache
from langgraph.types import CachePolicy
from pydantic import BaseModel

from langchain_markovscale import with_markovscale

RULE = {"calibration": SURE, "cost_per_round": 0.1, "returns": "output"}
QUESTION = "When was the lighthouse built?"
PAGES = [Document("It was built in 1874."), Document("The ferry leaves at nine.")]


class Year(BaseModel):
    """A year."""

    year: int


def drawing(*outputs):
    """A chain that returns these outputs in turn, and takes anything."""
    left = iter(outputs)
    return lambda given: next(left)


def test_a_dictionary_is_that_of_the_best_attempt(run):
    wrong = {"input": QUESTION, "context": PAGES[1:], "answer": "1890", "seconds": 1}
    right = {"input": QUESTION, "context": PAGES[:1], "answer": "1874", "seconds": 2}
    for outputs in ((wrong, right), (right, wrong)):
        careful = with_markovscale(drawing(*outputs), verifier=accepts("1874"), **RULE)
        output = run(careful, {"input": QUESTION})
        assert output == right
        assert list(output) == list(right)


def test_a_revision_stands_in_the_dictionary_of_the_draw_that_it_revises(run):
    chain = RunnablePassthrough.assign(pages=lambda _: PAGES).assign(answer=lambda _: "1890")
    careful = with_markovscale(
        chain, verifier=accepts("1874"), model=ScriptedModel(script=["1874"]), **RULE
    )
    given = {"question": QUESTION, "style": "brief"}
    assert run(careful, given) == {**given, "pages": PAGES, "answer": "1874"}


@pytest.mark.parametrize("key", ["answer", "output", "text"])
def test_the_answer_keeps_its_key_and_its_class(run, key):
    for wrong, right in (
        ("1890", "1874"),
        (AIMessage("1890"), AIMessage("1874")),
        (Year(year=1890), Year(year=1874)),
        ({"year": 1890}, {"year": 1874}),
    ):
        careful = with_markovscale(
            drawing({key: wrong}, {key: right}),
            verifier=lambda answer: 0.99 if "1874" in answer else 0.01,
            **RULE,
        )
        output = run(careful, QUESTION)
        assert output.keys() == {key}
        assert type(output[key]) is type(right)
        assert getattr(output[key], "text", right) == getattr(right, "text", output[key])


def test_a_message_is_the_message_of_the_best_attempt(run):
    wrong = AIMessage("1890", response_metadata={"model_name": "a"})
    right = AIMessage("1874", response_metadata={"model_name": "b", "finish_reason": "stop"})
    careful = with_markovscale(drawing(wrong, right), verifier=accepts("1874"), **RULE)
    message = run(careful, QUESTION)
    assert isinstance(message, AIMessage)
    assert message.text == "1874"
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["markovscale"]["attempts"] == 2


def test_texts_and_typed_answers_are_as_ever(run):
    model = ScriptedModel(script=['{"answer": 1890}', '{"answer": 1874}'])
    for chain, answer in (
        (drawing("1890", "1874"), "1874"),
        (drawing(Year(year=1890), Year(year=1874)), Year(year=1874)),
        (model | JsonOutputParser(), {"answer": 1874}),
    ):
        careful = with_markovscale(
            chain, verifier=lambda answer: 0.99 if "1874" in answer else 0.01, **RULE
        )
        assert run(careful, QUESTION) == answer


@pytest.mark.parametrize("asked", [HumanMessage(QUESTION), ("user", QUESTION)])
def test_an_agent_gives_the_conversation_with_the_answer(run, asked):
    agent = create_agent(ScriptedModel(script=["1890", "1874"]), [])
    careful = with_markovscale(agent, verifier=accepts("1874"), **RULE)
    output = run(careful, {"messages": [asked]})
    assert [message.text for message in output["messages"]] == [QUESTION, "1874"]
    assert output.keys() == {"messages"}


def test_what_is_answered_from_a_cache_has_the_form_of_the_chain(run):
    cache = {"cache": InMemoryCache(), "cache_policy": CachePolicy(), **RULE}

    def careful(chain):
        return with_markovscale(chain, verifier=accepts("1874"), name="same", **cache)

    right = {"context": PAGES, "answer": "1874"}
    once = careful(drawing(right))
    assert run(once, {"question": QUESTION}) == right
    assert run(once, {"question": QUESTION}) == right


def test_two_runs_at_once_get_each_its_own_dictionary():
    def chain(given):
        return {"input": given["input"], "pages": [given["input"]], "answer": given["input"]}

    careful = with_markovscale(chain, verifier=lambda answer: 0.95, **RULE)
    inputs = [{"input": f"number {n}"} for n in range(20)]
    for given, output in zip(inputs, careful.batch(inputs), strict=True):
        assert output == chain(given)


@pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainDeprecationWarning")
@pytest.mark.parametrize("form", ["dictionary", "message", "text", "agent"])
def test_a_history_of_messages_keeps_what_was_asked_and_answered(run, form):
    history = InMemoryChatMessageHistory()
    outputs = {
        "dictionary": {"context": PAGES, "answer": "1874"},
        "message": AIMessage("1874"),
        "text": "1874",
        "agent": {"messages": [HumanMessage(QUESTION), AIMessage("1874")]},
    }
    keys = {"dictionary": "answer", "agent": "messages"}
    careful = with_markovscale(lambda _: outputs[form], verifier=lambda answer: 0.95, **RULE)
    with_history = RunnableWithMessageHistory(
        careful,
        lambda session_id: history,
        input_messages_key="question",
        history_messages_key="history",
        output_messages_key=keys.get(form),
    )
    run(with_history, {"question": QUESTION}, {"configurable": {"session_id": "1"}})
    assert [message.text for message in history.messages] == [QUESTION, "1874"]


def test_it_composes_with_what_takes_the_chains_output(run):
    prompt = ChatPromptTemplate.from_template("{question}")
    model = ScriptedModel(script=["1890", "1874"])
    careful = with_markovscale(prompt | model, verifier=accepts("1874"), **RULE)
    assert run(careful | StrOutputParser(), {"question": QUESTION}) == "1874"


def test_another_word_is_refused():
    with pytest.raises(ValueError, match=r"returns must be 'answer' or 'output', got 'all'"):
        with_markovscale(str, verifier=accepts("a"), returns="all")
