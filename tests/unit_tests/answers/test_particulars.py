"""What tells two answers apart whatever a model says, and what is one answer given shortly."""

import pytest
from hostile_texts import CLAIMS, WAYS_OUT
from hypothesis import given, strategies as st

from langchain_markovscale.answers.particulars import differ, restates

DIFFERENT = [
    ("It costs 75 euros.", "It costs 57 euros.", "number"),
    ("It costs €75.", "It costs $75.", "word"),
    ("It is -5 degrees outside.", "It is 5 degrees outside.", "number"),
    ("It ends on 12/08/2026.", "It ends on 13/09/2026.", "number"),
    ("The codes are 1,2,3.", "The codes are 7,8,3.", "number"),
    ("Meet at 10:30.", "Meet at 10:45.", "number"),
    ("seven of them came", "eight of them came", "number"),
    ("It takes ten hours.", "It takes ten days.", "word"),
    ("I rise at 6 a.m.", "I rise at 6 p.m.", "word"),
    ("It is open.", "It isn't open.", "negation"),
    ("Yes, it is open.", "No, it is open.", "negation"),
    ("The road is safe.", "The road is unsafe.", "negation"),
    ("He agreed to go.", "He refused to go.", "negation"),
    ("Take the green line to the Louvre.", "To reach Orsay take a bus.", "name"),
    ("Take the red line.", "Take the green line.", "word"),
    ("It was signed by Mr Novak.", "It was signed by Mrs Novak.", "name"),
    ("It happened under Henry VII.", "It happened under Henry VIII.", "name"),
    ("It only affects version 3.", "It affects every version except 3.", "word"),
    ("Hypertension was the cause.", "The cause was hypotension.", "word"),
    ("It is written in C++.", "It is written in C#.", "name"),
    ("We won the game.", "They won the game.", "word"),
    ("Take the red or the blue one.", "Take the red and the blue one.", "word"),
    ("on the left", "on the right", "word"),
    ("He was born in York.", "He was born in New York.", "word"),
    ("It may rain tomorrow.", "It rains tomorrow.", "word"),
    ("Only members may enter.", "Members may enter.", "word"),
    ("x = y + 1", "x = y - 1", "word"),
    ("Anna beat Ben in the final.", "Ben beat Anna in the final.", "order"),
    ("The dog was chased by the cat.", "The dog chased the cat.", "order"),
    ("From Rome to Paris", "From Paris to Rome", "order"),
]
NOT_DIFFERENT = [
    ("It weighs 3 kg.", "It weighs 3.0 kilograms."),
    ("The price is $1,000.", "The price is 1000 dollars."),
    ("Twenty people came.", "20 people came."),
    ("Open from 9 a.m. to 5 p.m.", "Open from 9 am to 5 pm"),
    ("He can't come.", "He cannot come."),
    ("The US won.", "The United States won."),
    ("Anna beat Ben.", "Ben was beaten by Anna."),
    ("The law was passed in 1932.", "In 1932 the law was passed."),
    ("Red, green and blue", "Blue, red, and green"),
    ("The aria is sung by Eva.", "Eva sings the aria."),
    ("They stopped the train.", "The train was stopped by them."),
    ("Fog held up the flight.", "The plane left late because of mist."),
]


@pytest.mark.parametrize(("one", "other", "difference"), DIFFERENT)
def test_what_is_easily_missed_tells_answers_apart(one, other, difference):
    assert differ(one, other) == differ(other, one) == difference


@pytest.mark.parametrize(("one", "other"), NOT_DIFFERENT)
def test_other_words_alone_do_not(one, other):
    assert differ(one, other) is differ(other, one) is None


@pytest.mark.parametrize(
    ("short", "sentence"),
    [
        ("canberra", "The capital of Australia is Canberra."),
        ("canberra", "Canberra is the capital."),
        ("canberra", "It's Canberra!"),
        ("Pablo Picasso", "It was painted by Pablo Picasso."),
        ("In the library", "The meeting will be held in the library."),
        ("4", "The answer is 4."),
        ("no", "No, it is closed."),
    ],
)
def test_a_sentence_gives_a_short_answer(short, sentence):
    assert restates(short, sentence)
    assert restates(sentence, short)


@pytest.mark.parametrize(
    ("short", "sentence"),
    [
        ("sydney", "The capital is not Sydney."),
        ("sydney", "Sydney is large. The capital is Canberra."),
        ("sydney", "The capital is near Sydney."),
        ("sydney", "Sydney is larger, but the capital is Canberra."),
        ("france", "Paris is the capital of France."),
        ("yes", "No, it is closed."),
        ("no", "Nobody is there."),
        ("4", "It is 4 or 5."),
        ("the red one", "The red one"),
    ],
)
def test_a_sentence_that_only_mentions_it_does_not(short, sentence):
    assert not restates(short, sentence)


ODD = [*WAYS_OUT.values(), *CLAIMS.values(), "", " ", ".", "-", "'", "C++", "\u0130\u0131", "½ ²"]


@given(st.text() | st.sampled_from(ODD), st.text() | st.sampled_from(ODD))
def test_any_two_texts_can_be_compared(one, other):
    assert differ(one, other) == differ(other, one)
    assert restates(one, other) == restates(other, one)
    assert differ(one, one) is None
