"""Usage of an attempt: calls, tokens read and written, and seconds, by purpose."""

from collections.abc import Iterable, Mapping
from math import isnan, nan
from typing import Any, NamedTuple

from langchain_markovscale.types import Purpose, Usage, add_usage, no_usage


class TimedUsage(Usage):
    """Calls, tokens, and how long they took.

    Attributes:
        seconds: Wall-clock time, with as many questions at a time as there were; None
            where it was not measured.
    """

    seconds: float | None


AttemptUsage = dict[Purpose, TimedUsage]
"""What an attempt took, by purpose: `"generate"` or `"revise"`, as the attempt was made, and
`"verify"` where it was verified. Retries count with the call that succeeded."""


def usage_between(
    earlier: Mapping[Purpose, Usage], later: Mapping[Purpose, Usage]
) -> dict[Purpose, Usage]:
    """Return the usage that was added, for the purposes that had calls in between.

    Args:
        earlier: Calls and tokens by purpose.
        later: The same, some calls later.
    """
    added: dict[Purpose, Usage] = {}
    for purpose, now in later.items():
        before = earlier.get(purpose) or no_usage()
        if now["calls"] > before["calls"]:
            added[purpose] = Usage(
                calls=now["calls"] - before["calls"],
                input_tokens=now["input_tokens"] - before["input_tokens"],
                output_tokens=now["output_tokens"] - before["output_tokens"],
                unknown=now["unknown"] - before["unknown"],
            )
    return added


def add_timed(usage: TimedUsage | None, added: Usage, seconds: float) -> TimedUsage:
    """Return usage with more calls, which took so many seconds."""
    before = 0.0 if usage is None else usage["seconds"] or 0.0
    return {**add_usage(usage, added), "seconds": round(before + seconds, 3)}


def tokens_of(attempt: Mapping[str, Any], purpose: Purpose) -> tuple[int, int] | None:
    """Return the tokens that an attempt's calls for a purpose read and wrote.

    Args:
        attempt: A recorded attempt.
        purpose: What the calls were for.

    Returns:
        Both numbers; None where they are unknown for any call.
    """
    part: Usage | None = (attempt.get("usage") or {}).get(purpose)
    if part is None or part["unknown"]:
        return None
    return part["input_tokens"], part["output_tokens"]


def mean_tokens(
    attempts: Iterable[Mapping[str, Any]], purpose: Purpose
) -> tuple[float, float] | None:
    """Return the tokens read and written for a purpose, on average over attempts.

    They are what `round_costs` takes as `tokens[purpose]`.

    Args:
        attempts: Recorded attempts; those whose tokens are unknown are skipped.
        purpose: What the calls were for.

    Returns:
        Both means; None where the tokens of all are unknown.
    """
    found = [tokens for each in attempts if (tokens := tokens_of(each, purpose)) is not None]
    if not found:
        return None
    read, written = zip(*found, strict=True)
    return sum(read) / len(found), sum(written) / len(found)


class Took(NamedTuple):
    """What some calls took; NaN where that is unknown.

    Attributes:
        read: Tokens read.
        written: Tokens written.
        seconds: Wall-clock time.
    """

    read: float
    written: float
    seconds: float


NOTHING = Took(0.0, 0.0, 0.0)


def took(attempt: Mapping[str, Any], purpose: Purpose) -> Took:
    """Return what an attempt's calls for a purpose took.

    Args:
        attempt: A recorded attempt; where it has no usage, its `tokens` were written by making it.
        purpose: What the calls were for.
    """
    known = tokens_of(attempt, purpose)
    part = (attempt.get("usage") or {}).get(purpose) or {}
    seconds = part.get("seconds")
    made = attempt.get("tokens") if purpose == attempt["action"] else None
    read, written = known or (nan, nan if made is None else made)
    return Took(float(read), float(written), nan if seconds is None else float(seconds))


def mean_taken(attempts: Iterable[Mapping[str, Any]], purpose: Purpose) -> Took:
    """Return what calls for a purpose took, on average over the attempts of which it is known.

    Args:
        attempts: Recorded attempts.
        purpose: What the calls were for.
    """
    every = zip(*(took(each, purpose) for each in attempts), strict=True)
    known = ([value for value in values if not isnan(value)] for values in every)
    return Took(*(sum(values) / len(values) if values else nan for values in known))
