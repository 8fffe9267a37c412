"""How long an answer is read: the key is on the way of every attempt, and texts may be hostile."""

from time import process_time

import pytest

from langchain_markovscale.answers.keys import (
    boxed,
    choice_letter,
    json_field,
    last_number,
    normalized_text,
)
from langchain_markovscale.answers.thoughts import split_thoughts
from langchain_markovscale.verifiers.judge_reply import read_judgement

REASONING = "Tom has 12 apples and buys 3 bags of 15 apples each, so he has 12 + 3*15 = 57. " * 5
ANSWERS = {
    "a last number": f"{REASONING[:380]} So it is $57.00.",
    "a statement": f"{REASONING[:370]}\nThe answer is 57 apples.",
    "hashes": f"{REASONING[:390]}\n#### 57",
}
LONG = 32_000  # characters
# Without characters that NFKC makes many of: they are read as so many.
UNITS = [
    *("9", "$", "-", "\u00b2", "A", "H2", "<", "{", "}", "*", "\x00", "\ud800", "\u00e9", "1,"),
    *("1/", ",111", "1.", "1'", "1e", "1^", "(A)", "**A**"),
    *("1 ", "1 x 10", "#### 5\n", "answer is ", "answer is 5 ", "\\boxed{", "**5** "),
    *("wait, 5 ", "\u7b54\u6848\u662f", "\u9009A", "1. a\n", "A ", "A, ", "A or ", "\nA"),
    *("\nA. x", "e\u0301\u0316", "<think>", "</think>", "a <think> b ", "[think]", "```"),
    *("<|channel|>final<|message|>", '{"a":', '{"', '{"a": 1}', "\\text{", "\\frac{1}{", " \n"),
]
READERS = {
    "last_number": last_number,
    "boxed": boxed,
    "choice": choice_letter,
    "text": normalized_text,
    "json": json_field("a"),
    "thoughts": split_thoughts,
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_the_number_of_an_answer_is_read_in_microseconds(kind, benchmark, figure):
    text = ANSWERS[kind]
    assert last_number(text) == "57"
    benchmark.pedantic(last_number, args=(text,), rounds=2000, iterations=5, warmup_rounds=200)
    name = f"last_number, {len(text)} characters, {kind}"
    figure(name, 1e6 * benchmark.stats.stats.median, "µs", at_most=20)


JUDGED = [
    "VERDICT: PASS\n",
    "<verdict>",
    "VERDICT: ",
    "confidence of a ",
    "Yes.\n",
    "{'a': '",
    "{a: ",
]


def test_a_hostile_judgement_is_read_in_milliseconds(figure):
    def seconds(text):
        began = process_time()
        read_judgement(text)
        return process_time() - began

    read_judgement("VERDICT: PASS")  # its patterns are compiled
    texts = [unit * (LONG // len(unit)) for unit in [*UNITS, *JUDGED]]
    worst = max(min(seconds(text) for _ in range(5)) for text in texts)
    what = f"read_judgement, {LONG} characters, the worst of {len(texts)} texts"
    figure(what, 1e3 * worst, "ms", at_most=10)  # braces and bare lines
    reply = f"CRITIQUE: {REASONING}\nVERDICT: FAIL\nPROBABILITY: 0.1"
    usual = min(seconds(reply) for _ in range(20))
    figure(f"read_judgement, {len(reply)} characters", 1e6 * usual, "µs", at_most=500)


@pytest.mark.parametrize("name", READERS)
def test_a_hostile_text_is_read_in_milliseconds(name, figure):
    def seconds(text):
        READERS[name]("9")  # its patterns are compiled
        began = process_time()
        READERS[name](text)
        return process_time() - began

    texts = [unit * (LONG // len(unit)) for unit in UNITS]
    worst = max(min(seconds(text) for _ in range(5)) for text in texts)
    what = f"{name}, {LONG} characters, the worst of {len(UNITS)} texts"
    figure(what, 1e3 * worst, "ms", at_most=5)
