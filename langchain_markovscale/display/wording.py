"""The mathematics in words: decisions, probabilities, points and counts.

A belief of 0.73 or a reason of `gain_below_cost` says little to somebody who meets the loop for
the first time. Whoever shows a decision (the command line, a notebook, a log) takes its sentence
from here, so that it reads the same everywhere. Attempts count from 1 in words, from 0 in the
state.
"""

from collections.abc import Iterable, Mapping, Sequence

from langchain_markovscale.types import Attempt, Decision, Purpose, Usage, is_repeated


def explain(decision: Decision) -> str:
    """Return why a decision was taken, as one sentence.

    Example:
        `stopped: going on would raise the chance of being right by 0.4 points and cost 1 point`

    Args:
        decision: A decision of a `Criterion`, or one read from a graph's state.

    Returns:
        A sentence without a full stop. Points are percentage points of the chance of being right,
        which is also the unit of costs.

    Raises:
        ValueError: If the reason is not in the closed set `Reason`.
    """
    reason = decision["reason"]
    if reason == "gain_exceeds_cost":
        return _going_on(decision)
    if reason == "gain_below_cost":
        return f"stopped: going on would {_gain_and_cost(decision)}"
    if reason == "max_rounds":
        made = decision["attempts"]
        allowed = "the one attempt" if made == 1 else f"all {counted(made, 'attempt')}"
        return f"stopped: {allowed} allowed had been made"
    if reason == "no_evidence":
        return "stopped: neither a key nor a score could be read, so that there is no evidence"
    if reason in _CUT_SHORT:
        best = decision["best"]
        kept = "there is no answer yet" if best is None else f"answer {best + 1} is the best so far"
        return f"stopped: {_CUT_SHORT[reason]}; {kept}"
    raise ValueError(
        f"decision['reason'] must be one of {', '.join(_REASONS)}, got {reason!r}: "
        "give a decision of a Criterion."
    )


def explain_outcome(
    attempts: Sequence[Attempt],
    decision: Decision,
    usage: Mapping[Purpose, Usage] | None = None,
) -> str:
    """Return what came out of a run, and why it ended, in two to four sentences.

    Args:
        attempts: All attempts at the question, in order.
        decision: The last decision.
        usage: What the run took, by purpose; it tells answers whose verdicts could not be read
            from those of a loop without a verifier, where no answer has a score.

    Returns:
        Which answer is returned and how sure it is, whether an earlier one was preferred to the
        last, how many answers have no score although others have one or a verifier was asked, and
        why the loop ended.
    """
    return " ".join(outcome_sentences(attempts, decision, usage))


def outcome_sentences(
    attempts: Sequence[Attempt],
    decision: Decision,
    usage: Mapping[Purpose, Usage] | None = None,
) -> tuple[str, ...]:
    """Return the sentences of `explain_outcome` one by one.

    Args:
        attempts: All attempts at the question, in order.
        decision: The last decision.
        usage: What the run took, by purpose, where it is known.
    """
    reason = sentence(explain(decision))
    best = decision["best"]
    if best is None:
        return (reason,)
    count = "its only answer" if len(attempts) == 1 else f"answer {best + 1} of {len(attempts)}"
    found = [f"Returned {count}, right with a probability of {percent(decision['belief'])}."]
    if not same_answer(attempts, best, len(attempts) - 1):
        found.append("The last answer is less likely to be right.")
    return (*found, *_unscored(attempts, decision, usage), reason)


def _unscored(
    attempts: Sequence[Attempt], decision: Decision, usage: Mapping[Purpose, Usage] | None
) -> tuple[str, ...]:
    """Count the answers without a score, where scores were to be expected."""
    verified = [attempt for attempt in attempts if not is_repeated(attempt)]
    unscored = sum(attempt["score"] is None for attempt in verified)
    asked = usage is not None and "verify" in usage
    expected = asked or decision["reason"] == "no_evidence" or unscored < len(verified)
    if not unscored or not expected:
        return ()
    if len(attempts) == 1:
        return ("It has no score.",)
    return (
        f"{unscored} of {len(verified)} answers {'has' if unscored == 1 else 'have'} no score.",
    )


