"""What has a number's digits and is none: bounds, ranks and factorials; approximations are one."""

import pytest

from langchain_markovscale.answers.keys import last_number


@pytest.mark.parametrize(
    "text",
    [
        *("Answer: >42", "Answer: > 42", "Answer: \u2265 42", "x<42", "#### >42", "42+"),
        *(r"\boxed{>42}", r"x \geq 42", r"x \leqslant42", "at least 42", "more than 42"),
        *("The answer is at least 42.", "She needs at least $42.", "Answer: at least **42**"),
        *("She needs at least **42** apples", "The answer is up to 42", "42 or more", "42 at most"),
        *("\u81f3\u5c1142", "\u7b54\u6848\u662f\u8d85\u8fc742", "42\u4e2a\u4ee5\u4e0a"),
        *("\u5c11\u306a\u304f\u3068\u308242", "\ucd5c\uc18c 42", "42\uac1c \uc774\uc0c1"),
        *("La réponse est plus de 42", "au moins 42", "almeno 42", "Al menos 42", "pelo menos 42"),
        *("Die Antwort ist mehr als 42", "Höchstens 42", "не менее 42", "Ответ: более 42"),
        *("τουλάχιστον 42", "أكثر من 42", "कम से कम 42", "en az 42", "ít nhất 42"),
        *("x is greater than or equal to 42", "at the very least 42", "42 at the most", "42余"),
        *("setidaknya 42", "42 oder mehr", "42 o más", "42 trở lên"),
    ],
)
def test_a_bound_is_no_number(text):
    assert last_number(text) is None


@pytest.mark.parametrize("text", ["21st", "It is the 21st.", "on May 3rd", "2ème", "第5", "42-й"])
def test_a_rank_is_no_number(text):
    assert last_number(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("The answer is approximately 42", "It is about 42", "It adds up to 42", "moreover 42"),
        *("<answer>42</answer>", "<b>42</b>", "x => 42", "x -> 42", "Answer:\n> 42", "约42"),
        *("Since 42 > 40, the answer is 42", "3 > 2, so 42", "Answer: 42 > 40", "So it is 42!"),
    ],
)
def test_what_only_looks_like_a_bound_is_a_number(text):
    assert last_number(text) == "42"


@pytest.mark.parametrize(
    "text", ["Answer: 5!", "#### 5!", r"\boxed{5!}", "The answer is $5!$.", "x = 5!"]
)
def test_a_factorial_that_is_not_worked_out_is_no_number(text):
    assert last_number(text) is None


def test_an_exclamation_is_no_factorial():
    assert last_number("The answer is 5!") == last_number("5!") == "5"
    assert last_number("Answer: 5! I am sure.") == "5"
    assert last_number("There are 5! = 120 ways") == "120"
