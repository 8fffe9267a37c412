"""What a loop without a verifier decides by: whether its answers agree, and nothing else.

A graph and an agent's middleware may both do without a verifier, and mean the same by it.
"""

from langchain_markovscale.answer_keys import AnswerKey
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.graph.choices import Choices, key_for
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.variants import Variant, rates_for


def evidence(
    verifier: object,
    answer_key: AnswerKey | str | None,
    choices: Choices | None,
    calibration: Calibration | Rates | None,
    variant: Variant,
) -> Calibration | Rates | None:
    """Return the calibration to decide with: as given, or without what it says of a verifier.

    Args:
        verifier: The verify-proxy, None where there is none.
        answer_key: Makes the keys of answers, None where they have none.
        choices: The possible answers, or how many there are; None where nobody knows.
        calibration: As the user gave it, None for the default.
        variant: Where the weights of the classes of questions come from.

    Raises:
        ValueError: If there is neither a verifier nor a key, or the number of choices without one.
        TypeError: If there is no verifier, and the calibration is none.
    """
    key = key_for(answer_key, choices)
    if key is None and choices is not None:
        raise ValueError(
            f"choices={choices!r} says how many answers there are, and nothing reads them: give an "
            "answer_key, or the answers themselves as choices."
        )
    if verifier is not None:
        return calibration
    if key is None:
        raise ValueError(
            "verifier=None leaves no evidence: give a verifier such as JudgeVerifier(model), or an "
            "answer_key such as 'last_number', by which answers can agree."
        )
    measured = Calibration.training_free() if calibration is None else calibration
    return rates_for(variant, measured).without_verifier()