def same_answer(attempts: Sequence[Attempt], one: int, other: int) -> bool:
    """Return whether two attempts give the same answer: one attempt, or one key.

    Args:
        attempts: All attempts at the question, in order.
        one: Index of an attempt.
        other: Index of another.
    """
    key = attempts[one]["key"]
    return one == other or (key is not None and key == attempts[other]["key"])


def percent(probability: float, digits: int | None = None) -> str:
    """Return a probability as a percentage: 0.73 is `73%`.

    Args:
        probability: In [0, 1].
        digits: Digits after the point; by default none, or one near 0 and 1, and never rounded to
            certainty.
    """
    if digits is not None:
        return f"{probability:.{digits}%}"
    if probability in (0, 1):
        return f"{probability:.0%}"
    if probability < 0.001:
        return "<0.1%"
    if probability > 0.999:
        return ">99.9%"
    return f"{probability:.0%}" if 0.05 <= probability <= 0.95 else f"{probability:.1%}"


def points(difference: float, digits: int = 1, *, signed: bool = False, unit: bool = True) -> str:
    """Return a difference of probabilities in percentage points: 0.004 is `0.4 points`.

    Args:
        difference: In units of accuracy, of either sign.
        digits: Digits after the point, less trailing zeros.
        signed: Whether a gain has its plus.
        unit: Whether the unit follows; not where a heading or the words around it say it.
    """
    size = f"{100 * abs(difference):.{digits}f}"
    if "." in size:
        size = size.rstrip("0").rstrip(".")
    sign = "" if size == "0" else "−" if difference < 0 else "+" if signed else ""
    return f"{sign}{size}{_unit(size) if unit else ''}"


def counted(number: float, thing: str, things: str | None = None, *, in_words: bool = False) -> str:
    """Return how many there are of a thing: `1 attempt`, `12 attempts`.

    Args:
        number: How many; of a fraction, two digits are shown.
        thing: What one is called.
        things: What several are called, where that is not `thing` with an s.
        in_words: Whether numbers up to ten are spelled, as in `three revisions`.
    """
    shown = f"{number:,.2g}" if isinstance(number, float) else f"{number:,}"
    name = thing if shown == "1" else things or f"{thing}s"
    if in_words and isinstance(number, int) and number < len(_NUMBERS):
        shown = _NUMBERS[number]
    return f"{shown} {name}"


def listed(things: Iterable[str]) -> str:
    """Return things as they are named in a sentence: `a`, `a and b`, `a, b and c`."""
    *others, last = things
    return f"{', '.join(others)} and {last}" if others else last


def sentence(words: str) -> str:
    """Return words with a capital letter and a full stop."""
    return f"{words[0].upper()}{words[1:]}."


_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_CUT_SHORT = {
    "budget": "the budget was used up",
    "error": "a call failed",
    "interrupted": "the run was interrupted",
}
_REASONS = ("gain_exceeds_cost", "gain_below_cost", "max_rounds", "no_evidence", *_CUT_SHORT)


def _going_on(decision: Decision) -> str:
    if decision["best"] is None:
        return f"first answer: right with a probability of {percent(decision['expected_gain'])}"
    parent = decision["parent"]
    step = "fresh answer" if parent is None else f"revise answer {parent + 1}"
    if (draws := decision.get("draws", 1)) > 1:
        step = f"{draws} fresh answers at once"
    return f"{step}: should {_gain_and_cost(decision)}"


def _gain_and_cost(decision: Decision) -> str:
    """With as many digits as it takes to tell the gain from the cost."""
    # A gain below 0 is one of a plan; the best answer would be returned anyway.
    gain, cost = max(decision["expected_gain"], 0.0), decision["cost"]
    for digits in (1, 2, 3):
        size, price = (points(each, digits, unit=False) for each in (gain, cost))
        if size != price:
            break
    paid = "nothing" if price == "0" else "as much" if size == price else price + _unit(price)
    if size == "0":
        return f"leave the chance of being right as it is and cost {paid}"
    return f"raise the chance of being right by {size}{_unit(size)} and cost {paid}"


def _unit(size: str) -> str:
    return " point" if size == "1" else " points"
