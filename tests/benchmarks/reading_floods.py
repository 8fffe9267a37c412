"""Hostile texts: what the readers look for, repeated, mixed, and wrapped in what they read."""

import random
from collections.abc import Iterator

from langchain_markovscale.answers.languages import LANGUAGES
from langchain_markovscale.answers.refusals import REFUSALS

SIGNS = [  # each a character
    *"9$-\u00b2A<{}*\x00\ud800\u00e9()[]\"'`~|#>:;,.!?=+/\\_%&@\u2013\u2014\u2026\u2044\u00d7\u00b7",
    *"\u221a\u00b1\u03c0\u00b0\u20ac\u20b9\u00df\u0301\u0316\uff10\u0669\u096b\uff21\u24b7\U0001d400\u0130",
    *"\u4e2d\u3042\uc548\u044f\u03b1\u0628\u0905\u011f\u0111\U0001f600\u2705\u274c\u201c\u201d\u2018\u2019",
    *" \n\t\r\u00a0\u2028\u2029\x85\u3000\u200b\u202e",
]
NUMBERS = [
    *(
        "2\u00bd ",
        "10\u00b2",
        "10\u00b2 ",
        "1 ",
        "1, ",
        "1,",
        "1.",
        "1'",
        "1/",
        ",111",
        "1e",
        "1^",
        "10^",
        "2^10 ",
    ),
    *(
        "1 x 10",
        "1 000 ",
        "100 200 ",
        "1,00,000 ",
        "1.5e3 ",
        "10:30 ",
        "1-1",
        "1-1/2 ",
        "1\u20132 ",
    ),
    *(
        "5 to ",
        "from 5 to ",
        "between 1 and 2 ",
        "1 2/3 ",
        "1/2 ",
        "3/4/2020 ",
        "1_000",
        "555-1234 ",
    ),
    *("1\\,000", "{,}", "1{,}5", "\\frac{1}{", "\\frac12", "\\frac{1}{2}", "\\sqrt{", "^{", "_{"),
    *(
        "5 hours ",
        "5 ft 10 in ",
        "5 million ",
        "5 kg ",
        "5 cm^2 ",
        "km/h ",
        "5% ",
        "5x ",
        "(5)",
        "-5 ",
    ),
    *("$-5 ", "1,2,3 ", "[1,2,3] ", "0.(3) ", "0.3... ", "1..2", "12 34 ", "5(1) ", "10am-"),
]
STATEMENTS = [
    *(
        "#### 5\n",
        "####",
        "answer is ",
        "answer is 5 ",
        "answer to a ",
        "is ",
        "= 5 ",
        "**5** ",
        "**",
    ),
    *("wait, 5 ", "wait ", "no, ", "it is ", "not 5 ", "1. a\n", "- 5\n", "\nQuestion: ", "[INST]"),
    *(
        "Confidence: 9\n",
        "5 and ",
        "five ",
        "\\boxed{",
        "\\boxed{5}",
        "\\text{",
        "\\left(",
        "x_1 = ",
    ),
    *("\\{", "\\\\", "$x$", "\\(", "(A)", "**A**", "A ", "A, ", "A or ", "\nA", "\nA. x", "A: "),
    *(
        "A and B ",
        "option A ",
        "choose A ",
        "not A ",
        "B is right. ",
        "B is wrong ",
        "I ",
        "plan B ",
    ),
    *(
        "\u7b54\u6848\u662f",
        "\u9009A",
        "\u3010A\u3011",
        "A\u6216B",
        "a",
        "ab ",
        "a ",
        "Word, ",
        "the a ",
    ),
]
THOUGHTS = [
    *(
        "<think>",
        "</think>",
        "a <think> b ",
        "<think>a</think>",
        "[think]",
        "```",
        "<analysis>",
        "<a",
    ),
    *(
        "\u25c1think\u25b7",
        "<|channel|>final<|message|>",
        "<|channel|>",
        "<|",
        "'<think>",
        "<think ",
    ),
    *("analysis ", "assistantfinal"),
]
RECORDS = [
    *(
        '{"a":',
        '{"',
        '{ "',
        '{"a": 1}',
        '{"a": {',
        '{"a": [',
        '[{"a": 1},',
        '"a": 1,',
        '\\"',
        '"\\',
    ),
    *(
        "{}",
        "{x}",
        '{"a": 1,',
        '}"',
        '"{',
        "[[",
        "[1,",
        '["a",',
        "true",
        "'a': ",
        "{'a': '",
        "{a: ",
    ),
    *("a: 1,\n", '{"a": 99999}'),
]
JUDGEMENTS = [
    *(
        "VERDICT: PASS\n",
        "VERDICT: ",
        "VERDICT ",
        "<verdict>",
        "</verdict>",
        "CRITIQUE: a\n",
        "score: ",
    ),
    *(
        "PROBABILITY: 0.5\n",
        "probability of a ",
        "confidence of a ",
        "Score: 8/10\n",
        "8 out of 10 ",
    ),
    *(
        "Yes.\n",
        "No\n",
        "Correct ",
        "incorrect ",
        "result: pass ",
        "GRADE: C\n",
        "is_correct: true ",
    ),
    *("PASS ", "pass or fail ", "not pass ", "A. Yes\n", "> ", "`VERDICT: PASS` ", "0.9 ", "85% "),
    *("if ", "no errors ", "\u6b63\u786e", "\u4e0d\u6b63\u786e", "sai "),
]
WORDS = [
    *("Anna beat Ben ", "USA ", "U.S. ", "never ", "unsafe ", "9 am ", "a, b and ", "a, ", "C++ "),
    *("yes, ", "I'm sorry, but ", "I can't ", "I cannot help with that. ", "unable to "),
]
NAMED = [
    f"{word} "
    for forms in LANGUAGES.values()
    for word in f"{forms.answer}|{forms.choose}".split("|")
    if word
]
SORRY = [forms.sorry.split("|")[-1] for forms in REFUSALS.values()]
UNITS = list(
    dict.fromkeys(
        [*SIGNS, *NUMBERS, *STATEMENTS, *THOUGHTS, *RECORDS, *JUDGEMENTS, *WORDS, *NAMED, *SORRY]
    )
)
AROUND = [
    *(("The answer is ", ""), ("", " The answer is 5."), ("\\boxed{", "}"), ('{"a": "', '"}')),
    *(("<think>", "</think>5"), ("VERDICT: ", "\nPROBABILITY: 0.9"), ("#### ", "\n"), ("**", "**")),
    *(('{"a": [', "]}"), ("[", "]"), ("```json\n", "\n```"), ("(", ")"), ("1", "1"), ("A ", " B")),
]


def floods(length: int, *, mixes: int) -> Iterator[str]:
    """Yield texts of at most a length: every unit, alone and with spaces, and random mixes."""
    for unit in UNITS:
        yield repeated(unit, length)
        yield repeated(f"{unit} ", length)
    rng = random.Random(11)
    for number in range(mixes):
        units = rng.sample(UNITS, rng.choice([2, 2, 3]))
        if number % 3 == 0:
            yield repeated("".join(units), length)
        elif number % 3 == 1:
            yield "".join(repeated(unit, length // len(units)) for unit in units)
        else:
            before, after = rng.choice(AROUND)
            yield before + repeated(units[0], length - len(before + after)) + after


def repeated(unit: str, length: int) -> str:
    return unit * (length // len(unit))
