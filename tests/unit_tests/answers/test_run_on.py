"""An answer after which the model goes on with a question of its own."""

import pytest

from langchain_markovscale.answers.keys import boxed, choice_letter, last_number


@pytest.mark.parametrize(
    "text",
    [
        "She has 42 apples.\n\nQ: Tom has 5 pens. How many?\nHe has 5.",
        "The answer is 42.\n\nQ: Next?\nA: The answer is 11.",
        "42\nHuman: Thanks! What is 3+4?\nAssistant: It is 7.",
        "42\n\n### Question 2: What is 5*5?\n25",
        "42\n\n问题：3加4是多少？\n得7",
        "42\n\n**Frage:** Was ist 3+4?\n7",
        "42\n\nВопрос: сколько будет 3+4?\nБудет 7",
        "42<|im_end|>\n<|im_start|>user\nWhat is 3+4?",
        "Question: what is 40 + 2?\nAnswer: 42",
        "Let me repeat it.\nQuestion: what is 40 + 2?\nAnswer: 42",
        "1. Compute 40+1.\nExample: 41+1=42",
    ],
)
def test_the_number_before_a_new_question_counts(text):
    assert last_number(text) == "42"


def test_a_question_that_may_be_the_first_one_repeated_leaves_no_number():
    assert last_number("I see 2 ways.\n\nQuestion: what is 3+4?\nThe answer is 7.") is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B\n\nQuestion: What is the capital?\nA. x\nB. y\nAnswer: C", "B"),
        ("The answer is B.\n\nQ: Next?\nA: C", "B"),
        ("Answer: (A)\n\nHuman: and this one?\nAnswer: D", "A"),
        ("Question: which?\nAnswer: C", "C"),
    ],
)
def test_the_letter_before_a_new_question_counts(text, letter):
    assert choice_letter(text) == letter


def test_the_box_before_a_new_question_counts():
    assert boxed("So \\boxed{5}.\n\nQuestion: what is 3+4?\n\\boxed{7}") == "5"
    assert boxed("Question: what is 3+4?\n\\boxed{7}") == "7"


@pytest.mark.parametrize("box", ["box", "boxed", "Boxed", "fbox", "fboxed", "framebox"])
def test_a_box_of_every_name_is_read_by_every_key(box):
    assert boxed(rf"\{box}{{5}}") == "5"
    assert last_number(rf"\{box}{{5}} in 2 steps") == "5"
    assert choice_letter(rf"A? B? \{box}{{B}}") == "B"
    assert boxed(r"\boxplus{5}") is None
