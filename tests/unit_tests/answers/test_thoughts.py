"""Thoughts are taken off in every spelling; what only talks about them stays."""

import pytest
from hypothesis import given, strategies as st

from langchain_markovscale.answers.keys import boxed, choice_letter, last_number, normalized_text
from langchain_markovscale.answers.thoughts import split_thoughts, without_thoughts


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("<think>", "</think>"),
        ("<Think>", "</THINK>"),
        ("<thinking>", "</thinking>"),
        ('<thinking effort="high">', "</thinking>"),
        ("<thought>", "</thought>"),
        ("<seed:think>", "</seed:think>"),
        ("<analysis>", "</analysis>"),
        ("<scratchpad>", "</scratchpad>"),
        ("<reasoning>", "</reasoning>"),
        ("<inner_monologue>", "</inner_monologue>"),
        ("[THINK]", "[/THINK]"),
        ("[think]", "[/think]"),
        ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
        ("<|START_THINKING|>", "<|END_THINKING|>"),
        ("<\uff5cthink\uff5c>", "<\uff5c/think\uff5c>"),
        ("<unused94>", "<unused95>"),
        ("<|channel>thought\n", "<channel|>"),
        (
            "<|channel|>analysis<|message|>",
            "<|end|><|start|>assistant<|channel|>final<|message|>",
        ),
        ("analysis", "assistantfinal"),
    ],
)
def test_every_spelling_is_taken_off(begin: str, end: str) -> None:
    reply = f"{begin}I think 12. No: 3*5=15, plus 4 is 19{end}\n\nThe total is fifteen."
    spoken = split_thoughts(reply)
    assert spoken.text == "The total is fifteen."
    assert spoken.thoughts == "I think 12. No: 3*5=15, plus 4 is 19"
    assert not spoken.cut_off
    if begin != "analysis":  # a word of its own
        assert split_thoughts(f"{begin}I think 12. No: 3*5=15").text == ""
        assert split_thoughts(f"{begin}I think 12. No: 3*5=15").cut_off


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("12 + 7 = 19</think>\n\nnineteen", "nineteen"),
        ("so it is 19 </think> nineteen", "nineteen"),
        ("</think>nineteen", "nineteen"),
        ("<think></think>\nnineteen", "nineteen"),
        ("<think>a <think>b</think> c</think> nineteen", "nineteen"),
        ("<think>12</think>nineteen</think>", "nineteen"),
        ("<think>1</think>It is <think>no, not 3</think>nineteen", "It is nineteen"),
        ("Sure. <think>12?</think>nineteen", "Sure. nineteen"),
        ("<think>```\nx = 12\n```</think>nineteen", "nineteen"),
        ("12 is it</think>", ""),
        ("<reasoning>12</reasoning>", ""),
    ],
)
def test_thoughts_may_be_opened_by_the_template_repeated_or_all_there_is(
    reply: str, answer: str
) -> None:
    spoken = split_thoughts(reply)
    assert spoken.text == answer
    assert spoken.cut_off == (not answer)


@pytest.mark.parametrize(
    "reply",
    [
        "Use the <think> tag, and 19 is the answer.",
        "The <think> and </think> tags enclose thoughts.",
        "`<think>` opens and `</think>` closes.",
        'It begins with "<think>" and ends with "</think>".',
        "The tag </think> ends it.",
        "```html\n<think>x</think>\n```\nThat is how.",
        "[Analysis]\n12\n[Answer]\n19",
        "a < b and c > d",
        "I think 12.",
    ],
)
def test_what_talks_about_thoughts_stays(reply: str) -> None:
    assert split_thoughts(reply) == (reply, None, False)


def test_no_key_is_read_from_thoughts() -> None:
    assert last_number("<think>so 19</think>\n\nThe total is fifteen.") is None
    assert last_number("<think>Let me see: 12 + 7 = 19, then 19") is None
    assert choice_letter("<think>A? no. The answer is B?") is None
    assert boxed(r"<think>\boxed{3}</think>No box here") is None
    assert normalized_text("<think>hm</think>Paris") == "paris"


PIECES = [
    "<think>",
    "</think>",
    "[THINK]",
    "\u25c1think\u25b7",
    "`",
    "```",
    "<|channel|>",
    " a",
    "\n",
]
PIECES += ["<|channel|>final<|message|>", "analysis", "assistantfinal", "<", "\ud800", "the ", ". "]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_any_text_can_be_split(text: str) -> None:
    spoken = split_thoughts(text)
    assert (spoken.text == text) or spoken.thoughts is not None
    assert len(without_thoughts(text)) <= len(text)
