"""The system prompt that an agent's model was sent.

An agent has it in no message of its state, and other middleware may change it with every call. So
it is read where it arrives: in the call of the model that wrote the reply.
"""

from typing import Any
from uuid import UUID

from langchain.agents.middleware import ModelRequest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage
from langchain_core.outputs import LLMResult

from langchain_markovscale._text import valid


class SystemPrompts(BaseCallbackHandler):
    """Notes with which system prompt each reply of the model calls below was made."""

    run_inline = True  # under asyncio it would otherwise cost a thread for every event

    def __init__(self) -> None:
        self._of_call: dict[UUID, BaseMessage] = {}
        self._of_reply: dict[str, BaseMessage] = {}

    def on_chat_model_start(
        self,
        serialized: dict[str, Any] | None,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        **kwargs: Any,
    ) -> None:
        """Note the first message of a call."""
        if messages and messages[0]:
            self._of_call[run_id] = messages[0][0]

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Note which reply a call has made."""
        for generation in response.generations[0][:1] if response.generations else ():
            reply = getattr(generation, "message", None)
            if isinstance(reply, BaseMessage) and reply.id and run_id in self._of_call:
                self._of_reply[reply.id] = self._of_call[run_id]

    def of(self, reply: AIMessage | None, request: ModelRequest[Any]) -> str | None:
        """Return the system prompt of a reply; None where it had none of its own.

        Args:
            reply: The reply. One that no call here has made, or that has another id since, is taken
                to be of the request.
            request: What the agent has asked for, before other middleware changed it. A system
                message of the conversation is none of the agent's.
        """
        first: BaseMessage | None = request.system_message
        if reply is not None and reply.id in self._of_reply:
            first = self._of_reply[reply.id]
        said = [message.text for message in request.messages if isinstance(message, SystemMessage)]
        if not isinstance(first, SystemMessage) or first.text in said:
            return None
        return valid(first.text)
