"""Messages in the forms in which people have them: nothing of them is lost."""

import pytest
from langchain_core.load import dumpd
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    messages_to_dict,
)

from langchain_markovscale.traces.messages import is_message, read_messages

USAGE = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
REPORTED = {"calls": 1, "input_tokens": 5, "output_tokens": 2, "unknown": 0}
TALK = [
    SystemMessage("Be brief."),
    HumanMessage("2 + 2?"),
    AIMessage("", tool_calls=[{"name": "add", "args": {}, "id": "1"}], usage_metadata=USAGE),
    ToolMessage("4", tool_call_id="1"),
    AIMessage([{"type": "text", "text": "It "}, {"type": "text", "text": "is 4."}]),
    AIMessageChunk("It is 4.", usage_metadata=USAGE, id="run-1"),
]


@pytest.mark.parametrize(
    "form",
    [
        lambda talk: talk,
        dumpd,
        messages_to_dict,
        lambda talk: [message.model_dump() for message in talk],
        lambda talk: [message.model_dump(mode="json", exclude_none=True) for message in talk],
    ],
    ids=["objects", "dumpd", "messages_to_dict", "model_dump", "api"],
)
def test_every_form_of_langchain_has_the_same_messages(form):
    found = read_messages(form(TALK))
    assert [message.role for message in found] == [
        *("system", "user", "assistant", "tool", "assistant", "assistant"),
    ]
    assert [message.text for message in found] == [message.text for message in TALK]
    assert [message.calls_tool for message in found] == [False, False, True, False, False, False]
    assert found[2].usage == found[5].usage == REPORTED
    assert found[4].usage["unknown"] == 1


def test_pieces_of_a_stream_are_one_message():
    pieces = [AIMessageChunk("It is", id="r"), AIMessageChunk(" 4.", id="r", usage_metadata=USAGE)]
    found = read_messages([*pieces, AIMessageChunk("Other", id="s"), AIMessageChunk("Again")])
    assert [message.text for message in found] == ["It is 4.", "Other", "Again"]
    assert found[0].usage == REPORTED


OPENAI = {"prompt_tokens": 5, "completion_tokens": 2}
ANTHROPIC = {"input_tokens": 3, "cache_read_input_tokens": 2, "output_tokens": 2}
GEMINI = {"promptTokenCount": 5, "candidatesTokenCount": 2}


@pytest.mark.parametrize(
    "reply",
    [
        {"role": "assistant", "content": "4", "usage": OPENAI},
        {"choices": [{"message": {"role": "assistant", "content": "4"}}], "usage": OPENAI},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "4"}],
         "stop_reason": "end_turn", "usage": ANTHROPIC},
        {"type": "message", "role": "assistant", "usage": OPENAI,
         "content": [{"type": "output_text", "text": "4", "annotations": []}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "4"}]}}],
         "usageMetadata": GEMINI},
        {"type": "assistant", "sessionId": "s", "message": {"role": "assistant", "content": "4",
         "usage": ANTHROPIC}},
        {"type": "ai", "content": "4", "response_metadata": {"token_usage": OPENAI}},
    ],
    ids=["chat", "completion", "anthropic", "responses", "gemini", "transcript", "langchain"],
)  # fmt: skip
def test_replies_of_providers_keep_their_tokens(reply):
    (message,) = read_messages([reply])
    assert (message.role, message.text, message.usage) == ("assistant", "4", REPORTED)


@pytest.mark.parametrize(
    "call",
    [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "assistant", "content": "", "function_call": {"name": "f"}},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f"}}]},
    ],
)
def test_a_call_of_a_tool_is_seen_in_every_form(call):
    assert read_messages([call])[0].calls_tool


def test_a_result_of_a_tool_is_not_what_the_user_says():
    result = {"role": "user", "content": [{"type": "tool_result", "content": "12"}]}
    beside = {"role": "user", "content": [*result["content"], {"type": "text", "text": "note"}]}
    assert [message.role for message in read_messages([result, beside])] == ["tool", "tool"]


def test_pairs_texts_and_the_names_of_other_programs_are_messages():
    found = read_messages([("user", "a"), ["ai", "b"], "c", {"from": "gpt", "value": "d"}])
    assert [(each.role, each.text) for each in found] == [
        *(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")),
    ]


@pytest.mark.parametrize("value", [None, 3, {}, {"role": "user"}, {"content": "x"}, [1, 2], "x"])
def test_what_says_nobody_is_no_message(value):
    assert not is_message(value)


def test_what_is_no_message_is_named():
    with pytest.raises(ValueError, match=r"messages\[1\] must be a message.*'foo': 1"):
        read_messages([("user", "a"), {"foo": 1}])
