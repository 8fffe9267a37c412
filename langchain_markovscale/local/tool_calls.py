"""Tools for local models: what a chat template shows of them, and the calls in what a model wrote.

Templates write tools each in its own way; what models write back has three forms: JSON or XML
between `<tool_call>` tags (Hermes, Qwen, SmolLM3), and JSON that is the whole reply, one call or a
list (Llama, Mistral).
"""

import json
import re
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from langchain_core.messages import InvalidToolCall, ToolCall
from langchain_core.messages.tool import tool_call
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_markovscale.answers.thoughts import opens_with_thoughts, split_thoughts

_TAGGED = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_FUNCTION = re.compile(r"<function=([^<>\s]{1,200})>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^<>\s]{1,200})>\n?(.*?)\n?(?:</parameter>|\Z)", re.DOTALL)
_GAP = re.compile(r"[\s;,]*")
_DECODER = json.JSONDecoder(strict=False)


def shows_tools(tokenizer: Any) -> bool:
    """Return whether a tokenizer's chat template, or one of several, has a place for tools."""
    template = str(getattr(tokenizer, "chat_template", None))
    return re.search(r"\btools\b|\btool_use\b", template) is not None


def tool_options(tokenizer: Any, tools: Sequence[Any], tool_choice: Any) -> dict[str, Any]:
    """Return the option by which a call of a local model is given tools.

    Args:
        tokenizer: The model's tokenizer.
        tools: Tools in any of the forms that LangChain takes.
        tool_choice: None, `"auto"`, or `"none"`; nothing can make a local model call a tool.

    Raises:
        NotImplementedError: If the chat template shows no tools, or a call is demanded.
    """
    if not shows_tools(tokenizer):
        raise NotImplementedError(
            f"The chat template of {tokenizer.name_or_path!r} has no tools: take a model whose "
            "template has them, or serve the model with vLLM or TGI and use langchain-openai."
        )
    if tool_choice not in (None, False, "auto", "none"):
        raise NotImplementedError(
            f"tool_choice={tool_choice!r} demands a call, and the local engine cannot force one: "
            "leave it out, or serve the model with vLLM and use langchain-openai."
        )
    return {"tools": [] if tool_choice == "none" else [convert_to_openai_tool(t) for t in tools]}


class ToolCalls(NamedTuple):
    """What a model wrote, taken apart.

    Attributes:
        text: The text beside the calls.
        calls: The calls.
        invalid: Calls that cannot be read.
    """

    text: str
    calls: list[ToolCall]
    invalid: list[InvalidToolCall]


def read_tool_calls(text: str, tools: Sequence[dict[str, Any]]) -> ToolCalls:
    """Return the calls of tools in a reply.

    Args:
        text: The whole reply.
        tools: The tools that the model was given, as the OpenAI API describes them.
    """
    # A call that is thought of is not made.
    if opens_with_thoughts(text) and split_thoughts(text).cut_off:
        return ToolCalls(text, [], [])
    _, thought, answer = text.rpartition("</think>")
    tagged = _TAGGED.findall(answer)
    if tagged:
        found = [(_parsed(body), body) for body in tagged]
        beside = text[: len(text) - len(answer)] + _TAGGED.sub("", answer)
        calls = [call for read, _ in found for call in read or []]
        return ToolCalls(
            beside.strip(),
            calls,
            [
                InvalidToolCall(
                    type="invalid_tool_call",
                    name=None,
                    args=body.strip(),
                    id=_id(),
                    error="The call is neither JSON with a name nor <function=…>.",
                )
                for read, body in found
                if not read
            ],
        )
    names = {tool["function"]["name"] for tool in tools}
    whole = _parsed(answer) or []
    if whole and all(call["name"] in names for call in whole):
        return ToolCalls(thought and text[: len(text) - len(answer)].strip(), whole, [])
    return ToolCalls(text, [], [])


def _parsed(body: str) -> list[ToolCall] | None:
    """Return the calls that a text consists of, None where it is something else."""
    if functions := _FUNCTION.findall(body):
        return [
            _call(name, {key: _value(value) for key, value in _PARAMETER.findall(inside)})
            for name, inside in functions
        ]
    calls: list[ToolCall] = []
    position, body = 0, body.strip()
    while position < len(body):
        try:
            value, position = _DECODER.raw_decode(body, position)
        except (ValueError, RecursionError):
            return None
        for each in value if isinstance(value, list) else [value]:
            call = _call_in(each)
            if call is None:
                return None
            calls.append(call)
        position = _GAP.match(body, position).end()  # type: ignore[union-attr]  # it may be empty
    return calls


def _call_in(value: Any) -> ToolCall | None:
    """Return the call that a value of JSON is, None where it is something else."""
    named = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(named, dict) or not isinstance(named.get("name"), str):
        return None
    arguments = named.get("arguments", named.get("parameters"))
    if isinstance(arguments, str):
        arguments = _value(arguments)
    return _call(named["name"], arguments) if isinstance(arguments, dict) else None


def _value(written: str) -> Any:
    try:
        return _DECODER.decode(written.strip())
    except (ValueError, RecursionError):
        return written


def _call(name: str, arguments: dict[str, Any]) -> ToolCall:
    return tool_call(name=name, args=arguments, id=_id())


def _id() -> str:
    return uuid.uuid4().hex[:9]  # Mistral's templates take nine letters and no more
