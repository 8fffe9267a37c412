"""Chains as `generate=`: each gets what it takes, and what it read reaches the verifier."""

from operator import itemgetter

import pytest
from fakes import SURE, Scripted, ScriptedModel, reply
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from langchain_core.tools import tool
from langchain_core.vectorstores import InMemoryVectorStore
from minilm import MiniLM
from pydantic import BaseModel

from langchain_markovscale import (
    GroundednessVerifier,
    create_markovscale_graph,
    with_markovscale,
)

RULE = {"calibration": SURE, "cost_per_round": 0.1}
FACTS = ["The lighthouse was built in 1874.", "The ferry leaves at nine."]
QUESTION = "When was the lighthouse built?"
FAIL, PASS = "VERDICT: FAIL\nPROBABILITY: 0.05", "VERDICT: PASS\nPROBABILITY: 0.95"


@pytest.fixture(scope="module")
def retriever():
    store = InMemoryVectorStore.from_texts(FACTS, MiniLM())
    return store.as_retriever(search_kwargs={"k": 1})


def as_text(documents):
    return "\n".join(document.page_content for document in documents)


def prompt_of(name="question"):
    return ChatPromptTemplate.from_template("{context}\n\nQuestion: {" + name + "}")


def passthrough_first(retriever, model):
    steps = {"question": RunnablePassthrough(), "context": retriever | as_text}
    return steps | prompt_of() | model | StrOutputParser()


def retriever_first(retriever, model):
    steps = {"context": retriever | as_text, "question": RunnablePassthrough()}
    return (steps | prompt_of() | model | StrOutputParser()).with_retry()


def with_sources(retriever, model):
    both = RunnableParallel({"context": retriever, "question": RunnablePassthrough()})
    return both.assign(answer=prompt_of() | model | StrOutputParser())


def of_a_dictionary(retriever, model):
    return RunnablePassthrough.assign(context=itemgetter("question") | retriever | as_text) | (
        prompt_of() | model
    )


def create_retrieval_chain(retriever, model):
    """What `langchain_classic.chains.create_retrieval_chain` builds."""
    documents = ((lambda given: given["input"]) | retriever).with_config(run_name="documents")
    answer = prompt_of("input") | model | StrOutputParser()
    return (RunnablePassthrough.assign(context=documents).assign(answer=answer)).with_config(
        run_name="retrieval_chain"
    )


def typed_function(retriever, model):
    def answer(question: str):
        documents = retriever.invoke(question)
        text = model.invoke(f"{as_text(documents)}\n\nQuestion: {question}").text
        return {"answer": text, "context": documents}

    return answer


CHAINS = [
    *(passthrough_first, retriever_first, with_sources, of_a_dictionary),
    *(create_retrieval_chain, typed_function),
]


@pytest.mark.parametrize("chain_of", CHAINS)
def test_a_chain_gets_the_question_in_the_form_that_it_takes(chain_of, retriever, run):
    model = ScriptedModel(script=["In 1874."])
    graph = create_markovscale_graph(
        generate=chain_of(retriever, model),
        verifier=lambda answer: 0.95,
        actions=("generate",),
        **RULE,
    )
    assert run(graph, {"question": QUESTION})["answer"] == "In 1874."
    (prompt,) = model.texts_asked(0)
    assert FACTS[0] in prompt
    assert prompt.endswith(f"\n\nQuestion: {QUESTION}")


@pytest.mark.parametrize("chain_of", [with_sources, create_retrieval_chain])
@pytest.mark.parametrize("how", ["generate", "with_markovscale"])
def test_its_documents_reach_the_verifier(chain_of, how, retriever, run):
    model = ScriptedModel(script=["In 1890.", "In 1874."])
    judge = ScriptedModel(script=[reply(FAIL), reply(PASS)])
    options = {"verifier": GroundednessVerifier(judge, documents_key="context"), **RULE}
    chain = chain_of(retriever, model)
    if how == "generate":
        graph = create_markovscale_graph(generate=chain, actions=("generate",), **options)
        answer = run(graph, {"question": QUESTION})["answer"]
    else:
        given = {"input": QUESTION} if chain_of is create_retrieval_chain else QUESTION
        answer = run(with_markovscale(chain, **options), given)
    assert answer == "In 1874."
    for call in (0, 1):
        assert FACTS[0] in judge.texts_asked(call)[1]
        assert FACTS[1] not in judge.texts_asked(call)[1]


