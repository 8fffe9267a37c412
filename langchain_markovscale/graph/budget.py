"""What a run may use at most, checked before each call.

The criterion weighs the gain of a round against its cost and knows no limit. A budget is a limit:
it stops a run whose next call would go beyond it, and the best answer so far is returned.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import TypedDict

from langchain_markovscale.display.wording import counted
from langchain_markovscale.graph.metering import UsageByPurpose
from langchain_markovscale.theory.validation import non_negative, single, whole
from langchain_markovscale.types import Attempt, Purpose, Usage

Price = float | Mapping[Purpose, float]
Seconds = Mapping[Purpose, float]

_PURPOSES: tuple[Purpose, ...] = ("generate", "revise", "verify")
# The calls from which the cost of a call is estimated: those of its own purpose, else the most
# similar ones.
_SIMILAR: dict[Purpose, tuple[Purpose, ...]] = {
    "generate": ("generate", "revise"),
    "revise": ("revise", "generate"),
    "verify": ("verify",),
}
_ROUNDING = 1 + 1e-9


class Budget(TypedDict, total=False):
    """The most that a run may use; what is left out has no limit.

    The first attempt is always made, for there is no answer without it. From then on a call is made
    only if what has been used, and what such a call has taken on average in this run, stay within
    the budget; the first call of its kind is made as long as anything is left. A single call can
    therefore go beyond the budget by what it takes more than the average. It ends the run. Several
    draws at once are allowed together, before the first of them: as many as the rounds and the
    average leave room for. They and their verdicts can go beyond a budget by what they take more;
    of the very first draws no average is known.

    Calls that did not report their tokens count as the average of the calls for the same purpose
    that did. Where none did, a budget of tokens or of money can't be kept, and the run ends.

    Attributes:
        rounds: Attempts, the first included; at least 1. `max_rounds` is the same limit, known to
            the criterion, which then plans with it.
        tokens: Tokens read and written in all calls, the verifier's included; at least 1.
        usd: US dollars for the tokens; above 0. Needs both prices.
        usd_per_input_token: Price of a token read; one number, or one for each of `"generate"`,
            `"revise"` and `"verify"`, where the verifier is another model.
        usd_per_output_token: Price of a token written, in the same way.
        seconds: Time at work, retries and their pauses included; above 0. Of draws that are made at
            once it is the time of the one that takes longest. Time between two nodes, such as
            waiting for a human, does not count.
    """

    rounds: int
    tokens: int
    usd: float
    usd_per_input_token: Price
    usd_per_output_token: Price
    seconds: float


def checked_budget(budget: Mapping[str, object] | None) -> Budget | None:
    """Return a budget with its numbers as plain ones, or None where it limits nothing.

    Raises:
        ValueError: If it has an unknown limit, a number out of range, or an amount of money
            without prices.
    """
    if budget is None:
        return None
    if not isinstance(budget, Mapping):
        raise ValueError(
            f"budget must be a dictionary such as Budget(tokens=5000), got {budget!r}."
        )
    if unknown := sorted(set(map(str, budget)).difference(Budget.__annotations__)):
        raise ValueError(
            f"budget has no {', '.join(map(repr, unknown))}: its limits and prices are "
            f"{', '.join(map(repr, Budget.__annotations__))}."
        )
    checked: dict[str, Any] = {}
    for name, value in budget.items():
        argument = f"budget[{name!r}]"
        if name in ("rounds", "tokens"):
            checked[name] = int(single(argument, whole(argument, value, least=1)))  # type: ignore[arg-type]
        elif name in ("usd", "seconds"):
            checked[name] = _amount(argument, value)
            if not checked[name] > 0:
                raise ValueError(f"{argument} must be above 0, got {value!r}.")
        else:
            checked[name] = _checked_price(argument, value)
    for price in ("usd_per_input_token", "usd_per_output_token"):
        if "usd" in checked and price not in checked:
            raise ValueError(
                f"budget['usd'] needs the price of tokens: give {price!r}, 0 where it is free."
            )
    return Budget(**checked) or None  # type: ignore[typeddict-item]


def why_over_budget(
    budget: Budget,
    purpose: Purpose,
    attempts: Sequence[Attempt],
    usage: UsageByPurpose,
    seconds: Seconds,
    *,
    free: bool,
    calls: int = 1,
) -> str | None:
    """Return why the budget does not allow the next call; None where it does.

    Args:
        budget: The budget.
        purpose: What the call is for.
        attempts: The attempts so far.
        usage: The usage of the calls so far.
        seconds: The time that they have taken.
        free: Whether it is certain that the call takes no tokens.
        calls: How many such calls are to be made at once; they take the time of one.
    """
    writes = purpose != "verify"
    if writes and "rounds" in budget and len(attempts) + calls > budget["rounds"]:
        return f"The budget of {counted(budget['rounds'], 'round')} is used up."
    if "seconds" in budget:
        exceeded = _exceeded("seconds", budget["seconds"], purpose, seconds, attempts)
        if exceeded is not None:
            return exceeded
    if free or not {"tokens", "usd"}.intersection(budget):
        return None
    if unreported := [name for name, used in usage.items() if _is_unreported(used)]:
        return (
            "The budget can't be kept, because no call to "
            f"{' or '.join(map(repr, unreported))} reported its tokens: let the model report "
            "usage_metadata, or the verifier return its usage; one that is a plain function takes "
            "none as FunctionVerifier."
        )
    if "tokens" in budget:
        tokens = {name: _estimate(used, 1.0, 1.0) for name, used in usage.items()}
        exceeded = _exceeded("tokens", budget["tokens"], purpose, tokens, attempts, calls)
        if exceeded is not None:
            return exceeded
    if "usd" not in budget:
        return None
    input_price, output_price = budget["usd_per_input_token"], budget["usd_per_output_token"]
    spent = {
        name: _estimate(used, _price(input_price, name), _price(output_price, name))
        for name, used in usage.items()
    }
    return _exceeded("usd", budget["usd"], purpose, spent, attempts, calls)


def _exceeded(
    unit: str,
    limit: float,
    purpose: Purpose,
    used: Mapping[Purpose, float],
    attempts: Sequence[Attempt],
    wanted: int = 1,
) -> str | None:
    total = sum(used.values())
    if total >= limit:
        return f"The budget of {limit:g} {unit} is used up: {total:.6g} went into the calls so far."
    calls = dict.fromkeys(_PURPOSES, 0)
    for attempt in attempts:
        calls[attempt["action"]] += 1
    calls["verify"] = len(attempts) - (purpose == "verify")
    similar = next((each for each in _SIMILAR[purpose] if calls[each]), None)
    average = 0.0 if similar is None else used.get(similar, 0.0) / calls[similar]
    if total + wanted * average <= limit * _ROUNDING:
        return None
    return (
        f"The budget of {limit:g} {unit} does not allow the next call to {purpose}: {total:.6g} "
        f"are used, and one takes about {average:.6g}."
    )


def _is_unreported(usage: Usage) -> bool:
    return 0 < usage["calls"] <= usage["unknown"]


def _estimate(usage: Usage, input_token: float, output_token: float) -> float:
    """Return what calls have cost; those of unknown usage count as the average of the others."""
    reporting = usage["calls"] - usage["unknown"]
    reported = usage["input_tokens"] * input_token + usage["output_tokens"] * output_token
    return reported * usage["calls"] / reporting if reporting else reported


def _price(price: Price, purpose: Purpose) -> float:
    return price[purpose] if isinstance(price, Mapping) else price


def _checked_price(name: str, price: object) -> Price:
    if not isinstance(price, Mapping):
        return _amount(name, price)
    if missing := [purpose for purpose in _PURPOSES if purpose not in price]:
        raise ValueError(
            f"{name} has no price for {', '.join(map(repr, missing))}, got {dict(price)!r}: give "
            "one number for all calls, or one for each purpose."
        )
    return {purpose: _amount(f"{name}[{purpose!r}]", price[purpose]) for purpose in _PURPOSES}


def _amount(name: str, value: object) -> float:
    return single(name, non_negative(name, value))  # type: ignore[arg-type]
