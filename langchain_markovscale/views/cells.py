"""Attempts, beliefs and bills in a word or two, the same in a terminal and on a page."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce

from langchain_markovscale.attempts import Attempt, Decision, Purpose, Reason, Usage
from langchain_markovscale.explanations import percent, same_answer
from langchain_markovscale.faces.content import Tone
from langchain_markovscale.usage import add_usage, no_usage

_TONES: dict[Reason, Tone] = {
    "gain_below_cost": "good",
    "gain_exceeds_cost": "plain",
    "error": "bad",
}
_LONGEST_KEY = 40  # characters; keys that are whole texts have no end


def brief(attempt: Attempt, longest: int) -> str:
    """Return an answer in a word or two: its key, or how its text begins.

    Args:
        attempt: The attempt.
        longest: The most characters of a text.
    """
    key = attempt["key"]
    line, longest = (attempt["text"], longest) if key is None else (key, _LONGEST_KEY)
    line = " ".join(line.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def score(attempt: Attempt) -> str:
    """Return what the verifier gave an attempt, with two decimals."""
    return "none" if attempt["score"] is None else f"{attempt['score']:.2f}"


def tone(decision: Decision | None) -> Tone:
    """Return how the news of a decision is: good where the rule itself has had enough."""
    return "bad" if decision is None else _TONES.get(decision["reason"], "unsure")


def belief(attempts: Sequence[Attempt], decision: Decision, latest: int) -> str:
    """Return the belief after an attempt, and in which answer where that is another one.

    Args:
        attempts: All attempts.
        decision: The decision after the latest of them.
        latest: The index of that one.
    """
    best = decision["best"]
    if best is None:
        return ""
    other = "" if same_answer(attempts, best, latest) else f" in {best + 1}"
    return f"{percent(decision['belief'])}{other}"


def bill(usage: Mapping[Purpose, Usage], seconds: float | None = None) -> str:
    """Return what was paid, in words.

    Args:
        usage: Calls and tokens by purpose.
        seconds: Time spent, where it is known.
    """
    total = reduce(add_usage, usage.values(), no_usage())
    checks = usage["verify"]["calls"] if "verify" in usage else 0
    answers = total["calls"] - checks
    tokens = f"{total['input_tokens']} tokens read, {total['output_tokens']} written"
    if total["unknown"]:
        silent = f"{total['unknown']} calls did not say"
        some = total["input_tokens"] + total["output_tokens"] > 0
        tokens = f"{tokens}, and what {silent}" if some else f"tokens unknown: {silent}"
    calls = f"{answers} {'call' if answers == 1 else 'calls'} for answers, {checks} for checks"
    time = "" if seconds is None else f"; {seconds:.1f} seconds"
    return f"{calls}; {tokens}{time}"


def sum_by_purpose(books: Iterable[Mapping[Purpose, Usage]]) -> dict[Purpose, Usage]:
    """Return the usage of several runs together, by purpose."""
    total: dict[Purpose, Usage] = {}
    for usage in books:
        for purpose, part in usage.items():
            total[purpose] = add_usage(total.get(purpose), part)
    return total