def test_earlier_messages_are_the_chat_history_of_a_chain_that_has_one(run):
    prompt = ChatPromptTemplate.from_messages(
        [MessagesPlaceholder("chat_history"), ("human", "{input}")]
    )
    model = ScriptedModel(script=["In 1874."])
    graph = create_markovscale_graph(
        generate=prompt | model, verifier=lambda answer: 0.95, actions=("generate",), **RULE
    )
    talk = [HumanMessage("Hello"), AIMessage("Hi"), HumanMessage(QUESTION)]
    assert run(graph, {"messages": talk})["answer"] == "In 1874."
    assert model.texts_asked(0) == ["Hello", "Hi", QUESTION]


def test_a_chain_that_begins_with_a_chat_model_is_prompted_as_one(run):
    model = ScriptedModel(script=["In 1890.", "In 1874."])
    chain = model | StrOutputParser()
    graph = create_markovscale_graph(
        generate=chain,
        revise=chain,
        verifier=lambda answer: (0.95, None) if "1874" in answer else (0.05, "Look again."),
        actions=("revise",),
        **RULE,
    )
    assert run(graph, {"question": QUESTION})["answer"] == "In 1874."
    assert model.texts_asked(0) == [QUESTION]
    assert model.texts_asked(1)[:2] == [QUESTION, "In 1890."]
    assert "Look again." in model.texts_asked(1)[2]


def failing(chain):
    return create_markovscale_graph(
        generate=chain, verifier=lambda answer: 0.95, actions=("generate",), **RULE
    )


@pytest.mark.parametrize(
    ("chain", "told"),
    [
        (
            RunnableLambda(lambda given: given.upper()),
            r"generate= was called with a dictionary of 'question', 'messages', and failed with "
            r"AttributeError: 'dict' object has no attribute 'upper'.*request\['question'\]",
        ),
        (RunnableLambda(lambda given: "Q: " + given), "TypeError: .*dict"),
    ],
)
def test_a_chain_that_fails_on_a_dictionary_says_what_it_was_given(chain, told, run):
    with pytest.raises(TypeError, match=told) as raised:
        run(failing(chain), {"question": QUESTION})
    assert raised.value.__cause__ is not None


def test_a_chain_that_fails_on_a_string_says_what_it_was_given(run):
    class Strict(BaseRetriever):
        def _get_relevant_documents(self, query, **kwargs):
            return query["question"]

    with pytest.raises(TypeError, match=r"called with the question as a string.*dictionary"):
        run(failing(Strict() | as_text), {"question": QUESTION})


def test_errors_of_other_kinds_stay_as_they_are(run):
    for error in (ConnectionError("dict"), AttributeError("no such thing"), KeyError("question")):
        with pytest.raises(type(error)) as raised:
            run(failing(Scripted(error)), {"question": QUESTION})
        assert raised.value is error
    with pytest.raises(AttributeError):  # called with its own input
        run(with_markovscale(lambda given: {}.upper(), verifier=None, answer_key="text"), "Q?")


@tool
def search(query: str) -> str:
    """Find a fact."""
    return FACTS[0]


def agent_of(*answers, **options):
    calls = [reply("", search={"query": QUESTION}), *answers]
    return create_agent(ScriptedModel(script=calls), [search], **options)


@pytest.mark.parametrize("how", ["generate", "with_markovscale"])
def test_what_an_agents_tools_return_reaches_the_verifier(how, run):
    judge = ScriptedModel(script=[reply(PASS)])
    agent, options = agent_of("In 1874."), {"verifier": GroundednessVerifier(judge), **RULE}
    if how == "generate":
        graph = create_markovscale_graph(generate=agent, actions=("generate",), **options)
        assert run(graph, {"question": QUESTION})["answer"] == "In 1874."
    else:
        careful = with_markovscale(agent, **options)
        assert run(careful, {"messages": [("user", QUESTION)]}) == "In 1874."
    assert FACTS[0] in judge.texts_asked(0)[1]
    assert QUESTION in judge.texts_asked(0)[1]


class Fact(BaseModel):
    """What an agent with `response_format=Fact` gives beside its messages."""

    year: int


def test_an_agents_structured_response_is_its_answer(run):
    seen = []

    def agent(given):
        messages = [*given["messages"], AIMessage("I found it.")]
        return {"messages": messages, "structured_response": Fact(year=1874)}

    def verify(answer_object, context):
        seen.append((answer_object, context))
        return 0.95

    careful = with_markovscale(agent, verifier=verify, **RULE)
    assert run(careful, {"messages": [HumanMessage(QUESTION)]}) == Fact(year=1874)
    assert seen == [({"year": 1874}, None)]
