"""What a reply says of itself: thoughts, refusals, cut off or not; and why there is no key."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st
from langchain_core.messages import AIMessage
from meanings import Alike

from langchain_markovscale.answers import math_worker
from langchain_markovscale.answers.boxes import normalized_latex
from langchain_markovscale.answers.choices import key_for
from langchain_markovscale.answers.keys import resolve_answer_key
from langchain_markovscale.answers.numerals import canonical_number
from langchain_markovscale.answers.particulars import differ, restates
from langchain_markovscale.answers.reading import (
    Answered,
    count_without_key,
    joined_key,
    read_answer,
    read_key,
    why_no_key,
    without_key_in_words,
)
from langchain_markovscale.answers.refusals import is_refusal
from langchain_markovscale.answers.semantics import SemanticKey
from langchain_markovscale.verifiers.criteria import read_by_criteria
from langchain_markovscale.verifiers.judge_reply import read_judgement


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


SEMANTIC = SemanticKey(Alike(), threshold=0.9)
READERS: dict[str, Callable[[str], object]] = {
    **{
        name: resolve_answer_key(name)
        for name in ("last_number", "boxed", "choice", "choice:XYZ", "text", "json", "json_set:a")
    },
    "semantic": SEMANTIC,
    "choices": key_for(None, ["Paris", "New York", "42", "3/4"]),
    "letters": key_for(None, ["A", "b"]),
    "answer": lambda text: read_answer(text, AIMessage(text)),
    "refusal": is_refusal,
    "judge": read_judgement,
    "criteria": lambda text: read_by_criteria(text, ["a", "b"], [text]),
    "material": lambda text: read_judgement("VERDICT: PASS\nPROBABILITY: 0.9", [text]),
    "particulars": lambda text: (differ(text, text[1:]), restates(text, text[:9])),
    "alike": lambda text: SEMANTIC.decided(text, text[:40]),
    "number": canonical_number,
    "latex": normalized_latex,
}
PIECES = [
    *(
        "\ud800",
        "\x00",
        "\u202e",
        "\u0130",
        "\u00df",
        "\ufdfa",
        "\u0301",
        "\u2028",
        "½",
        "10²",
        "٣",
    ),
    *(
        "\\boxed{",
        "}",
        "{",
        '"',
        '{"a": ',
        "[1,",
        "\\frac{1}{",
        "^",
        "-",
        "…",
        "°",
        "5",
        "1,2",
        "0/0",
    ),
    *(
        "<think>",
        "</think>",
        "<|channel|>final<|message|>",
        "```",
        "[/THINK]",
        "answer is ",
        "答案是",
    ),
    *("B", "(A) or ", "no, ", "VERDICT: ", "PASS", "PROBABILITY: ", "9/0", "Criterion 1:", "e99"),
    *("I can't help with that", ", but ", "Désolé, je ne peux pas ", "not ", "U.S.", "A, b and c"),
]
ANY_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=())),
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
)


@pytest.mark.parametrize("name", READERS)
@given(text=ANY_TEXT)
@settings(max_examples=60, deadline=None)
def test_no_reader_raises_on_any_text(name: str, text: str) -> None:
    READERS[name](text)


@given(text=ANY_TEXT)
@settings(max_examples=60, deadline=None)
def test_math_raises_on_no_text_whatever_its_worker_finds(text: str) -> None:
    pytest.importorskip("math_verify")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(math_worker.WORKER, "start", lambda: None)
        patch.setattr(math_worker.WORKER, "ask", lambda seconds, **request: text or None)
        key = resolve_answer_key("math")
        found = key(text)
        why_no_key(text, key)
        assert found is None or joined_key(found, key, [{"key": "x"}])
