"""Calls of tools as models of many families write them, and as small models get them wrong."""

import json
from typing import Annotated

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_core.utils.function_calling import convert_to_openai_tool
from test_tool_calls import WITH_TOOLS, Scripted, multiply
from tiny_models import TEMPLATE, tiny_pipeline

from langchain_markovscale import MarkovScaleMiddleware
from langchain_markovscale.local.tool_calls import read_tool_calls

CITY = "Zürich \"old\" 'town' 🏠 {[<b>"


@tool
def look(city: Annotated[str, "name"], year: str | None = None, near: int | str = 0) -> str:
    """Look at a city."""
    return f"{city!r} {year!r} {near!r}"


@tool
def now() -> str:
    """Tell the time."""
    return "noon"


TOOLS = [convert_to_openai_tool(each) for each in (multiply, look, now)]
ARGS = {"a": 17, "b": 23}
JSON = json.dumps(ARGS)
WHOLE = json.dumps({"name": "multiply", "arguments": ARGS})


@pytest.mark.parametrize(
    ("text", "beside"),
    [
        (f"<function=multiply>{JSON}</function>", ""),  # Llama 3.1, functionary 3.1
        (f"I multiply.\n<function=multiply>{JSON}", "I multiply."),
        (f"multiply{JSON}", ""),  # newer Mistral: [TOOL_CALLS] and [ARGS] are special tokens
        (f"[TOOL_CALLS]multiply[ARGS]{JSON}", ""),
        (f"[TOOL_CALLS]multiply[CALL_ID]a1b2c3d4e[ARGS]{JSON}", ""),
        (f"[TOOL_CALLS] [{WHOLE}]", ""),
        (f"So: [TOOL_CALLS][{WHOLE}]", "So:"),
        (f"<|python_tag|>{WHOLE}", ""),
        (f">>>multiply\n{JSON}", ""),  # functionary 3.2
        (f"<|tool_call|>[{WHOLE}]<|/tool_call|>", ""),  # Phi 4
        (f"<TOOLCALL>[{WHOLE}]</TOOLCALL>", ""),  # Nemotron
        (f"<tool_calls>[{WHOLE}]</tool_calls>", ""),  # Jamba
        ("<|tool_call_start|>[multiply(a=17, b=23)]<|tool_call_end|>", ""),  # LFM2
        ("<function_calls>multiply(a=17, b=23)</function_calls>", ""),  # OLMo 3
        ("[multiply(a=17, b=23)]", ""),  # Llama 4
        ("multiply(a=17, b=23)", ""),
        (
            f'<|START_ACTION|>[{{"tool_call_id": "0", "tool_name": "multiply", '
            f'"parameters": {JSON}}}]<|END_ACTION|>',  # Command R
            "",
        ),
        (f"functions.multiply:0 {JSON}", ""),  # Kimi K2
        (f"```json\n{WHOLE}\n```", ""),
        (f"```json\n[{WHOLE}]\n```", ""),
        (f"<tool_call>\n{WHOLE}}}\n</tool_call>", ""),  # a bracket too many
        (f"<tool_call>\n{WHOLE[:-1]}\n</tool_call>", ""),  # one too few
        (f"<tool_call>\n{WHOLE[:-2]}\n</tool_call>", ""),
        (f"<tool_call>{{'name': 'multiply', 'arguments': {ARGS}}}</tool_call>", ""),
        (f"<tool_call>{WHOLE[:-1]},}}</tool_call>", ""),  # a comma too many
        (f"<thinking>By {WHOLE}?</thinking>\n{WHOLE}", f"<thinking>By {WHOLE}?</thinking>"),
        (
            f"<think>By <tool_call>{WHOLE}</tool_call></think>So <tool_call>{WHOLE}</tool_call>.",
            f"<think>By <tool_call>{WHOLE}</tool_call></think>So .",
        ),
    ],
)
def test_a_call_is_read_in_the_form_of_its_family(text, beside):
    found = read_tool_calls(text, TOOLS)
    assert [(call["name"], call["args"]) for call in found.calls] == [("multiply", ARGS)]
    assert (found.text, found.invalid) == (beside, [])


@pytest.mark.parametrize(
    "text",
    [
        f"<function=multiply>{JSON}</function><function=now>{{}}</function>",
        f"multiply{JSON}now{{}}",
        f"[TOOL_CALLS]multiply[ARGS]{JSON}[TOOL_CALLS]now[ARGS]{{}}",
        "[multiply(a=17, b=23), now()]",
        f'{WHOLE}; {{"name": "now", "parameters": {{}}}}',
        f'<tool_call>{WHOLE}</tool_call><tool_call>{{"name": "now"}}</tool_call>',
        f'<tool_call>{WHOLE}</tool_call><tool_call>{{"name": "now", "arguments": ""}}</tool_call>',
        f'<tool_call>[{WHOLE}, {{"name": "now", "arguments": null}}]</tool_call>',
        f"<tool_call>{WHOLE}</tool_call><think>And now?</think><tool_call>now()</tool_call>",
    ],
)
def test_calls_made_at_once_are_all_read(text):
    found = read_tool_calls(text, TOOLS)
    calls = [(call["name"], call["args"]) for call in found.calls]
    assert (calls, found.invalid) == ([("multiply", ARGS), ("now", {})], [])


