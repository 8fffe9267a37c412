"""How long an answer is read: the key is on the way of every attempt, and texts may be hostile.

What is timed of `math` is this process: the worker has seconds of its own for what it is asked.
What is timed of `semantic` is all but its model, which reads at most 1,000 characters.
"""

import timeit
from collections.abc import Callable
from heapq import nlargest
from statistics import median
from time import process_time

import pytest
from langchain_core.messages import AIMessage
from meanings import Alike
from reading_floods import floods, repeated

from langchain_markovscale.answers import math_worker
from langchain_markovscale.answers.choices import key_for
from langchain_markovscale.answers.keys import last_number, resolve_answer_key
from langchain_markovscale.answers.mathematics import _read as read_mathematics
from langchain_markovscale.answers.particulars import _read as read_particulars
from langchain_markovscale.answers.reading import read_answer
from langchain_markovscale.answers.semantics import SemanticKey
from langchain_markovscale.answers.thoughts import split_thoughts
from langchain_markovscale.verifiers.judge_reply import read_judgement

REASONING = "Tom has 12 apples and buys 3 bags of 15 apples each, so he has 12 + 3*15 = 57. " * 5
CHINESE = "小明有12个苹果\uff0c又买了3袋\uff0c每袋15个苹果\uff0c所以他一共有12+3×15=57个苹果。" * 11
HINDI = "टॉम के पास 12 सेब हैं और वह 15 सेब के 3 थैले खरीदता है, इसलिए 12 + 45 = 57। " * 6
ANSWERS = {
    "a last number": f"{REASONING[:380]} So it is $57.00.",
    "a statement": f"{REASONING[:370]}\nThe answer is 57 apples.",
    "hashes": f"{REASONING[:390]}\n#### 57",
    "dashes and quotation marks": REASONING[:370] + " \u2014 so it\u2019s \u201c57\u201d.",
    "a correction": f"{REASONING[:350]}\nSo it is 56. Wait, it is 57.",
    "LaTeX": (r"We get $x = 12 + 3 \cdot 15 = 57$ and \(y = \frac{1}{2}\). " * 7)[:385]
    + r"\[ x = 57 \]",
    "a number in Chinese": f"{CHINESE[:392]}\u6240\u4ee5\u662f57\u3002",
    "a statement in Chinese": f"{CHINESE[:390]}\u7b54\u6848\u662f57\u4e2a\u82f9\u679c\u3002",
    "a statement in Hindi": f"{HINDI[:380]} \u0909\u0924\u094d\u0924\u0930 57 \u0939\u0948\u0964",
}
LONG = 32_000  # characters
MIXES = 600
TWO_TEXTS = "particulars of 1,000 characters"
CUT_OFF = AIMessage("", response_metadata={"finish_reason": "length"})


SEMANTIC = SemanticKey(Alike(), threshold=0.9)


def particulars(text: str) -> object:
    read_particulars.cache_clear()
    one, other = (" ".join(part.split())[:1_000] for part in (text[:2_000], text[7:2_007]))
    return SEMANTIC.decided(one, other)


def mathematics(text: str) -> object:
    read_mathematics.cache_clear()
    return resolve_answer_key("math")(text)


READERS: dict[str, Callable[[str], object]] = {
    **{
        name: resolve_answer_key(name)
        for name in (
            *("last_number", "boxed", "choice", "choice:ABCDEFGHIJKLMNOPQRSTUVWXYZ", "text"),
            *("json", "json:a", "json_set:a"),
        )
    },
    "math": mathematics,
    "semantic": SEMANTIC,
    TWO_TEXTS: particulars,
    "a list of choices": key_for(None, ["Paris", "New York", "42", "a", "3"]),
    "a list of numbers": key_for(None, ["1", "2", "3"]),
    "thoughts": split_thoughts,
    "refusals": read_answer,
    "truncation": lambda text: read_answer(text, CUT_OFF),
    "a judge's reply": read_judgement,
}


@pytest.fixture(autouse=True)
def no_worker(monkeypatch):
    monkeypatch.setattr(math_worker.WORKER, "start", lambda: None)
    monkeypatch.setattr(math_worker.WORKER, "ask", lambda seconds, **request: None)


@pytest.mark.parametrize("kind", ANSWERS)
def test_the_number_of_an_answer_is_read_in_microseconds(kind, figure):
    text = ANSWERS[kind]
    assert last_number(text) == "57"

    def microseconds() -> float:
        return 1e6 * median(timeit.repeat(lambda: last_number(text), number=5, repeat=2000)) / 5

    name = f"last_number, {len(text)} characters, {kind}"
    figure(name, microseconds, "\u00b5s", at_most=20)


def seconds(reader: Callable[[str], object], text: str) -> float:
    began = process_time()
    reader(text)
    return process_time() - began


def least(reader: Callable[[str], object], text: str) -> float:
    return min(seconds(reader, text) for _ in range(7))


def slowest(reader: Callable[[str], object], length: int) -> str:
    """The flood that takes longest: each once, the slowest again."""
    reader("9")  # its patterns are compiled
    texts = list(floods(length, mixes=MIXES))
    suspects = nlargest(12, texts, key=lambda text: seconds(reader, text))
    return max(suspects, key=lambda text: least(reader, text))


@pytest.mark.parametrize("name", READERS)
def test_a_hostile_text_is_read_in_milliseconds_and_one_twice_as_long_in_twice_the_time(
    name, figure
):
    reader = READERS[name]
    text = slowest(reader, LONG)
    what = f"{name}, {LONG} characters, the worst is {text[:12]!r}"
    figure(what, lambda: 1e3 * least(reader, text), "ms", at_most=10 if name == TWO_TEXTS else 5)
    if least(reader, text) < 5e-4:  # too short to compare
        return
    quarter = len(text) // 4
    longer = text[: 2 * quarter] + 2 * text[quarter : 3 * quarter] + text[2 * quarter :]
    times = f"{name}, twice as long"
    figure(times, lambda: least(reader, longer) / least(reader, text), "times", at_most=2.6)


def test_what_a_judge_is_shown_is_read_in_milliseconds(figure):
    def read(text):
        return read_judgement("CRITIQUE: none\nVERDICT: PASS\nPROBABILITY: 0.9", [text])

    text = slowest(read, LONG)
    what = f"the material of a judge, {LONG} characters, the worst is {text[:12]!r}"
    figure(what, lambda: 1e3 * least(read, text), "ms", at_most=20)  # read in several spellings
    reply = f"CRITIQUE: {REASONING}\nVERDICT: FAIL\nPROBABILITY: 0.1"
    usual = f"read_judgement, {len(reply)} characters"
    figure(usual, lambda: 1e6 * least(read_judgement, reply), "\u00b5s", at_most=500)


def test_what_becomes_longer_in_one_spelling_is_read_as_so_long(figure):
    for unit, size in (("\u00bd", 3), ("\u00bd ", 2), ("\ufdfa", 18)):
        text = repeated(unit, LONG)
        what = f"text, {LONG} characters, {size * LONG} of them in NFKC"
        figure(what, lambda text=text: 1e3 * least(READERS["text"], text), "ms", at_most=5 * size)
