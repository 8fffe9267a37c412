"""Completion models, as LangChain's `VLLM` and `VLLMOpenAI` are: text in, text out.

`VLLM` runs its engine in this process and reports no tokens; `VLLMOpenAI` asks a server and reports
them in OpenAI's form. Both are stood in for by what LangChain sees of them.
"""

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseLLM
from langchain_core.outputs import Generation, LLMResult
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
from pydantic import Field

from langchain_markovscale import create_markovscale_graph

LOOP = {"actions": ("revise",), "max_rounds": 2, "cost_per_round": 0.0}
TALK = [("user", "Hello"), ("ai", "Hello."), ("user", "What is 6 + 6?")]
SAID = "Human: Hello\nAI: Hello.\nHuman: What is 6 + 6?"


class InProcess(BaseLLM):
    """Takes a list of prompts in one call, blocks, and has no async method of its own."""

    asked: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self):
        return "vllm"

    def _generate(self, prompts, stop=None, run_manager=None, **kwargs):
        assert all(isinstance(prompt, str) for prompt in prompts)
        self.asked.extend(prompts)
        number = len(self.asked)
        return LLMResult(generations=[[Generation(text=f" It is {number}.")] for _ in prompts])


class OfServer(InProcess):
    """Reports its tokens, and awaits its server."""

    @property
    def _llm_type(self):
        return "vllm-openai"

    def _generate(self, prompts, stop=None, run_manager=None, **kwargs):
        result = super()._generate(prompts)
        usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
        return LLMResult(generations=result.generations, llm_output={"token_usage": usage})

    async def _agenerate(self, prompts, stop=None, run_manager=None, **kwargs):
        return self._generate(prompts)


def rejects(answer):
    return 0.1, "Count again."


def loop(writer, reviser=None):
    return create_markovscale_graph(
        generate=writer,
        revise=writer if reviser is None else reviser,
        verifier=rejects,
        answer_key="last_number",
        **LOOP,
    )


@pytest.mark.parametrize("kind", [InProcess, OfServer])
async def test_a_bare_model_draws_and_revises_from_the_conversation_as_text(kind):
    for call in ("invoke", "ainvoke"):
        model = kind()
        state = getattr(loop(model), call)({"messages": TALK})
        state = await state if call == "ainvoke" else state
        draw, revision = model.asked
        assert draw == SAID
        assert revision.startswith(f"{SAID}\nAI:  It is 1.\nHuman: A reviewer of your answer says")
        assert "Count again." in revision
        assert [attempt["key"] for attempt in state["attempts"]] == ["1", "2"]
        assert state["messages"][-1].type == "ai"


@pytest.mark.parametrize("given", ["model", "bound", "with_retry"])
def test_it_may_be_given_as_the_model_or_with_bindings(given):
    model = InProcess()
    made = {
        "model": model,
        "bound": model.bind(stop=["\nHuman:"]),
        "with_retry": model.with_retry(),
    }
    create_markovscale_graph(made[given], verifier=rejects, **LOOP).invoke({"messages": TALK})
    assert model.asked[0] == SAID
    assert model.asked[1].startswith(SAID)


@pytest.mark.parametrize("kind", [InProcess, OfServer])
async def test_a_prompt_of_ones_own_is_filled_from_the_request(kind):
    draw = PromptTemplate.from_template("Q: {question}\nA:")
    rework = PromptTemplate.from_template("Q: {question}\nA: {answer}\nWrong: {feedback}\nA:")
    chat = ChatPromptTemplate.from_messages([("system", "Count."), ("placeholder", "{messages}")])
    for call in ("invoke", "ainvoke"):
        model = kind()
        state = getattr(loop(draw | model, rework | model), call)({"messages": TALK})
        state = await state if call == "ainvoke" else state
        question = "Q: What is 6 + 6?\nA:"
        assert model.asked == [question, f"{question}  It is 1.\nWrong: Count again.\nA:"]
        assert len(state["attempts"]) == 2
    model = kind()
    loop(chat | model, rework | model).invoke({"messages": TALK})
    assert model.asked[0] == f"System: Count.\n{SAID}"


@pytest.mark.parametrize("kind", [InProcess, OfServer])
async def test_batches_answer_every_question(kind):
    questions = [{"question": f"What is {n} + {n}?"} for n in range(5)]
    for states in (
        loop(kind()).batch(questions, {"max_concurrency": 1}),
        loop(kind()).batch(questions),
        await loop(kind()).abatch(questions),
    ):
        asked = [state["messages"][0].text for state in states]
        assert asked == [question["question"] for question in questions]
        assert all(len(state["attempts"]) == 2 for state in states)


async def test_tokens_are_those_that_the_model_reports_and_unknown_where_it_reports_none():
    silent = loop(InProcess()).invoke({"messages": TALK})["usage"]["generate"]
    assert silent == {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 1}
    known = {"calls": 1, "input_tokens": 7, "output_tokens": 3, "unknown": 0}
    chain = PromptTemplate.from_template("Q: {question}\nA:") | OfServer()
    for writer in (OfServer(), chain):
        usage = loop(writer).invoke({"messages": TALK})["usage"]
        assert usage["generate"] == usage["revise"] == known
    assert (await loop(OfServer()).ainvoke({"messages": TALK}))["usage"]["revise"] == known


def test_draws_of_a_bare_model_go_past_langchains_cache():
    set_llm_cache(InMemoryCache())
    try:
        model = InProcess()
        graph = create_markovscale_graph(
            generate=model, verifier=rejects, **{**LOOP, "actions": ("generate",)}
        )
        state = graph.invoke({"messages": TALK})
    finally:
        set_llm_cache(None)
    assert [attempt["text"] for attempt in state["attempts"]] == [" It is 1.", " It is 2."]
