"""Answer keys: equal answers meet, different ones stay apart, and no text is too much."""

import pickle
import string
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from langchain_markovscale.answers.keys import (
    boxed,
    choice_letter,
    json_field,
    last_number,
    normalized_text,
    resolve_answer_key,
)

LONG = 200_000  # characters


@pytest.mark.parametrize(
    "text",
    [
        "75",
        "75.0",
        "75.00",
        "+75",
        "075",
        "75.",
        "so it is $75.00.",
        "**75**",
        "75%",
        "= 75 apples",
        "7.5e1",
        "0.75 × 10^2",
        r"7.5 \times 10^{1}",
        "150/2",
        r"\frac{150}{2}",
        "\uff17\uff15",  # full-width digits
        "\u0667\u0665",  # Arabic-Indic digits
        "the answer is 75, since 70+5=75",
        "75 m2",
    ],
)
def test_last_number_has_one_form(text: str) -> None:
    assert last_number(text) == "75"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1,000", "1000"),
        ("1000", "1000"),
        ("1{,}000", "1000"),
        (r"1\,000", "1000"),
        ("1\u00a0000", "1000"),
        ("1,234,567.890", "1234567.89"),
        ("1, 2, 3", "3"),
        ("(12,34)", "34"),
        ("5, 6, and 7.", "7"),
        ("−5", "-5"),
        ("x = -5", "-5"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("10-12", None),
        ("20 - 5 = 15", "15"),
        ("-0.0", "0"),
        (".5", "0.5"),
        ("3/4", "0.75"),
        ("-3/4", "-0.75"),
        ("1/3", "1/3"),
        ("2/6", "1/3"),
        ("½", "0.5"),
        ("2 1/2", "2.5"),
        (r"2\frac{1}{2}", "2.5"),
        (r"\dfrac12", "0.5"),
        ("12/25/2024", "2024"),
        ("1e-3", "0.001"),
        ("答案是-5", "-5"),
        ("no number, only H2O", None),
        ("", None),
    ],
)
def test_last_number_reads_how_models_write(text: str, key: str | None) -> None:
    assert last_number(text) == key


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4))
def test_last_number_is_exact_on_decimals(number: Decimal) -> None:
    key = last_number(f"it is {number:f}.")
    assert key is not None
    assert Fraction(key) == Fraction(number)


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**30))
def test_last_number_is_exact_on_fractions(numerator: int, denominator: int) -> None:
    key = last_number(f"= {numerator}/{denominator}")
    assert key is not None
    assert Fraction(key) == Fraction(numerator, denominator)


@given(st.integers(0, 10**60), st.integers(0, 10**60))
def test_long_integers_are_not_rounded(left: int, right: int) -> None:
    assert (last_number(str(left)) == last_number(f"{right:,}")) == (left == right)


def test_an_integer_beyond_pythons_limit_on_digits_is_read() -> None:
    assert last_number("9" * 5_000 + ".0") == "9" * 5_000


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (r"so \boxed{5}", "5"),
        (r"\boxed{5} or rather \boxed{6}", "6"),
        (r"\boxed{6} and \boxed{unfinished", "6"),
        (r"$\boxed{\frac{3}{4}}$", "0.75"),
        (r"\boxed{-\tfrac{1}{2}}", "-0.5"),
        (r"\boxed{x = 5}", "5"),
        (r"\boxed{12\text{ apples}}", "12"),
        (r"\boxed{1{,}000}", "1000"),
        (r"\boxed{\$5.00}", "5"),
        (r"\boxed{50\%}", "50"),
        (r"\boxed{90^\circ}", "90"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\fbox{1} \boxed {7}", "7"),
        (r"\boxed{1} \fbox{7}", "7"),
        (r"so $\boxed 5$ in 2 steps", "5"),
        (r"$\boxed5$", "5"),
        (r"\boxed\frac12", "0.5"),
        (r"\boxed \dfrac{3}{4}", "0.75"),
        (r"\boxed-7", "-7"),
        (r"\boxed\text{B}", "B"),
        (r"\boxed{x = \fbox{5}}", "5"),
        (r"\boxed{5}. I have put it in \boxed{}.", "5"),
        (r"\boxed{\left( 1, \dfrac{x}{2} \right)}", r"(1,\frac{x}{2})"),
        (r"\boxed{\{1, 2\}}", r"\{1,2\}"),
        (r"\boxed{\text{Blue whale}}", "Bluewhale"),
        (r"\boxed{x+1}", "x+1"),
        (r"\boxed{X+1}", "X+1"),
        (r"\boxed{}", None),
        ("5", None),
    ],
)
def test_boxed_reads_the_last_closed_box(text: str, key: str | None) -> None:
    assert boxed(text) == key


