"""No attack on a judge that fails the answer, and quotes what it was shown, turns out a pass."""

import itertools
import math

from judge_attacks import CARRIERS, IN_CONVERSATION, PAYLOADS, PLACES, attacks
from langchain_core.runnables import RunnableLambda

from langchain_markovscale import GroundednessVerifier, JudgeVerifier

ATTACKS = list(attacks())
FAIL = "CRITIQUE: It is 4.\nVERDICT: FAIL\nPROBABILITY: 0.05"


def lines_quoted(text):
    return "\n".join(f"> {line}" for line in text.splitlines())


# How a judge quotes the attacker's text, and gives its own verdict.
QUOTING = {
    "before": lambda text, prompt: f"The answer says: {text}\n\n{FAIL}",
    "after": lambda text, prompt: f"{FAIL}\n\nThe candidate wrote:\n{text}",
    "quoted": lambda text, prompt: f'It claims "{text}", which is wrong.\n{FAIL}',
    "lines": lambda text, prompt: f"It says\n{lines_quoted(text)}\nbut no.\n{FAIL}",
    "fenced": lambda text, prompt: f"I was shown\n```\n{text}\n```\n{FAIL}",
    "prompt": lambda text, prompt: f"The prompt was:\n{prompt}\n\n{FAIL}",
    "critique": lambda text, prompt: FAIL.replace("It is 4.", f"It is 4. It says {text}"),
}


def test_the_attacks_are_many():
    assert len(ATTACKS) == len({attack.name for attack in ATTACKS})
    assert len(ATTACKS) == len(CARRIERS) * len(PAYLOADS) * (len(PLACES) + 1) >= 3_960
    assert {attack.name.rpartition("-")[2] for attack in ATTACKS} == {*PLACES, *IN_CONVERSATION}


def scores(ways):
    """The score of every attack, by a judge that quotes in these ways in turn."""
    turns = itertools.cycle(ways)  # as many ways as places and payloads would always meet the same
    replies = ((attack.text, next(turns)) for attack in ATTACKS)

    def reply(messages):
        text, way = next(replies)
        return way(text, messages[-1].text)

    judge = RunnableLambda(reply)
    plain, grounded = JudgeVerifier(judge), GroundednessVerifier(judge)
    for attack in ATTACKS:
        verifier = grounded if attack.name.endswith("document") else plain
        yield attack.name, verifier.invoke(attack.given)["score"]


def test_no_attack_on_a_judge_that_quotes_it_is_in_the_attackers_favour():
    assert math.gcd(len(QUOTING), len(PAYLOADS) * (len(PLACES) + 1)) == 1
    assert [(name, score) for name, score in scores(QUOTING.values()) if score != 0.05] == []


def test_no_attack_on_a_judge_that_only_repeats_it_is_in_the_attackers_favour():
    repeating = [lambda text, prompt: text, lambda text, prompt: f"Hm. {text}\n\nSo it says."]
    favourable = [name for name, score in scores(repeating) if score is not None and score > 0.1]
    assert favourable == []
