"""How a text is parted for a model that reads little at a time."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from langchain_markovscale.verifiers.documents import passages_of, sentences_of


def test_a_short_text_is_one_passage():
    assert passages_of("One. Two.", 100) == ["One. Two."]


def test_a_passage_begins_with_the_last_sentence_of_the_one_before():
    sentences = [f"Sentence number {n} is here." for n in range(10)]
    passages = passages_of(" ".join(sentences), 100)
    assert all(len(passage) <= 100 for passage in passages)
    for one, other in pairwise(sentences):
        assert any(one in passage and other in passage for passage in passages)


def test_a_sentence_that_is_too_long_is_cut():
    assert passages_of("x" * 250, 100) == ["x" * 100, "x" * 100, "x" * 50]


def test_sentences_end_with_a_mark_or_a_line():
    sentences = ["Is it?", "Yes!", "It is 3.5 m", "high."]
    assert sentences_of("Is it? Yes!\nIt is 3.5 m\n\nhigh.") == sentences


@given(st.text(alphabet="ab .\n", max_size=600))
def test_no_letter_is_lost_and_no_passage_too_long(text):
    passages = passages_of(text, 100)
    assert all(len(passage) <= 100 for passage in passages)
    for letter in "ab":
        assert "".join(passages).count(letter) >= text.count(letter)


@pytest.mark.parametrize(
    "text", [". " * 200_000, "a. " * 150_000, "\n" * 400_000, "x" * 400_000, " " * 400_000 + ".a"]
)
@pytest.mark.parametrize("longest", [100, 1_000, 1_000_000])
def test_a_long_text_takes_no_longer_than_its_length(text, longest):
    begin = time.process_time()
    passages_of(text, longest)
    passages_of(text, len(text) - 1)
    assert time.process_time() - begin < 2