@pytest.mark.parametrize(
    "text",
    [
        "B",
        "(B)",
        "**B**",
        "B.",
        "b) Paris",
        "B. Paris",
        "Answer: B",
        "answer: b",
        "**Answer:** **B**",
        "Answer: 'B'",
        "The answer is (B).",
        "Answer\n\nB\n",
        "The correct option is B) Paris",
        "Option A is wrong. Option B is correct, not option C.",
        "A) 3\nB) 4\nC) 5\nThe answer is B",
        "A) 3\nB) 4\nC) 5\nso it is B",
        r"$\boxed{B}$",
        r"\boxed{\text{B}}",
        "It must be B because A cat has four legs.",
        "I think B",
        "The best choice is B, not A",
        "答案是B",
    ],
)
def test_choice_letter_finds_the_choice(text: str) -> None:
    assert choice_letter(text) == "B"


@pytest.mark.parametrize(
    "text",
    [
        "A cat sat on the mat.",
        "Choose a number.",
        "I think so.",
        "Washington D.C. and B-flat",
        "C++ or A/B tests",
        "f(a) = 3 and A = 5",
        "a",
        "",
    ],
)
def test_prose_is_no_choice(text: str) -> None:
    assert choice_letter(text) is None


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("the answer is A and not C", "A"),
        ("The answer is A but not C.", "A"),
        ("It is A. It isn't C.", "A"),
        ("A rather than C", "A"),
        ("A or B? The answer is B.", "B"),
        ("The answer is C, not A or B.", "C"),
        ("A or B", None),
        ("The answer is A or B.", None),
        ("Either (A), (B), or (C)", None),
        ("**A** or **B**", None),
        ("not C", None),
        ("I saw it or a friend did: A.", "A"),
    ],
)
def test_a_denied_letter_or_an_alternative_is_no_choice(text: str, letter: str | None) -> None:
    assert choice_letter(text) == letter


def test_choice_letters_can_be_set() -> None:
    assert choice_letter("Answer: F") is None
    assert choice_letter("Answer: F", letters="EFG") == "F"
    assert choice_letter("I am sure: (I)", letters="HIJ") == "I"
    with pytest.raises(ValueError, match=r"distinct letters from A to Z.*'A1'"):
        choice_letter("A", letters="A1")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("The Eiffel  Tower.", "eiffel tower"),
        ("**Paris**!", "paris"),
        ("\uff30aris", "Paris"),  # full-width P
        ("Straße", "STRASSE"),
        ("75.00", "75"),
        ("$1,000", "1000"),
        ("“Yes.”", "yes"),
        ("five o\u2019clock", "five o'clock"),
        ("cafe\u0301", "caf\u00e9"),
    ],
)
def test_spelling_variants_have_one_text_key(left: str, right: str) -> None:
    assert normalized_text(left) == normalized_text(right) is not None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("5", "-5"),
        ("5!", "5"),
        ("C++", "C"),
        ("vitamin A", "vitamin"),
        (".5", "5"),
        ("A", "the"),
        ("x1", "x 1"),
    ],
)
def test_different_answers_have_different_text_keys(left: str, right: str) -> None:
    assert normalized_text(left) != normalized_text(right)


@pytest.mark.parametrize("text", ["", " \n", "?!…", "**"])
def test_nothing_has_no_text_key(text: str) -> None:
    assert normalized_text(text) is None


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"answer": 75.0}', "75"),
        ('```json\n{"answer": "75"}\n```', "75"),
        ('{"answer": 1} no, {"answer": 2}', "2"),
        (r'\frac{1}{2}, hence {"answer": "The Cat"} \text{5" wide}', "cat"),
        ('so {we say {"answer": true}}', "true"),
        ('{"answer": [1, 2.0, {"b": 1, "a": 2}]}', '["1","2",{"a":"2","b":"1"}]'),
        ('{"answer": "}{"}', "}{"),
        ('{"answer": null}', None),
        ('{"other": 1}', None),
        ('{"answer": 1} {"other": 1}', None),
        ('{"answer": 1', None),
        ("{answer: 1}", None),
        ("", None),
    ],
)
def test_json_field_reads_the_last_object(text: str, key: str | None) -> None:
    assert json_field("answer")(text) == key


def test_json_field_follows_a_path() -> None:
    text = '{"result": {"values": [3, {"x": "4"}]}, "a.b": 5}'
    assert json_field("result.values.1.x")(text) == "4"
    assert json_field("result.values.7")(text) is None
    assert json_field("result.values.x")(text) is None
    assert json_field("a.b")(text) == "5"
    with pytest.raises(ValueError, match="name of a field"):
        json_field(" ")


