"""Tools of local models: shown by the template, read from the reply, and called by an agent."""

import json
import time

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from tiny_models import TEMPLATE, tiny_pipeline

from langchain_markovscale import BatchedChatHuggingFace
from langchain_markovscale.local.chat_template import conversation_text
from langchain_markovscale.local.sequences import Completion
from langchain_markovscale.local.tool_calls import read_tool_calls

WITH_TOOLS = (
    "{% if tools %}tools: {{ tools | tojson }}\n{% endif %}"
    "{% for m in messages %}{{ m.role }}: {{ m.content }}"
    "{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
CALL = {"name": "multiply", "arguments": {"a": 17, "b": 23}}
JSON = json.dumps(CALL)
XML = (
    "<function=multiply>\n<parameter=a>\n17\n</parameter>\n<parameter=b>\n23\n</parameter>\n"
    "</function>"
)


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


class Scripted(BatchedChatHuggingFace):
    """Tokenizes prompts as ever, and writes what it is told."""

    def script(self, *lines):
        texts = iter(lines)
        prompts = []

        def submit(job):
            prompts.append(self.tokenizer.decode(job.prompt))
            text = next(texts)
            if job._on_text is not None:
                job._on_text(text, [])
            job.answer.set_result(Completion(text, 5, "stop", None, 1.0))

        self.engine.submit = submit
        return prompts


@pytest.fixture
def model():
    chat = Scripted(llm=tiny_pipeline())
    chat.tokenizer.chat_template = WITH_TOOLS
    yield chat
    chat.close()


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        (f"<tool_call>\n{JSON}\n</tool_call>", ""),
        (f"I multiply.\n<tool_call>{JSON}</tool_call>", "I multiply."),
        (f"<tool_call>\n{JSON}", ""),  # cut off after the call
        (f"<tool_call>\n{XML}\n</tool_call>", ""),
        (JSON, ""),
        (f"[{JSON}]", ""),
        (json.dumps({"name": "multiply", "parameters": {"a": 17, "b": 23}}), ""),
        (json.dumps({"type": "function", "function": CALL}), ""),
        (json.dumps({"name": "multiply", "arguments": '{"a": 17, "b": 23}'}), ""),
        (f"<think>By {JSON}?</think>\n{JSON}", "<think>By " + JSON + "?</think>"),
    ],
)
def test_calls_are_read_in_every_form(model, text, beside):
    model.script(text, text)
    with_tools = model.bind_tools([multiply])
    reply = with_tools.invoke("17 * 23?")
    (call,) = reply.tool_calls
    assert (call["name"], call["args"], reply.content) == ("multiply", {"a": 17, "b": 23}, beside)
    assert reply.response_metadata["finish_reason"] == "tool_calls"
    streamed = None
    for chunk in with_tools.stream("17 * 23?"):
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed.content == beside
    assert [(c["name"], c["args"]) for c in streamed.tool_calls] == [(call["name"], call["args"])]
    assert streamed.usage_metadata == reply.usage_metadata


def test_several_calls_are_several():
    tools = [{"function": {"name": "multiply"}}]
    for text in (
        f"<tool_call>{JSON}</tool_call>\n<tool_call>{JSON}</tool_call>",
        f"[{JSON}, {JSON}]",
        f"{JSON}\n{JSON}",
        f"{JSON}; {JSON}",
        f"<tool_call>{XML}{XML}</tool_call>",
    ):
        calls = read_tool_calls(text, tools).calls
        assert len({call["id"] for call in calls}) == 2
        assert all(len(call["id"]) == 9 for call in calls)


@pytest.mark.parametrize(
    "text",
    [
        "391",
        f"Such a call is {JSON}, as you see.",
        '{"answer": 391}',
        '{"name": "another", "arguments": {}}',
        f"<think><tool_call>{JSON}</tool_call></think>391",
        f"<think>It may be <tool_call>{JSON}</tool_call>, or",  # cut off in its thoughts
        "",
    ],
)
def test_what_is_no_call_stays_text(text):
    assert read_tool_calls(text, [{"function": {"name": "multiply"}}]) == (text, [], [])


@pytest.mark.parametrize("body", ["", "{", '{"name": 1}', "multiply(17, 23)", "[1]", "[" * 100_000])
def test_a_call_that_cannot_be_read_is_an_invalid_one(body):
    text, calls, (invalid,) = read_tool_calls(f"so <tool_call>{body}</tool_call>", [])
    assert (text, calls, invalid["args"]) == ("so", [], body)


PIECES = ["<tool_call>", "<function=", "<parameter=", "{", JSON, "[", XML, "multiply{"]
PIECES += [
    "multiply{}",
    "[multiply(",
    "[TOOL_CALLS]",
    "<tool_call>x</tool_call>",
    "<think>x</think>",
]


@pytest.mark.parametrize("piece", PIECES)
def test_no_reply_takes_long_to_read(piece):
    text = piece * (300_000 // len(piece))
    begin = time.perf_counter()
    read_tool_calls(text, [{"function": {"name": "multiply"}}])
    read_tool_calls(f"<tool_call>{text}", [])
    read_tool_calls(f"<tool_call><function=a>{text}", [])
    assert time.perf_counter() - begin < 3


def test_an_agent_calls_a_tool_and_answers(model):
    prompts = model.script(f"<tool_call>{JSON}</tool_call>", "It is 391.")
    agent = create_agent(model, [multiply])
    messages = agent.invoke({"messages": [HumanMessage("17 * 23?")]})["messages"]
    assert [type(message) for message in messages] == [
        HumanMessage,
        AIMessage,
        ToolMessage,
        AIMessage,
    ]
    assert messages[-1].text == "It is 391."
    assert '"name": "multiply"' in prompts[0].partition("\n")[0]
    assert '"arguments": {"a": 17, "b": 23}' in prompts[1]
    assert "tool: 391" in prompts[1]


def test_a_call_cannot_be_demanded(model):
    for choice in ("any", "required", True, "multiply", {"type": "function"}):
        with pytest.raises(NotImplementedError, match=r"tool_choice=.* cannot force"):
            model.bind_tools([multiply], tool_choice=choice)
    prompts = model.script("391")
    assert model.bind_tools([multiply], tool_choice="none").invoke("?").text == "391"
    assert "tools:" not in prompts[0]


def test_a_template_for_tools_beside_another_one_is_found(model):
    model.tokenizer.chat_template = {"default": TEMPLATE, "tool_use": WITH_TOOLS}
    prompts = model.script(JSON)
    assert model.bind_tools([multiply]).invoke("?").tool_calls
    assert prompts[0].startswith("tools:")
    assert conversation_text(model.tokenizer, [HumanMessage("?")]).startswith("<s>user: ?")
