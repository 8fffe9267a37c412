"""The number that a text gives: every style of writing it, and which of several numbers counts."""

import random
from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest

from langchain_markovscale.answers.keys import last_number
from langchain_markovscale.answers.numerals import canonical_number


@pytest.mark.parametrize(
    ("text", "key"),
    [
        # groupings
        ("₹1,00,000", "100000"),
        ("₹12,00,000", "1200000"),
        ("₹3,50,000", "350000"),
        ("₹7,00,000", "700000"),
        ("₹1,23,45,678.50", "12345678.5"),
        ("1 000 000 people", "1000000"),
        ("10 000", "10000"),
        ("1'234'567", "1234567"),
        ("CHF 1\u2019234.50", "1234.5"),
        ("1.234.567", "1234567"),
        ("1_000_000", "1000000"),
        (r"1\,234\,567", "1234567"),
        ("1 234 567,89", "1234567.89"),
        ("1\u202f234\u202f567", "1234567"),
        ("100 200 300", None),
        ("1,00,00", None),
        ("1,234,56", None),
        ("in 2024 100 people", "100"),
        # decimal signs
        ("1.234,56", "1234.56"),
        ("12{,}5", "12.5"),
        ("0,5", "0.5"),
        ("12,5 kg", "12.5"),
        ("12,5 %", "12.5"),
        ("12,50 €", "12.5"),
        ("12,5", None),
        ("Rp 50.000", "50000"),
        ("50.000 ₫", "50000"),
        ("€1.500", None),
        ("0.125", "0.125"),
        # scripts
        ("١٢٫٥", "12.5"),
        ("١٬٢٣٤٬٥٦٧", "1234567"),
        ("१२,३४,५६७", "1234567"),
        ("\uff11\uff0c\uff12\uff13\uff14\uff0e\uff15", "1234.5"),
        # units
        ("The area is 25 m^2", "25"),
        ("The area is 25 m²", "25"),
        ("9.8 m/s^2", "9.8"),
        ("9.8 m s^{-2}", "9.8"),
        (r"$25\text{ cm}^2$", "25"),
        ("30°", "30"),
        (r"30^\circ", "30"),
        ("x_1 = 5 and not x_2", "5"),
        ("x^2 = 16", "16"),
        ("the answer is x^2", None),
        ("85%", "85"),
        ("US$5", "5"),
        # fractions, powers, words of size
        ("1 1/2", "1.5"),
        ("1½", "1.5"),
        ("2 ½ cups", "2.5"),
        ("3⁄4", "0.75"),
        ("5/0", None),
        ("1/2/3", None),
        ("10^5", "100000"),
        ("10³", "1000"),
        ("1.5 × 10⁻³", "0.0015"),
        (r"6.02 \cdot 10^{23}", "602000000000000000000000"),
        ("2^10", None),
        ("2.5 million", "2500000"),
        ("$5M", "5000000"),
        ("$1.5 billion", "1500000000"),
        ("3 lakh", "300000"),
        ("5万", "50000"),
        ("300K", None),
        # not one number
        ("10–12", None),
        ("It takes 10 – 12 days.", None),
        ("10~12", None),
        ("10 to 12 days", None),
        ("it rises from 10 to 12", "12"),
        ("10 or 12", None),
        ("10:30", None),
        ("2024-05-06", None),
        ("version 3.11.2", None),
        ("5 ± 0.1", None),
        (r"5 \pm 0.1", None),
        ("1-1/2", None),
        (r"2\sqrt{3}", None),
        ("√2", None),
        ("2π", None),
        (r"2\pi", None),
        ("Tom has 3x apples", None),
        ("3 dozen", None),
        (r"\sqrt{16} = 4", "4"),
        # joined to another numeral: telephone numbers, dates, ranges, versions, identifiers
        ("Call 555-1234", None),
        ("The answer is 555-1234.", None),
        ("(555) 123-4567", None),
        ("+1 555 123 4567", None),
        ("+44 20 7946 0958", None),
        ("+49 30/123456", None),
        ("4111 1111 1111 1111", None),
        ("ISBN 978-3-16-148410-0", None),
        ("ISBN 978 3 16 148410 0", None),
        ("12345-6789", None),
        ("2024-05", None),
        ("2023-24", None),
        ("1999-2000", None),
        ("12-Apr-2024", None),
        ("1.2.3-beta.4", None),
        ("192.168.0.1", None),
        ("12h30", None),
        ("It takes 10-12 days", None),
        ("12-13°C", None),
        ("5%-10%", None),
        ("$5-$10", None),
        ("1,200-1,500", None),
        ("10am-5pm", None),
        ("10—12", None),
        ("10..12", None),
        ("10...12", None),
        ("5 bis 10", None),
        ("5 à 10", None),
        ("от 5 до 10", None),
        ("5到10", None),
        ("1 in 5", None),
        ("1-800-FLOWERS", None),
        ("5 x 10", None),
        ("45°30'", None),
        ("2a7daf109e69", None),
        ("x+2", None),
        ("7-3", None),
        ("7-3=4", "4"),
        ("So it is...5", "5"),
        ("a 5-year plan", "5"),
        ("a 3.5-inch disk", "3.5"),
        ("= -3", "-3"),
        # times
        ("It opens at 9 am.", None),
        ("It closes at 5 p.m.", None),
        ("9 o\u2019clock", None),
        ("Um 14 Uhr 30", None),
        ("\u4e0b\u53483\u70b9", None),
        ("15\u6642", None),
        ("\u79c1\u306f3\u6642\u9593\u5f85\u3063\u305f", "3"),
        ("le 9 h 15", None),
        ("It takes 9 h", "9"),
        # ranges, and what is not worked out
        ("It takes 10 - 12 days.", None),
        ("5 cm - 8 cm", None),
        ("$10 - $12", None),
        ("10 \u2014 12", None),
        ("10 -12", None),
        ("So it is 15 - 3 + 2", None),
        ("x = 3 * 4", None),
        (r"x = 3 \times 4", None),
        ("10 - 12 = -2", "-2"),
        ("So 10 - 12 is -2", "-2"),
        (r"x = 3 \times 4 = 12", "12"),
        ("- 12", "12"),
        # ratios, remainders, bounds, dates
        ("The ratio is 3 : 4.", None),
        ("It is 50/50.", None),
        ("So each gets 42 R 3", None),
        ("The answer is 42 with a remainder of 3.", None),
        ("so x > 0", None),
        (r"x \\geq 5", None),
        ("on May 5, 2024", None),
        ("\uc815\ub2f5\uc740 3\ub9cc 5\ucc9c\uc6d0\uc785\ub2c8\ub2e4", None),
        ("x = 3 or x = 5", None),
        ("\u0033\u4e07\u0035\u5343", None),
        ("12 cm × 3 cm", None),
        ("12%\u201315%", None),
        ("5G", None),
        ("1.234 Euro", None),
        ("2,5 Millionen", "2500000"),
        # repeating, cut off, uncertain
        ("0.(3)", None),
        ("0.333...", None),
        ("0.3\u0305", None),
        ("5(1)", None),
        ("1.23e-4kg", None),
        ("I have 5... no more", "5"),
        # pieces of something else
        ("The answer is not 42.", None),
        ("The answer is not 42. It is 43.", "43"),
        ("La respuesta es 1.500.", None),
        ("Die Antwort ist 2.500 Euro", None),
        ("The answer is 1.500", "1.5"),
        ("The answer is x^2 + 3", None),
        ("The answer is log_2 8", None),
        ("The answer is 2 hours and 30 minutes.", None),
        ("It is 5 ft 10 in", None),
        ("He has 3 dollars and 5 apples.", "5"),
        ("0b101", None),
        # not a number
        ("The total is fifteen.", None),
        ("GPT-4 agrees", None),
        ("1. Add them.\n2. Double it.\nThat makes fifteen.", None),
        ("1. Add 3.\n2. Double it.\nThat makes fifteen.", "3"),
        # lists
        ("1,2,3", "3"),
        ("(12,34)", "34"),
        ("[1,2,30]", "30"),
    ],
)
def test_a_numeral_is_read_whole_or_not_at_all(text: str, key: str | None) -> None:
    assert last_number(text) == key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("#### $1,200\nI used 3 steps.", "1200"),
        ("The final answer is 42. I checked it with 2 methods.", "42"),
        ("#### 15\n\nQuestion: Tom has 4 pens.\n#### 11", "15"),
        ("The answer is 15.\n\nQ: Next?\nA: The answer is 11.", "15"),
        ("Question: what is 3 + 4?\nAnswer: 7", "7"),
        ("Answer: 42\n\nConfidence: 95%", "42"),
        ("It is 42.\nConfidence: 95%", "42"),
        ("It is 42.\nOverall confidence in the correctness of this answer: 95%", "42"),
        ("Confidence interval is 5 to 12. So 7", "7"),
        (r"\boxed{42}. That took 3 steps.", "42"),
        ("So she has **42** apples. This took 3 steps.", "42"),
        ("**12** apples and **30** pears make 42", "42"),
        ("There are **3** boxes of 14, so 42 in all.", "42"),
        ("Answer: 3 + 4 = 7", "7"),
        ("Answer: 20 = 5 × 4", "20"),
        ("the answer is 12, since 5+7=12", "12"),
        ("The answer is the sum of 3 and 4, which is 7.", "7"),
        ("The answer is that Tom has 42 apples. I used 2 methods.", "42"),
        ("The answer to question 3 is 42. I used 2 methods.", "42"),
        ("**Result:** 42\nI used 2 methods.", "42"),
        ("The final result is 42, after 3 steps.", "42"),
        ("Endergebnis: 42 (2 Wege)", "42"),
        ("**Answer:** 42 (of 50)", "42"),
        ("**Final Answer: 42**\n\n2 methods agree.", "42"),
        (r"Answer: $x = 5$ in 2 steps", "5"),
        (r"Answer: \(5\) in 2 steps", "5"),
        ("Answer: -$5, in 2 steps", "-5"),
        ("#### 3. Add\nSo it is 7", "7"),
        ("Total: 12 (=3*4)", None),
        ("It is 3.14 (rounded to 2 decimal places).", "3.14"),
        ("Result = 42 units (3 s.f.)", "42"),
        ("42 is the final answer. There are 3 reasons.", "42"),
        ("[ANSWER]42[/ANSWER] in 3 steps", "42"),
        ("Die Antwort ist 3,5.", "3.5"),
        ("\u041e\u0442\u0432\u0435\u0442: 3,14", "3.14"),
        ("The answer is negative 7.", "-7"),
        ("It is minus 7", "-7"),
        ("Twice the number minus 12", None),
        ("The answer is 5! = 120", None),
        # corrections
        ("The answer is 12. Wait: the answer is 15", "15"),
        ("The answer is 12. Actually, it is 15. I used 2 methods.", "15"),
        ("The answer is 12. Wait, I forgot 3. So the total is 15.", "15"),
        ("The answer is 42. Wait, let me check with 2 methods. Yes.", "42"),
        ("The answer is not 12 but 15.", "15"),
        ("The answer is 12. Oops, I meant 15.", "15"),
        ("The answer is no longer 13. It is 12.", "12"),
        # another number that is rejected, a unit, tags, a mark within a line
        ("The result is 72, not 73.", "72"),
        ("It is 72 (not 73)", "72"),
        ("We get 72 instead of 73.", "72"),
        ("答案是72，而不是73。", "72"),
        ("The answer (in dollars) is 72. See 3.", "72"),
        ("<final_answer>72</final_answer>\n3 steps", "72"),
        ("So it is 70 + 2. #### 72\nI used 3 steps.", "72"),
        ("Steps:\n1. 8*9=72\n2. Done", "72"),
        # stated, but not as one number
        (r"$\boxed{12 \text{ or } 13}$", None),
        ("The answer is fifteen. I used 2 methods.", None),
        ("The answer is 10 or 12.", None),
        ("The answer is between 10 and 12.", None),
        ("Answer: 3 + 4", None),
        (r"\boxed{2\sqrt{3}} after 2 steps", None),
        # other languages
        ("答案是42。我用了2种方法。", "42"),
        ("答えは42です。2回確かめました。", "42"),
        ("정답은 42입니다. 2번 확인했습니다.", "42"),
        ("La réponse est 42. J'ai vérifié 2 fois.", "42"),
        ("La risposta è 42. Ho usato 2 metodi.", "42"),
        ("La respuesta es 42. Usé 2 métodos.", "42"),
        ("A resposta é 42. Usei 2 métodos.", "42"),
        ("Die Antwort ist 1.234,5. Ich habe 2 Wege geprüft.", "1234.5"),
        ("Ответ: 42. Проверил 2 раза.", "42"),
        ("Η απάντηση είναι 42. Έκανα 2 ελέγχους.", "42"),
        ("الإجابة هي ٤٢. تحققت ٢ مرات.", "42"),
        ("उत्तर 42 है। 2 बार जाँचा।", "42"),
        ("Cevap 42'dir. 2 kez baktım.", "42"),
        ("Đáp án là 42. Tôi đã kiểm tra 2 lần.", "42"),
        ("Jawabannya adalah 42. Saya memakai 2 cara.", "42"),
    ],
)
def test_a_stated_number_counts_before_a_later_one(text: str, key: str | None) -> None:
    assert last_number(text) == key


