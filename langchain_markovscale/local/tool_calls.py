"""Tools for local models: what a chat template shows of them, and the calls in what a model wrote.

Templates write tools each in its own way, and so do models their calls: as JSON or XML between
`<tool_call>` tags (Hermes, Qwen, SmolLM3), as `<function=name>` (Llama 3.1, functionary), as the
whole reply in JSON, one call or a list (Llama, Mistral), as a name before its arguments (newer
Mistral, functionary), or as calls in Python (Llama 4, LFM2, OLMo). Most marks of a call are special
tokens, which the reply no longer has.
"""

import ast
import json
import re
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from langchain_core.messages import HumanMessage, InvalidToolCall, ToolCall
from langchain_core.messages.tool import tool_call
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_markovscale.answers.thoughts import split_thoughts
from langchain_markovscale.local.chat_template import conversation_text

_NAMES = "tool_?calls?|function_?calls?"
_MARKED = re.compile(
    rf"(?:<\|?(?:{_NAMES})(?:_start)?\|?>|\[TOOL_CALLS\]|<\|python_tag\|>|<\|START_ACTION\|>)"
    r"(?P<body>.*?)"
    rf"(?:(?P<closed></\|?(?:{_NAMES})\|?>|<\|/?(?:{_NAMES})(?:_end)?\|>|<\|END_ACTION\|>)"
    r"|(?=\[TOOL_CALLS\])|\Z)"
    r"|(?P<function><function=[^<>\s]{1,200}>.*?(?:</function>|\Z))",
    re.DOTALL | re.IGNORECASE,
)
_FUNCTION = re.compile(r"<function=([^<>\s]{1,200})>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^<>\s]{1,200})>\n?(.*?)\n?(?:</parameter>|\Z)", re.DOTALL)
_NAMED = re.compile(
    r"(?:functions?[.:])?(?P<name>[\w.-]{1,100})(?::\d{1,9})?\s{0,9}(?:\[CALL_ID\]\w{1,40})?"
    r"(?:\[ARGS\])?\s{0,9}(?:```json\s{0,9})?(?=\{)"
)
_GAP = re.compile(r"(?:[\s;,\]}]|>>>|```(?:json|python|tool_\w{1,9})?)*+")
_DECODER = json.JSONDecoder(strict=False)
_LONGEST_PYTHON = 20_000
_MOST_CALLS = 200  # more are no reply of a model; they stay text
_BRACKETS_LEFT_OUT = ("}", "}}", "]", "}]", "}}]")
_BESIDE_ARGUMENTS = frozenset({"name", "tool_name", "function", "type", "id", "tool_call_id"})


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
    given = [convert_to_openai_tool(each) for each in tools]
    if not _are_shown(tokenizer, given):
        raise NotImplementedError(
            f"The chat template of {tokenizer.name_or_path!r} does not show tools: take a model "
            "that was trained to call them, or set tokenizer.chat_template."
        )
    if tool_choice not in (None, False, "auto", "none"):
        raise NotImplementedError(
            f"tool_choice={tool_choice!r} demands a call, and the local engine cannot force one: "
            "leave it out, or serve the model with vLLM and use langchain-openai."
        )
    return {"tools": [] if tool_choice == "none" else given}


