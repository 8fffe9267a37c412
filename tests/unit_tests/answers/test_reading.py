"""What a reply says of itself: thoughts, refusals, cut off or not; and why there is no key."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from langchain_markovscale.answers.keys import resolve_answer_key
from langchain_markovscale.answers.reading import (
    Answered,
    count_without_key,
    read_answer,
    read_key,
    without_key_in_words,
)


@pytest.mark.parametrize(
    "metadata",
    [
        {"finish_reason": "length"},
        {"stop_reason": "max_tokens"},
        {"done_reason": "length"},
        {"stopReason": "max_tokens"},
        {"finish_reason": "MAX_TOKENS"},
        {"finish_reason": "FinishReason.MAX_TOKENS"},
        {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
    ],
)
def test_a_reply_that_was_cut_off_has_no_key(metadata: dict[str, Any]) -> None:
    message = AIMessage("Step by step 12", response_metadata=metadata)
    answered = read_answer(message.text, message)
    assert answered == Answered("Step by step 12", None, "truncated")
    key, kept = read_key(answered, resolve_answer_key("last_number"))
    assert (key, kept) == (None, {"no_key": "truncated"})


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (AIMessage("", additional_kwargs={"refusal": "I cannot help."}), "I cannot help."),
        (AIMessage([{"type": "refusal", "refusal": "No. Call 911."}]), "No. Call 911."),
        (
            AIMessage("", response_metadata={"finish_reason": "content_filter"}),
            "The reply was withheld: content_filter.",
        ),
        (
            AIMessage("", response_metadata={"finish_reason": "SAFETY"}),
            "The reply was withheld: safety.",
        ),
        (AIMessage("I will not.", response_metadata={"stop_reason": "refusal"}), "I will not."),
    ],
)
def test_a_refusal_is_an_answer_without_a_key(message: AIMessage, text: str) -> None:
    answered = read_answer(message.text, message)
    assert answered == Answered(text, None, "refusal")
    assert read_key(answered, resolve_answer_key("last_number"))[0] is None


@pytest.mark.parametrize(
    "message",
    [
        AIMessage("<think>12 + 7 = 19, then"),
        AIMessage("<think>12 + 7", response_metadata={"finish_reason": "length"}),
        AIMessage("", additional_kwargs={"reasoning_content": "12 + 7"}),
        AIMessage([{"type": "thinking", "thinking": "12 + 7"}]),
        AIMessage([{"type": "reasoning", "reasoning": "12 + 7"}]),
    ],
)
def test_a_reply_that_is_nothing_but_thoughts_is_no_answer(message: AIMessage) -> None:
    answered = read_answer(message.text, message)
    assert (answered.text, answered.no_key) == ("", "thoughts_only")


def test_nothing_at_all_is_left_to_the_caller() -> None:
    assert read_answer("", AIMessage("")) == Answered("")
    assert read_answer("4", AIMessage("4", response_metadata={"finish_reason": "stop"})).text == "4"


@pytest.mark.parametrize(
    ("answer_key", "text", "reason"),
    [
        ("last_number", "fifteen", "no_number"),
        ("boxed", "5", "no_box"),
        ("choice", "no idea", "no_letter"),
        ("choice", "(A) is 3, (B) is 4", "several_letters"),
        ("choice:XYZ", "A", "no_letter"),
        ("text", "?!", "no_text"),
        ("json:answer", "5", "no_json"),
        (lambda text: None, "5", "no_key"),
    ],
)
def test_what_has_no_key_says_why(answer_key: Any, text: str, reason: str) -> None:
    key, metadata = read_key(read_answer(text), resolve_answer_key(answer_key))
    assert (key, metadata) == (None, {"no_key": reason})


def test_thoughts_are_kept_apart_from_the_answer() -> None:
    answered = read_answer("<think>3*5=15, plus 4 is 19</think>\n\nThe total is 19.")
    key, metadata = read_key(answered, resolve_answer_key("last_number"))
    assert answered.text == "The total is 19."
    assert (key, metadata) == ("19", {"thoughts": "3*5=15, plus 4 is 19"})
    assert read_key(read_answer("19"), None) == (None, None)


def test_reasons_are_counted_in_words() -> None:
    attempts = [
        *[{"metadata": {"no_key": "truncated"}}] * 7,
        *[{"metadata": {"no_key": "no_number"}}] * 4,
        *[{"key": "7"}] * 469,
    ]
    counts = count_without_key(attempts)
    expected = "11 of 480 answers had no key: 7 cut off, 4 without a number."
    assert without_key_in_words(counts, len(attempts)) == expected
    assert without_key_in_words({}, 480) == ""
