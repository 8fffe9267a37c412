"""An agent as a judge's model: it may look things up before it judges.

What it is asked is one human message, because agents have system prompts of their own. What it
takes is counted by its calls, of which its messages show only some.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.base import RunnableBindingBase
from langchain_core.runnables.config import ensure_config
from pydantic import TypeAdapter

from langchain_markovscale._meter import Meter
from langchain_markovscale._models import in_two_roles
from langchain_markovscale.types import Usage
from langchain_markovscale.verifiers.verdicts import text_of

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


class AgentReply(NamedTuple):
    """What an agent has replied.

    Attributes:
        text: Its last message; its structured response as JSON, where it has one.
        usage: The usage of all its calls; None where it made none that could be seen.
    """

    text: str
    usage: Usage | None


class AgentJudge(Runnable[Any, AgentReply]):
    """An agent that is asked like a chat model.

    Args:
        agent: A graph with `messages` in its state, such as one of `create_agent`.
    """

    def __init__(self, agent: Runnable[Any, Any]) -> None:
        self.agent = agent

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AgentReply:
        """Ask the agent."""
        meter = Meter()
        output = self.agent.invoke(_state(input), _config(config, meter), **kwargs)
        return _reply(output, meter)

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AgentReply:
        """Ask the agent, as `invoke` does."""
        meter = Meter()
        output = await self.agent.ainvoke(_state(input), _config(config, meter), **kwargs)
        return _reply(output, meter)


def is_agent(model: object) -> bool:
    """Return whether a Runnable is a graph that takes messages in its state, as agents do."""
    while isinstance(model, RunnableBindingBase):
        model = model.bound
    # Known by its channels, so that verifiers do not need LangGraph.
    return "messages" in (getattr(model, "channels", None) or ())


def _state(prompt: Any) -> dict[str, Any]:
    if isinstance(prompt, PromptValue):
        prompt = prompt.to_messages()
    messages: Sequence[BaseMessage] = [HumanMessage(prompt)] if isinstance(prompt, str) else prompt
    return {"messages": in_two_roles(messages)}


def _config(config: RunnableConfig | None, meter: Meter) -> RunnableConfig:
    metered = meter.metered_config(ensure_config(config))
    # Steps of the loop that asks are counted for that loop; an agent has a limit of its own.
    others = {name: value for name, value in metered.items() if name != "recursion_limit"}
    return cast(RunnableConfig, others)


def _reply(output: dict[str, Any], meter: Meter) -> AgentReply:
    structured = output.get("structured_response")
    if structured is not None:
        return AgentReply(_JSON.dump_json(structured).decode(), meter.usage)
    messages = output.get("messages")
    if not messages:
        raise TypeError(
            "a judge's agent must return its messages, or a structured_response, got "
            f"{sorted(map(str, output))}: its reply is the last message."
        )
    return AgentReply(text_of(messages[-1]) or "", meter.usage)