# ---- A number printed in any style, within any answer

# How the locales of CLDR group digits and separate decimals, each pair of signs once.
WESTERN_STYLES = [
    *((",", "."), (".", ","), (" ", ","), ("\u00a0", ","), ("\u202f", ","), ("\u00a0", ".")),
    *(("'", "."), ("\u2019", "."), ("\u2019", ","), ("_", "."), ("\u2e41", "."), ("\u060c", ".")),
    *(("\u066c", "\u066b"), (r"\,", "."), ("{,}", "."), ("", "."), ("\u2009", "."), (",\\!", ".")),
]
SCRIPTS = ["\u0660", "\u06f0", "\u0966", "\u09e6", "\u0e50", "\uff10", "\u0be6", "\u1040"]  # zeros


def grouped(digits: str, separator: str, *, size: int = 3) -> str:
    """Print digits in groups: the last of three, the others of `size`."""
    head, tail = digits[:-3], digits[-3:]
    groups = []
    while head:
        groups.insert(0, head[-size:])
        head = head[:-size]
    return separator.join([*groups, tail])


def in_western_style(number: str, group: str, decimal: str) -> str:
    integer, _, decimals = number.partition(".")
    return grouped(integer, group) + (decimal + decimals if decimals else "")


def in_script(number: str, zero: str) -> str:
    return "".join(chr(ord(zero) + int(d)) if d.isdigit() else d for d in number)


