"""What a recording will take, before it is paid for: attempts, minutes, tokens and USD."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from langchain_markovscale.display.wording import counted, points
from langchain_markovscale.recording.power import (
    ENOUGH,
    assumed_variance,
    differences,
    found_variance,
    half_width,
)
from langchain_markovscale.recording.questions import as_questions
from langchain_markovscale.recording.schedule import Schedule
from langchain_markovscale.theory.validation import non_negative, whole
from langchain_markovscale.traces.trace import Trace, read_traces
from langchain_markovscale.traces.usage import tokens_of
from langchain_markovscale.types import ArgumentError

_MILLION = 1_000_000
_BATCH_PRICE = 0.5  # of what the same tokens cost at once


class Left(NamedTuple):
    """What a recording has still to do.

    Attributes:
        questions: Questions that are not finished.
        fresh_starts: Fresh draws to make.
        revisions: Revisions to make; None where the loop's own rule decides that.
        unverified: Attempts that are made and not verified.
        verifies: Whether attempts are verified; None where that is not known.
        at_once: How many questions run at a time.
    """

    questions: int
    fresh_starts: int
    revisions: int | None
    unverified: int
    verifies: bool | None
    at_once: int


@dataclass(frozen=True)
class RecordingEstimate:
    """What a recording will take, and what it can tell.

    Attributes:
        questions: Questions that are left to record.
        attempts: Attempts that will be made; where the loop's own rule decides how many, what is
            to be expected from `past`, or the least number.
        at_least: Whether `attempts` is only the least number.
        verifications: How many attempts will be verified; None where the loop does not tell.
        past: How many recorded questions time and tokens come from.
        seconds: Wall-clock time; None where nothing tells it.
        input_tokens: Tokens that will be read; None where nothing tells them.
        output_tokens: Tokens that will be written; None where nothing tells them.
        usd: What the tokens cost; None without prices or tokens.
        labelled: Questions with references, those that are recorded already included.
        revisions: Revisions that the last answer has.
        half_width: Half the 95% interval of the difference between the accuracies of the last and
            the first answer, in units of accuracy; None where the recording cannot tell it.
        measured: Whether that comes from recorded questions; else from the rates that are assumed
            where nothing was measured.
        jobs: How many jobs of a batch interface, one after the other; None where there are none.
    """

    questions: int
    attempts: int
    at_least: bool
    verifications: int | None
    past: int
    seconds: float | None
    input_tokens: float | None
    output_tokens: float | None
    usd: float | None
    labelled: int
    revisions: int
    half_width: float | None
    measured: bool
    jobs: int | None = None

    def __str__(self) -> str:
        least = "at least " if self.at_least else ""
        parts = [f"{least}{counted(self.attempts, 'attempt')}"]
        if self.verifications is not None:
            parts.append(counted(self.verifications, "verification"))
        text = f"{counted(self.questions, 'question')} to record: {' and '.join(parts)}."
        return " ".join(each for each in (text, self._cost(), self._worth()) if each)

    def _cost(self) -> str:
        parts = []
        waits = ""
        if self.jobs is not None:
            several = ", one after the other, of up to a day each"
            waits = (
                f"{counted(self.jobs, 'job')}{several if self.jobs > 1 else ' of up to a day'}. "
            )
        if self.seconds is not None:
            minutes = self.seconds / 60
            shown = (
                "less than a minute" if minutes < 1 else f"about {counted(ceil(minutes), 'minute')}"
            )
            parts.append(shown)
        if self.usd is not None:
            parts.append(f"about {self.usd:.2f} USD" if self.usd >= 0.01 else "less than 0.01 USD")
        if self.input_tokens is not None and self.output_tokens is not None:
            parts.append(
                f"about {self.input_tokens:,.0f} tokens read and {self.output_tokens:,.0f} written"
            )
        if not parts:
            unknown = "What it costs" if waits else "How long it takes"
            return f"{waits}{unknown} is not known yet."
        past = counted(self.past, "recorded question")
        return f"{waits}It takes {', '.join(parts)}, judged by {past}."

    def _worth(self) -> str:
        if self.half_width is None:
            return ""
        if self.measured:
            half, source = f"± {points(self.half_width)}", "as much as those recorded so far differ"
        else:
            half = f"about ± {points(self.half_width, 0)}"
            source = "in a loop with general rates; yours is not measured yet"
        return (
            f"With labels, {counted(self.labelled, 'question')} can tell the accuracy after "
            f"{counted(self.revisions, 'revision')} from that of the first answer to "
            f"{half} (95% interval; {source})."
        )


class Confirmation(NamedTuple):
    """Who is asked whether a recording shall go on, and what the estimate is made from.

    Attributes:
        confirm: Gets the estimate; the recording ends where it returns False.
        like: Past traces of the same loop; by default those of the file that is added to.
        prices: USD for a million tokens read, and for a million written.
    """

    confirm: Callable[[RecordingEstimate], bool]
    like: Path | None = None
    prices: tuple[float, float] | None = None


def confirmation_of(
    confirm: Callable[[RecordingEstimate], bool] | None,
    like: str | os.PathLike[str] | None,
    prices: tuple[float, float] | None,
) -> Confirmation | None:
    """Return who is asked, as the options of a recording say; None where nobody is.

    Raises:
        ValueError: If an option is wrong, or one is for an estimate that nobody gets.
    """
    if confirm is None:
        for name, value in (("like", like), ("prices", prices)):
            if value is not None:
                raise ArgumentError(
                    name, "is for the estimate that confirm gets, and confirm is missing: give it."
                )
        return None
    if not callable(confirm):
        raise ArgumentError("confirm", f"must be a function, got {confirm!r}.")
    return Confirmation(confirm, _past_file(like), _checked_prices(prices))


def _checked_prices(prices: tuple[float, float] | None) -> tuple[float, float] | None:
    if prices is None:
        return None
    try:
        read, written = prices
    except (TypeError, ValueError):
        raise ArgumentError("prices", f"must be two prices, got {prices!r}.") from None
    return float(non_negative("prices", read)), float(non_negative("prices", written))


def _past_file(like: str | os.PathLike[str] | None) -> Path | None:
    if like is not None and not Path(like).is_file():
        raise ArgumentError("like", f"must be a file of traces, got {str(like)!r}.")
    return None if like is None else Path(like)


def estimate_recording(
    dataset: Iterable[Any],
    *,
    revisions: int = 3,
    fresh_starts: int = 4,
    verifies: bool = True,
    like: str | os.PathLike[str] | None = None,
    prices: tuple[float, float] | None = None,
    max_concurrency: int = 8,
    in_batches: bool = False,
) -> RecordingEstimate:
    """Return what a recording would take and could tell, without a model or a graph.

    `record_traces`, `record_in_batches`, `record_dataset` and `markovscale record` show the same
    for what is left to record, before anything is paid for.

    Example:
        print(estimate_recording(questions, like="traces.jsonl", prices=(3, 15)))

    Args:
        dataset: The questions, as for `record_traces`.
        revisions: Revisions of each fresh start.
        fresh_starts: Fresh draws for each question.
        verifies: Whether attempts are verified.
        like: Past traces of the same loop, which tell time and tokens.
        prices: USD for a million tokens read, and for a million written; those without batches.
        max_concurrency: How many questions run at a time.
        in_batches: Whether it is for `record_in_batches`: at half the price, in jobs of up to a
            day each.

    Returns:
        The estimate; it prints as sentences.

    Raises:
        ValueError: If an argument is wrong.
        OSError: If the past traces cannot be read.
    """
    questions = as_questions(dataset)
    past = _past_file(like)
    schedule = Schedule(revisions, fresh_starts)
    whole("max_concurrency", max_concurrency, least=1)
    prior: list[list[Any]] = [[] for _ in questions]
    return estimate(
        left_to_do(schedule, prior, verifies=verifies, at_once=max_concurrency),
        [] if past is None else list(read_traces(past)),
        labelled=sum(question.reference is not None for question in questions),
        revisions=schedule.revisions,
        fresh_starts=schedule.fresh_starts,
        prices=_checked_prices(prices),
        in_batches=in_batches,
    )


def left_to_do(
    schedule: Schedule,
    prior: Sequence[Sequence[Mapping[str, Any]]],
    *,
    verifies: bool | None,
    at_once: int,
) -> Left:
    """Return what is left to do.

    Args:
        schedule: How many attempts each question gets.
        prior: The attempts that are there already, for each question that is not finished.
        verifies: As in `Left`.
        at_once: As in `Left`.
    """
    draws = sum(attempt["parent"] is None for attempts in prior for attempt in attempts)
    fresh_starts = schedule.fresh_starts * len(prior)
    revisions = None
    if not schedule.censored:
        made = sum(map(len, prior)) - draws
        revisions = max(fresh_starts * schedule.revisions - made, 0)
    unverified = sum(bool(each) and each[-1]["score"] is None for each in prior)
    fresh_starts = max(fresh_starts - draws, 0)
    return Left(len(prior), fresh_starts, revisions, unverified, verifies, at_once)


def estimate(
    left: Left,
    past: Sequence[Trace],
    *,
    labelled: int,
    revisions: int,
    fresh_starts: int,
    prices: tuple[float, float] | None = None,
    seconds_each: float | None = None,
    in_batches: bool = False,
) -> RecordingEstimate:
    """Return what a recording will take and can tell.

    Attempts are taken to cost what fresh draws and revisions did on average in past traces, and
    questions that run at a time to be as quick as they were there.

    Args:
        left: What is to be done.
        past: Traces of the same loop; none where there are none.
        labelled: Questions with references.
        revisions: Revisions of a fresh start.
        fresh_starts: Fresh draws of each question.
        prices: USD for a million tokens read, and for a million written.
        seconds_each: How long a question takes, for traces whose attempts do not tell.
        in_batches: Whether a provider's batch interface is asked: at half the price, in jobs whose
            time nothing tells.
    """
    made = [attempt for trace in past for attempt in trace["attempts"]]
    draws = [attempt for attempt in made if attempt["parent"] is None]
    revised = [attempt for attempt in made if attempt["parent"] is not None]
    at_least = left.revisions is None and not draws
    to_revise = left.revisions
    if to_revise is None:
        to_revise = round(left.fresh_starts * len(revised) / len(draws)) if draws else 0
    attempts = left.fresh_starts + to_revise
    plan = [(draws or made, left.fresh_starts), (revised or made, to_revise)]
    seconds, read, written = (
        _total(plan, of) for of in (_seconds, partial(_tokens, 0), partial(_tokens, 1))
    )
    if seconds is None and seconds_each is not None:
        seconds = seconds_each * left.questions
    if seconds is not None:
        seconds /= max(min(left.at_once, left.questions), 1)
    if in_batches:
        seconds = None
    usd = None
    if prices is not None and read is not None and written is not None:
        usd = (read * prices[0] + written * prices[1]) / _MILLION
        usd *= _BATCH_PRICE if in_batches else 1
    verifications = None
    if left.verifies is not None:
        verifications = attempts + left.unverified if left.verifies else 0
    found = differences(past, revisions) if revisions else []
    measured = len(found) >= ENOUGH
    half = None
    if revisions and labelled and left.revisions is not None:
        spread = found_variance(found) if measured else assumed_variance(revisions, fresh_starts)
        half = half_width(spread, labelled)
    return RecordingEstimate(
        questions=left.questions,
        attempts=attempts,
        at_least=at_least,
        verifications=verifications,
        past=len(past),
        seconds=seconds,
        input_tokens=read,
        output_tokens=written,
        usd=usd,
        labelled=labelled,
        revisions=revisions,
        half_width=half,
        measured=measured,
        jobs=_jobs(left, revisions) if in_batches else None,
    )


def _jobs(left: Left, revisions: int) -> int:
    """Return the jobs of a recording in batches: one for all draws, their verdicts, and so on."""
    portions = max(ceil(left.fresh_starts / left.at_once), 1)
    return portions * (revisions + 1) * (2 if left.verifies else 1)


def _total(plan: Sequence[tuple[Sequence[Mapping[str, Any]], int]], of: Any) -> float | None:
    """Return a sum over attempts to be made; None where it is not known for some kind of them."""
    total = 0.0
    for attempts, times in plan:
        if times:
            known = [value for attempt in attempts if (value := of(attempt)) is not None]
            if not known:
                return None
            total += fmean(known) * times
    return total


def _seconds(attempt: Mapping[str, Any]) -> float | None:
    parts = [part.get("seconds") for part in (attempt.get("usage") or {}).values()]
    return None if not parts or None in parts else sum(parts)


def _tokens(side: int, attempt: Mapping[str, Any]) -> float | None:
    parts = [tokens_of(attempt, purpose) for purpose in attempt.get("usage") or {}]
    known = [part[side] for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None
