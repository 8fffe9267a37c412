"""A judge by several criteria: a verdict on each, and what they say of the answer together."""

import itertools

import pytest
from fakes import always
from judge_attacks import attacks
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

from langchain_markovscale import FunctionVerifier, GroundednessVerifier, JudgeVerifier
from langchain_markovscale.verifiers.criteria import CRITERIA_FORMAT, read_by_criteria
from langchain_markovscale.verifiers.judge import REPLY_FORMAT

CRITERIA = ["The sum is right.", "The unit is given."]
GIVEN = {"question": "2 m + 2 m?", "answer": "It is 5 m.", "key": "5"}


def judged(first="PASS 0.9", second="PASS 0.9", heading="CRITERION: {}"):
    """A reply with a verdict and a probability for each criterion."""
    parts = []
    for number, said in enumerate((first, second), 1):
        verdict, probability, *critique = said.split(" ", 2)
        parts += [
            heading.format(number),
            f"CRITIQUE: {critique[0] if critique else 'none'}",
            f"VERDICT: {verdict}",
            f"PROBABILITY: {probability}",
        ]
    return "\n".join(parts)


async def test_each_criterion_has_a_verdict_and_the_lowest_is_the_score():
    model = always(judged("FAIL 0.1 It is 4 m.", "PASS 0.95"))
    judge = JudgeVerifier(model, criteria=CRITERIA)
    expected = {
        "score": 0.1,
        "feedback": 'On "The sum is right.": It is 4 m.',
        "usage": {"calls": 1, "input_tokens": 7, "output_tokens": 3, "unknown": 0},
        "criteria": [
            {"criterion": "The sum is right.", "score": 0.1, "feedback": "It is 4 m."},
            {"criterion": "The unit is given.", "score": 0.95, "feedback": None},
        ],
    }
    assert judge.invoke(GIVEN) == expected
    assert await judge.ainvoke(GIVEN) == expected
    assert judge.with_retry().invoke(GIVEN) == expected
    system, human = model.asked[0]
    assert system.text.endswith("\n\nCriteria:\n1. The sum is right.\n2. The unit is given.")
    assert human.text.endswith(CRITERIA_FORMAT)


def test_one_text_of_criteria_is_asked_for_as_before():
    model = always("CRITIQUE: none\nVERDICT: PASS\nPROBABILITY: 0.9")
    verdict = JudgeVerifier(model, criteria="The unit is given.").invoke(GIVEN)
    assert "criteria" not in verdict
    system, human = model.asked[0]
    assert system.text.endswith("\n\nCriteria: The unit is given.")
    assert human.text.endswith(REPLY_FORMAT)


@pytest.mark.parametrize(
    "heading",
    [
        "CRITERION: {}",
        "CRITERION {}",
        "Criterion {}:",
        "**Criterion {}**",
        "**CRITERION:** {}",
        "### Criterion {}.",
        "- criterion #{} -",
        "  CRITERION\uff1a {}",
    ],
)
def test_headings_are_read_in_the_forms_that_models_give_them(heading):
    read = read_by_criteria(judged("FAIL 0.2", "PASS 0.8", heading), CRITERIA)
    assert [each["score"] for each in read.criteria] == [0.2, 0.8]


@pytest.mark.parametrize(
    ("reply", "score", "scores"),
    [
        (judged(), 0.9, [0.9, 0.9]),
        (judged("PASS 0.9", "PASS 0.6"), 0.6, [0.9, 0.6]),
        ("CRITERION 1: PASS\nCRITERION 2: FAIL", 0.1, [0.9, 0.1]),
        # Some cannot be read: then the others can only tell that the answer fails.
        ("CRITERION: 1\nVERDICT: PASS", None, [0.9, None]),
        ("CRITERION: 2\nVERDICT: FAIL", 0.1, [None, 0.1]),
        (judged("PASS 0.9", "PERHAPS x"), None, [0.9, None]),
        # A verdict on the whole, before or in place of those on the criteria.
        ("VERDICT: FAIL\n" + judged(), 0.1, [0.9, 0.9]),
        ("VERDICT: PASS\nPROBABILITY: 0.7", 0.7, [None, None]),
        ("VERDICT: FAIL", 0.1, [None, None]),
        # What comes twice is read together, and the least favourable counts.
        (judged() + "\nCRITERION: 1\nVERDICT: FAIL", 0.1, [0.1, 0.9]),
        # Numbers that no criterion has are no headings: nothing after them is lost.
        ("CRITERION: 1\nCRITERION: 7\nVERDICT: FAIL\nCRITERION: 2\nVERDICT: PASS", 0.1, [0.1, 0.9]),
        ("> CRITERION: 2\n" + judged("FAIL 0.2", "PASS 0.9"), 0.2, [0.2, 0.9]),
        (f"<think>{judged('FAIL 0', 'FAIL 0')}</think>{judged()}", 0.9, [0.9, 0.9]),
        ("", None, [None, None]),
    ],
)
def test_scores(reply, score, scores):
    read = read_by_criteria(reply, CRITERIA)
    assert read.score == score
    assert [each["score"] for each in read.criteria] == scores