def styles(rng: random.Random) -> Iterator[tuple[str, str]]:
    """Yield numbers as they are printed, each with its canonical form."""
    whole = str(rng.choice([rng.randint(1, 99), rng.randint(1_000_000, 10**9)]))
    large = f"{rng.randint(1_000_000, 10**9)}.{rng.randint(1, 9)}{rng.randint(1, 9)}"
    small = f"{rng.randint(0, 99)}.{rng.randint(1, 9)}"
    ratio = Fraction(rng.randint(1, 9), 10)
    for number in (whole, large, small):
        yield number, number
        yield in_script(number, rng.choice(SCRIPTS)), number
        yield f"${number}", number
        yield f"{number}%", number
        yield f"-{number}", f"-{number}"
        yield f"\u2212{number}", f"-{number}"
    for group, decimal in WESTERN_STYLES:
        yield in_western_style(large, group, decimal), large
    integer, _, decimals = large.partition(".")
    yield f"₹{grouped(integer, ',', size=2)}.{decimals}", large
    yield f"{whole} m^2", whole
    yield f"{whole} km/h", whole
    yield rf"{whole}\text{{ cm}}^3", whole
    yield f"{ratio.numerator}/{ratio.denominator}", canonical_number(str(float(ratio))) or ""
    yield rf"\frac{{{ratio.numerator}}}{{{ratio.denominator}}}", str(float(ratio))
    yield "2 1/4", "2.25"
    yield "7¾", "7.75"
    yield f"{small} × 10^6", canonical_number(f"{small}e6") or ""
    yield rf"{small} \times 10^{{6}}", canonical_number(f"{small}e6") or ""
    yield f"{small}e6", canonical_number(f"{small}e6") or ""
    yield f"{small} million", canonical_number(f"{small}e6") or ""