def _are_shown(tokenizer: Any, tools: Sequence[dict[str, Any]]) -> bool:
    try:
        shown = conversation_text(tokenizer, [HumanMessage("?")], tools=tools) if tools else ""
    except ValueError:  # it refuses tools
        return False
    return all(tool["function"]["name"] in shown for tool in tools)


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

    Calls that are marked as such may stand beside text and name any tool; without marks the whole
    reply must be calls of tools that the model was given. What is a call by its marks and cannot be
    read is an invalid one; brackets that are left out or too many at its end are no reason for it.

    Args:
        text: The whole reply.
        tools: The tools that the model was given, as the OpenAI API describes them.
    """
    spoken = split_thoughts(text)
    if spoken.cut_off:  # a call that is thought of is not made
        return ToolCalls(text, [], [])
    given = {tool["function"]["name"]: _types_of(tool["function"]) for tool in tools}
    marked = [*islice(_MARKED.finditer(spoken.text), _MOST_CALLS)]
    if not marked:
        calls = _calls_in(spoken.text, given) or []
        if not calls or any(call["name"] not in given for call in calls):
            return ToolCalls(text, [], [])
        return ToolCalls(_without(text, [spoken.text]), calls, [])
    calls, invalid = [], []
    for mark in marked:
        body = mark["body"] if mark["function"] is None else mark["function"]
        read = _calls_in(body, given, closed=mark["closed"] is not None)
        calls += read or []
        if not read:
            invalid.append(_unread(body))
    return ToolCalls(_without(text, [mark[0] for mark in marked]), calls, invalid)


def _without(text: str, parts: Sequence[str]) -> str:
    """Return a text without parts that stand in it in this order, the last of their like."""
    kept: list[str] = []
    end = len(text)
    for part in reversed(parts):
        start = text.rfind(part, 0, end)
        if start >= 0:
            kept.append(text[start + len(part) : end])
            end = start
    return "".join([text[:end], *reversed(kept)]).strip()


_Given = Mapping[str, Mapping[str, frozenset[str]]]
"""By the names of tools, what types each of their arguments may have."""


def _types_of(function: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    properties = (function.get("parameters") or {}).get("properties") or {}
    return {name: frozenset(_types_in(schema)) for name, schema in properties.items()}


def _types_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        one = schema.get("type")
        yield from [one] if isinstance(one, str) else one or ()
        for each in schema.get("anyOf") or ():
            yield from _types_in(each)


def _calls_in(body: str, given: _Given, *, closed: bool = False) -> list[ToolCall] | None:
    """Return the calls that a text consists of, None where it is something else.

    Args:
        body: The text.
        given: The tools.
        closed: Whether its end is marked, so that it was not cut off.
    """
    calls: list[ToolCall] = []
    position = _after_gap(body, 0)
    while position < len(body):
        if function := _FUNCTION.match(body, position):
            found, end = _in_xml(function[1], function[2], given), function.end()
        else:
            named = _NAMED.match(body, position)
            try:
                value, end = _DECODER.raw_decode(body, named.end() if named else position)
                found = _calls_of({"name": named["name"], "arguments": value} if named else value)
            except (ValueError, RecursionError):
                rest = body[position:].strip("`\n ")
                found, end = (closed and _repaired(rest)) or _in_python(rest), len(body)
        if not found or len(calls) > _MOST_CALLS:
            return None
        calls += found
        position = _after_gap(body, end)
    return calls


def _after_gap(body: str, position: int) -> int:
    gap = _GAP.match(body, position)
    return position if gap is None else gap.end()


def _in_xml(name: str, inside: str, given: _Given) -> list[ToolCall] | None:
    """Return the call that `<function=name>` is, with its arguments in JSON or one by one."""
    if inside.lstrip().startswith("{"):
        return _calls_of({"name": name, "arguments": inside})
    parameters = _PARAMETER.findall(inside)
    if inside.strip() and not parameters:
        return None
    types = given.get(name, {})
    return [_call(name, {key: _typed(value, types.get(key)) for key, value in parameters})]


def _typed(written: str, types: frozenset[str] | None) -> Any:
    """Return an argument: what may be nothing but a string is none of the numbers it looks like."""
    if types and types <= {"string", "null"}:
        return None if written == "null" and "null" in types else written
    return _value(written)


def _calls_of(value: Any) -> list[ToolCall] | None:
    """Return the calls that a value of JSON is, None where it is something else."""
    found = [_call_in(each) for each in (value if isinstance(value, list) else [value])]
    calls = [call for call in found if call is not None]
    return calls if len(calls) == len(found) else None


def _call_in(value: Any) -> ToolCall | None:
    if not isinstance(value, dict):
        return None
    function = value.get("function")
    if isinstance(function, dict):
        return _call_in(function)
    name = value.get("name", value.get("tool_name", function))
    keys = [key for key in ("arguments", "parameters", "args") if key in value]
    if not isinstance(name, str) or not (keys or value.keys() <= _BESIDE_ARGUMENTS):
        return None
    arguments = value[keys[0]] if keys else {}
    if isinstance(arguments, str):
        arguments = _value(arguments)
    arguments = arguments or {}  # None and "" are what calls without arguments have
    return _call(name, arguments) if isinstance(arguments, dict) else None


def _repaired(body: str) -> list[ToolCall] | None:
    """Return the calls in JSON that lacks brackets at its end."""
    for brackets in _BRACKETS_LEFT_OUT:
        if found := _calls_of(_value(body + brackets)):
            return found
    return None


def _in_python(body: str) -> list[ToolCall] | None:
    """Return the calls that an expression of Python is, or dictionaries in its form."""
    if len(body) > _LONGEST_PYTHON:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that Python does not have
            tree = ast.parse(body, mode="eval").body
        parts = tree.elts if isinstance(tree, (ast.List, ast.Tuple)) else [tree]
        if not all(isinstance(part, ast.Call) for part in parts):
            return _calls_of(ast.literal_eval(tree))
        return [_call(*_named_arguments(part)) for part in parts if isinstance(part, ast.Call)]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _named_arguments(call: ast.Call) -> tuple[str, dict[str, Any]]:
    if call.args or not all(keyword.arg for keyword in call.keywords):
        raise ValueError("A call without the names of its arguments cannot be read.")
    given = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    return ast.unparse(call.func), given


def _value(written: str) -> Any:
    try:
        return _DECODER.decode(written.strip())
    except (ValueError, RecursionError):
        return written


def _call(name: str, arguments: dict[str, Any]) -> ToolCall:
    return tool_call(name=name, args=arguments, id=_id())


def _unread(body: str) -> InvalidToolCall:
    return InvalidToolCall(
        type="invalid_tool_call",
        name=None,
        args=body.strip(),
        id=_id(),
        error="The call is neither JSON with a name, nor <function=…>, nor a call in Python.",
    )


def _id() -> str:
    return uuid.uuid4().hex[:9]  # Mistral's templates take nine letters and no more