@pytest.mark.parametrize(
    ("name", "left", "right", "equal"),
    [
        ("json", '{"a": 1, "b": "The Cat"}', '```json\n{"b": "cat", "a": 1.0}\n```', True),
        ("json", '{"a": 1}', '{"a": 1, "b": 2}', False),
        ("json", '{"a": [1, 2]}', '{"a": [2, 1]}', False),
        ("json_set", '{"a": [1, 2]}', '{"a": [2, 1, 2.0]}', True),
        ("json_set:a", '{"a": ["Rome", "Oslo"]}', '{"a": ["oslo", "rome"]}', True),
        ("json_set:a", '{"a": [{"x": [1, 2]}]}', '{"a": [{"x": [2, 1]}]}', True),
        ("json_set:a", '{"a": ["Rome"]}', '{"a": ["Oslo"]}', False),
        ("json:a", '{"a": [1, 2]}', '{"a": [2, 1]}', False),
    ],
)
def test_whole_objects_and_sets_are_compared(name: str, left: str, right: str, equal: bool) -> None:
    key = resolve_answer_key(name)
    assert (key(left) == key(right)) is equal
    assert key(left) is not None
    assert key("no object") is None


def test_json_numbers_are_exact() -> None:
    assert json_field("n")('{"n": 12345678901234567890.10}') == "12345678901234567890.1"
    assert json_field("n")('{"n": ' + "9" * 5_000 + "}") == "9" * 5_000


KEYS = [last_number, boxed, choice_letter, normalized_text, json_field("a")]
PIECES = [*string.printable, "{", "}", '"', "\\", "\\boxed{", "\\frac{", "1,", ".", "/", "\x00"]
PIECES += ['{"a":', "\u0301", "\u0316", "\u202e", "\ud800", "½", "\\text{", "answer is ", "(A)"]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
def test_keys_are_total_and_settled(text: str) -> None:
    for key in KEYS:
        found = key(text)
        assert found is None or (isinstance(found, str) and found)
    number = last_number(text)
    assert number is None or last_number(number) == number


@pytest.mark.parametrize(
    "unit",
    [
        *("9", "1,", ",111", "1/", "1e", "1 1", "-", "$ ", " \n", "*", ".", "½", "\x00", "\ud800"),
        *("\\frac{1}{", "\\frac{1", "1 x 10", "\\boxed{", "\\text{", "{", "{}", "}", '{"', '"\\'),
        *(
            '{"a":',
            '{"a":[1,',
            '{"\\"',
            "{x}",
            "answer is ",
            "(A)",
            "A ",
            "e\u0301\u0316",
            "\ufdfa",
        ),
    ],
)
def test_long_texts_are_read_in_linear_time(unit: str) -> None:
    # Quadratic time would be hours, so to finish at all is the test.
    text = unit * (LONG // len(unit))
    for key in KEYS:
        key(text)


def test_an_answer_at_the_end_of_a_megabyte_is_found() -> None:
    text = "lorem {ipsum 1,2 (dolor) " * 40_000 + r'\boxed{7} {"a": 7}' + "\nThe answer is B"
    assert [key(text) for key in (boxed, json_field("a"), choice_letter)] == ["7", "7", "B"]
    assert last_number(text) == "7"


@pytest.mark.parametrize(
    ("name", "text", "key"),
    [
        ("last_number", "it is 7.0", "7"),
        ("boxed", r"\boxed{7}", "7"),
        ("choice", "(C)", "C"),
        ("choice:XYZ", "(Z)", "Z"),
        ("text", "The End.", "end"),
        ("normalized_text", "The End.", "end"),
        ("json:answer", '{"answer": 7}', "7"),
        ("json:a.b", '{"a": {"b": 7}}', "7"),
    ],
)
def test_names_resolve(name: str, text: str, key: str) -> None:
    assert resolve_answer_key(name)(text) == key


@pytest.mark.parametrize("name", ["number", "json:", "json_set:", "text:x", "", "boxed:1"])
def test_an_unknown_name_is_an_error_that_lists_the_names(name: str) -> None:
    with pytest.raises(
        ValueError, match=r"answer_key must be one of last_number, boxed, choice.*json:"
    ):
        resolve_answer_key(name)


def test_none_is_no_key() -> None:
    assert resolve_answer_key(None) is None


def test_what_is_neither_name_nor_callable_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"answer_key must be None, a name .* got int"):
        resolve_answer_key(7)  # type: ignore[call-overload]


def test_a_callable_is_checked_but_its_errors_are_its_own() -> None:
    def parity(text: str) -> str | None:
        return {"odd": "1", "even": "0", "empty": ""}.get(text)

    key = resolve_answer_key(parity)
    assert [key("odd"), key("even"), key("empty"), key("?")] == ["1", "0", None, None]
    assert resolve_answer_key(key) is key
    with pytest.raises(TypeError, match=r"returned 3 \(int\).*as a str, or None"):
        resolve_answer_key(len)("abc")  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        resolve_answer_key(lambda text: str(1 / 0))("abc")


def test_resolved_keys_can_be_sent_to_other_processes() -> None:
    for name in ("last_number", "choice:AB", "json:answer"):
        key = pickle.loads(pickle.dumps(resolve_answer_key(name)))
        assert key('{"answer": 7} (B) 7') is not None
    assert pickle.loads(pickle.dumps(resolve_answer_key(str.upper)))("a") == "A"