LEADS: list[Callable[[str], str]] = [
    "{}".format,
    "The answer is {}".format,
    "3 boxes of 5 make 15, with the rest in bags.\n\nFinal answer: {}".format,
    "We add 3 and 4.\n#### {}".format,
    "Let me compute: 3 + 4 = 7.\n**Answer:** {}".format,
    "First there are 3 of them. In the end it is **{}**".format,
    "After 2 steps we get $\\boxed{{{}}}$".format,
    "1. Count the 5 pens.\n2. Add the rest.\n\nSo the total is {}".format,
    "The answer is 17. Wait, I made a mistake. The answer is {}".format,
    "答案是{}".format,
    "La réponse est : {}".format,
    "Therefore, x = {}".format,
    "Answer:\n\n{}".format,
]
TAILS = ["", ".", "\n", "!", "\n\nI hope this helps!", ".\n\nConfidence: 95%", " .", "\n```"]
STATED_TAILS = [
    ". I checked it with 2 methods.",
    "\n\nThis took 3 steps.",
    ".\n\nQuestion: Tom has 4 pens. How many?\nHe has 4.",
    "\n(see step 2)",
    ". There were 30 at first.",
    "; 7 of them were red.",
    "\nNote: 100 is too many.",
    ".\n\n- used 3 facts\n- took 2 minutes",
]


def test_a_number_in_any_style_is_read_back_from_any_answer() -> None:
    rng = random.Random(7)
    wrong, unread, cases = [], [], 0
    for _ in range(6):
        for printed, key in styles(rng):
            for index, lead in enumerate(LEADS):
                stated = index not in (0, 7, 11)
                tail = rng.choice([*TAILS, *STATED_TAILS] if stated else TAILS)
                text, cases = lead(printed) + tail, cases + 1
                found = last_number(text)
                if found is None:
                    unread.append(text)
                elif found != key:
                    wrong.append((text, found, key))
    assert cases >= 2_000
    assert wrong == []
    assert len(unread) <= cases / 100, unread[:10]


@pytest.mark.parametrize(("group", "decimal"), WESTERN_STYLES)
@pytest.mark.parametrize("number", ["1234567.89", "98765432.1", "1000000", "-1234567.5", "0.125"])
def test_the_forms_of_all_locales_are_read(number: str, group: str, decimal: str) -> None:
    printed = in_western_style(number, group, decimal)
    sign = number.startswith("-")
    printed = "-" + in_western_style(number[1:], group, decimal) if sign else printed
    assert last_number(f"The result: {printed}") == number