@pytest.mark.parametrize("form", ["json", "escaped", "string", "xml", "xml_json", "python", "dict"])
def test_arguments_come_through_as_they_were_written(form):
    args = {"city": CITY, "year": "1874", "near": 3}
    call = {"name": "look", "arguments": args}
    python = ", ".join(f"{name}={value!r}" for name, value in args.items())
    text = {
        "json": json.dumps(call, ensure_ascii=False),
        "escaped": json.dumps(call),
        "string": json.dumps({"name": "look", "arguments": json.dumps(args)}),
        "xml": f"<function=look>\n<parameter=city>\n{CITY}\n</parameter>\n"
        "<parameter=year>1874</parameter><parameter=near>3</parameter></function>",
        "xml_json": f"<function=look>{json.dumps(args)}</function>",
        "python": f"[look({python})]",
        "dict": repr(call),
    }[form]
    for written in (text, f"<tool_call>{text}</tool_call>"):
        (read,) = read_tool_calls(written, TOOLS).calls
        assert read["args"] == args


def test_an_argument_that_is_a_string_or_nothing_may_be_nothing():
    text = "<function=look><parameter=city>null</parameter><parameter=year>null</parameter>"
    (call,) = read_tool_calls(text, TOOLS).calls
    assert call["args"] == {"city": "null", "year": None}


@pytest.mark.parametrize(
    "text",
    [
        "The result is multiply(a=17, b=23).",
        "multiply(a=17, b=later)",
        "multiply(17, 23)",
        'other{"a": 1}',
        "other(a=1), now()",
        '{"name": "now", "city": "Bern"}',  # an answer about a place called now
        f"<thinking>I could <tool_call>{WHOLE}</tool_call></thinking>391",
        f"[THINK]multiply{JSON}[/THINK]391",
        "now",
        "[]",
        "()",
        "'\\d'",
    ],
)
def test_what_only_looks_like_a_call_stays_text(text):
    assert read_tool_calls(text, TOOLS) == (text, [], [])


@pytest.mark.parametrize(
    "body", ['{"name": "look", "arguments": {"city": "Zür', "multiply(17, 23)", WHOLE[:-1], "now!"]
)
def test_a_call_that_was_cut_off_is_not_made_up(body):
    text, calls, (invalid,) = read_tool_calls(f"So: <tool_call>{body}", TOOLS)
    assert (text, calls, invalid["args"]) == ("So:", [], body)
    good = read_tool_calls(f"<tool_call>{body}x</tool_call><tool_call>{WHOLE}</tool_call>", TOOLS)
    assert (len(good.calls), len(good.invalid)) == (1, 1)


@pytest.fixture
def model():
    chat = Scripted(llm=tiny_pipeline())
    chat.tokenizer.chat_template = WITH_TOOLS
    chat.engine.context = 10_000  # of the tiny model's own; it computes nothing here
    yield chat
    chat.close()


def test_an_agent_gets_every_result_and_learns_of_tools_that_are_none(model):
    calls = f'{WHOLE}\n{{"name": "fly", "arguments": {{}}}}\n{{"name": "now"}}'
    marked = "".join(f"<tool_call>{each}</tool_call>" for each in calls.splitlines())
    prompts = model.script(marked, "At noon it is 391.")
    agent = create_agent(model, [multiply, look, now])
    messages = agent.invoke({"messages": [HumanMessage("17 * 23, and when?")]})["messages"]
    results = [each.text for each in messages if isinstance(each, ToolMessage)]
    assert (results[0], results[2]) == ("391", "noon")
    assert "fly is not a valid tool" in results[1]
    assert [text in prompts[1] for text in ("tool: 391", "not a valid tool", "tool: noon")]
    assert messages[-1].text == "At noon it is 391."


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_local_agent_in_the_loop_calls_tools_in_each_attempt(model, asynchronous):
    prompts = model.script(WHOLE, "It is 381.", "[multiply(a=17, b=23)]", "It is 391.")
    seen = []

    def verifier(answer, messages):
        seen.append([type(message) for message in messages])
        return (0.99, None) if "391" in answer else (0.01, "Multiply again.")

    agent = create_agent(
        model,
        [multiply],
        middleware=[MarkovScaleMiddleware(verifier=verifier, max_rounds=2, cost_per_round=0.001)],
    )
    asked = {"messages": [HumanMessage("17 * 23?")]}
    output = await agent.ainvoke(asked) if asynchronous else agent.invoke(asked)
    assert output["messages"][-1].text == "It is 391."
    assert ToolMessage in seen[0]
    assert "Multiply again." in prompts[2]
    assert AIMessage in seen[1]


def test_a_template_that_knows_the_word_but_shows_no_tool_is_refused(model):
    for template in (
        TEMPLATE + "{# tools are not shown #}",
        "{% if tools %}{{ raise_exception('No tools here') }}{% endif %}" + TEMPLATE,
        "{% if tools is none %}tools: none{% endif %}" + TEMPLATE,
    ):
        model.tokenizer.chat_template = template
        with pytest.raises(NotImplementedError, match=r"chat template of .* does not show tools"):
            model.bind_tools([multiply])
