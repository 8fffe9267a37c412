"""Two tenants who ask the same questions through every surface and every cache.

What a tenant is answered begins with the tenant's name, so that an answer from another's run shows.
"""

from collections.abc import Callable, Iterator
from typing import Any

from fakes import REPAIRING, ScriptedModel, reply
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache as ModelCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.cache.memory import InMemoryCache as NodeCache
from langgraph.types import CachePolicy

from langchain_markovscale import (
    ChatMarkovScale,
    JudgeVerifier,
    MarkovScaleMiddleware,
    create_markovscale_graph,
    with_markovscale,
)

TENANTS = ("ann", "bob")
LOOP = {
    "calibration": REPAIRING,
    "max_rounds": 2,
    "cost_per_round": 0.0,
    "actions": ("revise",),
}
CACHES = ("of models", "of nodes", "both")

Ask = Callable[[str, str, bool], str]
"""Asks for a tenant, a question, by messages or as it is, and returns the answer."""


def _written(messages: list[Any]) -> Any:
    """The tenant is whoever the prompt names first."""
    words = " ".join(message.text for message in messages).split()
    return reply(f"{next(word for word in words if word in TENANTS)}: 4")


def _judged(messages: list[Any]) -> Any:
    return reply("VERDICT: FAIL\nPROBABILITY: 0.3")


def surfaces(node_cache: NodeCache | None) -> dict[str, Ask]:
    """Return what each surface does with a question, all of them over one model and one judge."""
    model = ScriptedModel(script=[_written], repeat=True)
    judge = JudgeVerifier(ScriptedModel(script=[_judged], repeat=True, model_name="judge"))
    caching: dict[str, Any] = {}
    if node_cache is not None:
        caching = {"cache": node_cache, "cache_policy": CachePolicy()}

    def write(request: dict[str, Any], config: RunnableConfig) -> Any:
        tenant = config["configurable"]["tenant"]
        return model.invoke(f"{tenant} asks: {request['question']}")

    def answered(given: dict[str, Any]) -> Any:
        return model.invoke(f"{given['tenant']} asks: {given['question']}")

    def revised(request: dict[str, Any], config: RunnableConfig) -> Any:
        return model.invoke(request["answer"].replace(":", " wrote:"))

    loop = {"verifier": judge, **LOOP, **caching}
    graph = create_markovscale_graph(generate=write, revise=write, **loop)
    chain = with_markovscale(answered, revise=revised, **loop)
    chats = {
        tenant: ChatMarkovScale(
            graph=create_markovscale_graph(
                generate=lambda request, tenant=tenant: model.invoke(tenant),
                revise=revised,
                name=tenant,
                **loop,
            )
        )
        for tenant in TENANTS
    }
    agents = {
        tenant: create_agent(
            model,
            [],
            system_prompt=f"{tenant} asks.",
            middleware=[MarkovScaleMiddleware(verifier=judge, **LOOP)],
            cache=node_cache,
        )
        for tenant in TENANTS
    }

    def of_graph(tenant: str, question: str, by_messages: bool) -> str:
        given = {"messages": [HumanMessage(question)]} if by_messages else {"question": question}
        return graph.invoke(given, {"configurable": {"tenant": tenant}})["answer"]

    def of_chain(tenant: str, question: str, by_messages: bool) -> str:
        asked = HumanMessage(question) if by_messages else question
        return chain.invoke({"tenant": tenant, "question": asked})

    def of_chat(tenant: str, question: str, by_messages: bool) -> str:
        return chats[tenant].invoke([HumanMessage(question)] if by_messages else question).text

    def of_agent(tenant: str, question: str, by_messages: bool) -> str:
        messages = [HumanMessage(question)] if by_messages else question
        return agents[tenant].invoke({"messages": messages})["messages"][-1].text

    return {"graph": of_graph, "chain": of_chain, "chat model": of_chat, "agent": of_agent}


def answers(questions: int) -> Iterator[tuple[str, str, str]]:
    """Yield the tenant, where it asked, and its answer: each question in both ways, twice."""
    for kind in CACHES:
        set_llm_cache(None if kind == "of nodes" else ModelCache())
        try:
            asked = surfaces(None if kind == "of models" else NodeCache())
            for number in range(questions):
                for name, ask in asked.items():
                    for by_messages in (True, False, True, False):
                        for tenant in TENANTS:
                            answer = ask(tenant, f"What is {number} + 2?", by_messages)
                            yield tenant, f"{name}, cache {kind}, question {number}", answer
        finally:
            set_llm_cache(None)
