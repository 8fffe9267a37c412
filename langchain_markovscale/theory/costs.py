"""From prices to the cost of a round in units of accuracy, which is what decisions are made in."""

import warnings
from collections.abc import Mapping

from langchain_markovscale.theory.validation import non_negative
from langchain_markovscale.types import Action, MarkovScaleDeprecationWarning, Purpose

_ACTIONS: tuple[Action, ...] = ("generate", "revise")
_PURPOSES: tuple[Purpose, ...] = (*_ACTIONS, "verify")


def round_costs(
    value_of_right_answer: float | None = None,
    *,
    call: float | Mapping[Purpose, float] = 0.0,
    input_token: float = 0.0,
    output_token: float = 0.0,
    tokens: Mapping[Purpose, tuple[float, float]] | None = None,
    right_answer: float | None = None,
) -> dict[Action, float]:
    """Return what a round of each action costs, as a share of what a right answer is worth.

    A round is one candidate and its verification:
    (price of the action's call + price of the verifying call) / worth of a right answer.

    Example:
        A right answer is worth 50 cents; a draw reads 400 tokens and writes 300, a revision reads
        900, the judge reads 800 and writes 50, at 3 and 15 dollars a million tokens::

            round_costs(
                0.50,
                input_token=3e-6,
                output_token=15e-6,
                tokens={"generate": (400, 300), "revise": (900, 300), "verify": (800, 50)},
            )
            # {'generate': 0.0177, 'revise': 0.0207}

    A second of waiting costs its price / worth of a right answer, as `cost_per_second`.

    Args:
        value_of_right_answer: What a right answer is worth more than a wrong one, in any currency;
            > 0.
        call: Price of a call, or of a call for each purpose, in the same currency.
        input_token: Price of a token read, in the same currency.
        output_token: Price of a token written, in the same currency.
        tokens: Tokens read and written by a call of each purpose; needed where tokens have a
            price.
        right_answer: The former name of `value_of_right_answer`.

    Returns:
        Cost by action, in units of accuracy, as `cost_per_round` takes it where it is below 0.5.

    Raises:
        ValueError: If a price is negative, `value_of_right_answer` is missing or not above 0, a
            purpose is unknown, or tokens have a price but a purpose has no count.
    """
    if right_answer is not None:
        value_of_right_answer = _renamed(right_answer, value_of_right_answer)
    if value_of_right_answer is None or not 0 < value_of_right_answer < float("inf"):
        raise ValueError(
            f"value_of_right_answer must be finite and above 0, got {value_of_right_answer!r}: it "
            "is what a right answer is worth, in the currency of the prices."
        )
    for name, token_price in (("input_token", input_token), ("output_token", output_token)):
        non_negative(name, token_price)
    for name, given in (("call", call), ("tokens", tokens)):
        if isinstance(given, Mapping):
            _check_purposes(name, given)

    def price(purpose: Purpose) -> float:
        by_purpose = isinstance(call, Mapping)
        of_call = call.get(purpose, 0.0) if isinstance(call, Mapping) else call
        read, written = (tokens or {}).get(purpose, (0.0, 0.0))
        if (input_token or output_token) and purpose not in (tokens or {}):
            raise ValueError(
                f"tokens has no count for {purpose!r}, but tokens have a price: give "
                f"tokens={{{purpose!r}: (read, written), …}}, (0, 0) where it asks no model."
            )
        paid = non_negative(f"call[{purpose!r}]" if by_purpose else "call", of_call)
        read, written = non_negative(f"tokens[{purpose!r}]", (read, written))
        return float(paid + read * input_token + written * output_token)

    verify = price("verify")
    return {action: (price(action) + verify) / value_of_right_answer for action in _ACTIONS}


def _renamed(right_answer: float, value: float | None) -> float:
    if value is not None:
        raise ValueError(
            "right_answer is the former name of value_of_right_answer, got both, "
            f"{right_answer!r} and {value!r}: give value_of_right_answer alone."
        )
    warnings.warn(
        f"right_answer is now called value_of_right_answer: write {right_answer!r} as the first "
        "argument, or under that name.",
        MarkovScaleDeprecationWarning,
        stacklevel=3,
    )
    return right_answer


def _check_purposes(name: str, given: Mapping[Purpose, object]) -> None:
    for purpose in given:
        if purpose not in _PURPOSES:
            raise ValueError(
                f"{name} has a value for {purpose!r}, which is no purpose of a call: the purposes "
                f"are {', '.join(_PURPOSES)}."
            )
