import pytest
from hypothesis import given, strategies as st
from tiny_models import EOS, tiny_tokenizer

from langchain_markovscale.local.chat_template import TextReader

TOKENIZER = tiny_tokenizer()


def tokens_of(text):
    return TOKENIZER(text, add_special_tokens=False)["input_ids"]


def read_one_by_one(tokens, stop=()):
    reader = TextReader(TOKENIZER, stop)
    pieces = []
    for count in range(1, len(tokens) + 1):
        pieces.append(reader.read(tokens[:count], last=count == len(tokens)))
        if reader.stopped:
            break
    return reader, pieces


@given(st.text(min_size=1))
def test_pieces_add_up_to_the_text(text):
    reader, pieces = read_one_by_one(tokens_of(text))
    assert "".join(pieces) == reader.text == text


def test_a_character_of_several_tokens_comes_in_one_piece():
    _, pieces = read_one_by_one(tokens_of("a€b"))
    assert len(tokens_of("€")) == 3
    assert pieces == ["a", "", "", "€", "b"]


def test_a_character_that_is_never_completed_is_shown_at_the_end():
    reader, pieces = read_one_by_one(tokens_of("a€")[:-1])
    assert pieces[:2] == ["a", ""]
    assert reader.text.startswith("a\ufffd")


@given(
    st.text(alphabet="ab€", min_size=1, max_size=30),
    st.lists(st.text(alphabet="ab€", min_size=1, max_size=4), min_size=1, max_size=3),
)
def test_the_text_ends_before_the_first_stop_string(text, stop):
    reader, pieces = read_one_by_one(tokens_of(text), stop)
    # The stop string that is complete first ends the text.
    ends = [end for end in range(len(text) + 1) if any(text[:end].endswith(one) for one in stop)]
    expected = text
    if ends:
        seen = text[: ends[0]]
        expected = seen[: min(at for one in stop if (at := seen.find(one)) >= 0)]
    assert reader.text == "".join(pieces) == expected
    assert reader.stopped == bool(ends)


def test_what_may_begin_a_stop_string_is_withheld():
    _, pieces = read_one_by_one(tokens_of("one\n two\n\nthree"), ["\n\n"])
    assert pieces[:5] == ["o", "n", "e", "", "\n "]
    assert "".join(pieces) == "one\n two"


def test_special_tokens_are_no_text():
    reader, _ = read_one_by_one([*tokens_of("end"), EOS])
    assert reader.text == "end"


@pytest.mark.parametrize("stop", [["b"], ["ab", "b"]])
def test_reading_on_after_a_stop_changes_nothing(stop):
    reader = TextReader(TOKENIZER, stop)
    reader.read(tokens_of("ab"))
    text = reader.text
    assert reader.read(tokens_of("abc"), last=True) == ""
    assert reader.text == text