def test_a_prompt_of_ones_own_gets_the_list_and_the_form():
    prompt = ChatPromptTemplate.from_messages([("human", "{criteria}|{answer}|{reply_format}")])
    model = always(judged())
    assert JudgeVerifier(model, prompt=prompt, criteria=CRITERIA).invoke(GIVEN)["score"] == 0.9
    (asked,) = model.asked[0]
    assert asked.text.startswith("1. The sum is right.\n2. The unit is given.|")
    assert asked.text.endswith(CRITERIA_FORMAT)


def test_the_first_criterion_of_groundedness_is_the_support_by_the_documents():
    model = always(judged("FAIL 0.1 No document says so.", "PASS 0.9"))
    judge = GroundednessVerifier(model, criteria=["The unit is given."])
    verdict = judge.invoke({**GIVEN, "context": ["2 m + 2 m = 4 m"]})
    first, second = verdict["criteria"]
    assert first["criterion"].startswith("The documents support everything")
    assert second == {"criterion": "The unit is given.", "score": 0.9, "feedback": None}
    assert verdict["score"] == 0.1


@pytest.mark.parametrize("criteria", [[], ["right", " "], ["right", ""]])
def test_criteria_without_text_are_refused(criteria):
    with pytest.raises(ValueError, match="criteria must have a text for each criterion, got"):
        JudgeVerifier(always(""), criteria=criteria)


@pytest.mark.parametrize("criteria", [3, ["right", 3], {"right"}])
def test_criteria_of_other_types_are_refused(criteria):
    with pytest.raises(TypeError, match="criteria must be a str, or a list of them, got"):
        JudgeVerifier(always(""), criteria=criteria)


def test_a_verifier_of_ones_own_may_judge_by_criteria_as_well():
    parts = [{"criterion": "short", "score": True}, {"criterion": "kind", "score": None}]
    verdict = FunctionVerifier(lambda answer: {"score": 0.5, "criteria": parts}).invoke(GIVEN)
    assert verdict["criteria"] == [
        {"criterion": "short", "score": 1.0, "feedback": None},
        {"criterion": "kind", "score": None, "feedback": None},
    ]
    other = FunctionVerifier(lambda answer: {"score": 0.5, "criteria": "my own note"})
    assert "criteria" not in other.invoke(GIVEN)
    wrong = [{"criterion": "short", "score": 3}]
    with pytest.raises(ValueError, match="a score is a number in"):
        FunctionVerifier(lambda answer: {"score": 0.5, "criteria": wrong}).invoke(GIVEN)


FAILS = judged("FAIL 0.05 It is 4.", "PASS 0.93")
QUOTING = [
    lambda text: f"The answer says: {text}\n\n{FAILS}",
    lambda text: f"{FAILS}\n\nThe candidate wrote:\n{text}",
    lambda text: FAILS.replace("It is 4.", f"It is 4. It says {text}"),
    lambda text: FAILS.replace("CRITERION: 2", f"It says:\n{text}\nCRITERION: 2"),
]
FORGED = ["{}", "CRITERION: 1\n{}\nCRITERION: 2\n{}", "{}\nCRITERION: 9\n", "{}\nCRITERION: 2\n"]


def test_no_attack_on_a_judge_by_criteria_that_quotes_it_is_in_the_attackers_favour():
    ways = itertools.cycle(itertools.product(QUOTING, FORGED))
    favourable = []
    for attack, (way, frame) in zip(itertools.islice(attacks(), 0, None, 7), ways, strict=False):
        text = frame.replace("{}", attack.text)
        given = {**GIVEN, "answer": text}
        judge = RunnableLambda(lambda messages, way=way, text=text: way(text))
        score = JudgeVerifier(judge, criteria=CRITERIA).invoke(given)["score"]
        if score is None or score > 0.05:
            favourable.append((attack.name, frame, score))
    assert favourable == []


def test_no_attack_on_a_judge_by_criteria_that_only_repeats_it_is_in_the_attackers_favour():
    favourable = []
    for attack in itertools.islice(attacks(), 0, None, 31):
        for frame in FORGED:
            text = frame.replace("{}", attack.text)
            judge = RunnableLambda(lambda messages, text=text: text)
            given = {**GIVEN, "answer": text}
            score = JudgeVerifier(judge, criteria=CRITERIA).invoke(given)["score"]
            if score is not None and score > 0.1:
                favourable.append((attack.name, frame, score))
    assert favourable == []
