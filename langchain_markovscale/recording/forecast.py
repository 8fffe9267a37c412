"""What a recording will take, and what its questions can tell: before it is paid for, and after.

What is compared is the accuracy after the last revision with that of the first answer. The unit is
the question, since attempts at one question are alike: each question has one difference D, the mean
over its fresh starts of (last answer right) − (first answer right), and n questions tell their mean
to ± z √(Var D / n), where questions are taken as independent and n as large enough for a normal
distribution.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, sqrt
from pathlib import Path
from statistics import NormalDist, fmean, variance
from typing import Any, NamedTuple

import numpy as np

from langchain_markovscale.display.wording import counted, points
from langchain_markovscale.recording.schedule import Schedule
from langchain_markovscale.theory.mixture import ChainMixture
from langchain_markovscale.theory.rates import training_free_rates
from langchain_markovscale.traces.trace import Trace
from langchain_markovscale.traces.usage import tokens_of

ENOUGH = 10
"""Questions with labels from which on Var D is measured rather than assumed."""

_LEVEL = 0.95
_POWER = 0.8
_MILLION = 1_000_000
_Z = NormalDist().inv_cdf((1 + _LEVEL) / 2)
_Z_POWER = NormalDist().inv_cdf(_POWER)


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

    def __str__(self) -> str:
        least = "at least " if self.at_least else ""
        parts = [f"{least}{counted(self.attempts, 'attempt')}"]
        if self.verifications is not None:
            parts.append(counted(self.verifications, "verification"))
        text = f"{counted(self.questions, 'question')} to record: {' and '.join(parts)}."
        return " ".join(each for each in (text, self._cost(), self._worth()) if each)

    def _cost(self) -> str:
        parts = []
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
            return "How long it takes is not known yet."
        return f"It takes {', '.join(parts)}, judged by {counted(self.past, 'recorded question')}."

    def _worth(self) -> str:
        if self.half_width is None:
            return ""
        source = (
            "as much as those recorded so far differ"
            if self.measured
            else "by general rates, not measured"
        )
        return (
            f"With labels, {counted(self.labelled, 'question')} can tell the accuracy after "
            f"{counted(self.revisions, 'revision')} from that of the first answer to "
            f"± {points(self.half_width)} (95% interval; {source})."
        )


@dataclass(frozen=True)
class Outlook:
    """What a recording tells, and what more questions would.

    Attributes:
        questions: Questions with labels of their first answers and last revisions.
        revisions: Revisions that the last answer has.
        difference: Accuracy after the last revision less that of the first answer.
        half_width: Half its 95% interval.
        to_halve: How many more questions halve the interval, if they differ as these do.
        to_tell: How many more questions tell a difference of this size from none, with a
            probability (power) of 80%; 0 where these do already, None where there is no difference.
    """

    questions: int
    revisions: int
    difference: float
    half_width: float
    to_halve: int
    to_tell: int | None

    def __str__(self) -> str:
        text = (
            f"After {counted(self.revisions, 'revision')} accuracy differs from that of the first "
            f"answer by {points(self.difference, signed=True)}, ± {points(self.half_width)} (95% "
            f"interval, {counted(self.questions, 'question')}). "
            f"{counted(self.to_halve, 'more question')} would halve the interval"
        )
        if self.to_tell is None:
            return f"{text}."
        if self.to_tell == 0:
            return f"{text}; a difference of this size needs no more to be told from none."
        return (
            f"{text}; {self.to_tell} more would tell a difference of this size from none in 80% of "
            "recordings."
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


def outlook(traces: Iterable[Trace], revisions: int) -> Outlook | None:
    """Return what recorded questions tell of the last revision, and what more would.

    Args:
        traces: Traces with labels. Those that the loop's own rule ended are skipped: it chooses
            which answers have a last revision.
        revisions: Revisions that the last answer has, at least 1.

    Returns:
        None where fewer than ten questions have the labels, or none of them differs from another.
    """
    found = differences(traces, revisions)
    if len(found) < ENOUGH or not (spread := variance(found)):
        return None
    difference, many = fmean(found), len(found)
    needed = None
    if difference:
        needed = max(ceil((_Z + _Z_POWER) ** 2 * spread / difference**2) - many, 0)
    return Outlook(many, revisions, difference, half_width(spread, many), 3 * many, needed)


def half_width(spread: float, questions: int) -> float:
    """Return half the 95% interval of a mean over questions.

    Args:
        spread: Variance between questions.
        questions: How many there are, at least 1.
    """
    return _Z * sqrt(spread / questions)


def differences(traces: Iterable[Trace], revisions: int) -> list[float]:
    """Return D of each question that has labels of both answers in a fresh start.

    Args:
        traces: Traces; those that the loop's own rule ended are skipped.
        revisions: Revisions that the last answer has.
    """
    every = (
        _of_a_question(trace["attempts"], revisions)
        for trace in traces
        if not trace.get("censored")
    )
    return [fmean(found) for found in every if found]


def _of_a_question(attempts: Sequence[Mapping[str, Any]], revisions: int) -> list[int]:
    begins: list[tuple[int, int]] = []  # by attempt: its fresh draw, and revisions since
    found = []
    for index, attempt in enumerate(attempts):
        parent = attempt["parent"]
        root, depth = (index, 0) if parent is None else (begins[parent][0], begins[parent][1] + 1)
        begins.append((root, depth))
        first, last = attempts[root].get("correct"), attempt.get("correct")
        if depth == revisions and first is not None and last is not None:
            found.append(int(last) - int(first))
    return found


def assumed_variance(
    revisions: int, fresh_starts: int, mixture: ChainMixture | None = None
) -> float:
    """Return Var D where classes of questions are chains of known rates.

    With u = P(first wrong, last right) and v = P(first right, last wrong) in a class, a fresh start
    has the mean u − v and the variance u + v − (u − v)². Fresh starts of one question are
    independent within its class, so that Var D = E[u + v − (u − v)²] / fresh starts + Var[u − v].

    Args:
        revisions: Revisions that the last answer has.
        fresh_starts: Fresh draws of each question.
        mixture: The rates; by default those that are assumed where nothing was measured.
    """
    mixture = training_free_rates().mixture if mixture is None else mixture
    if_wrong, if_right = np.zeros(mixture.n_classes), np.ones(mixture.n_classes)
    for depth in range(revisions):
        repair, corruption = (
            rate * mixture.settling**depth for rate in (mixture.repair, mixture.corruption)
        )
        if_wrong, if_right = (
            right * (1 - corruption) + (1 - right) * repair for right in (if_wrong, if_right)
        )
    up, down = (1 - mixture.initial) * if_wrong, mixture.initial * (1 - if_right)
    mean = up - down
    within = mixture.weights @ (up + down - mean**2)
    between = mixture.weights @ mean**2 - (mixture.weights @ mean) ** 2
    return float(within / fresh_starts + between)


def estimate(
    left: Left,
    past: Sequence[Trace],
    *,
    labelled: int,
    revisions: int,
    fresh_starts: int,
    prices: tuple[float, float] | None = None,
    seconds_each: float | None = None,
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
    usd = None
    if prices is not None and read is not None and written is not None:
        usd = (read * prices[0] + written * prices[1]) / _MILLION
    verifications = None
    if left.verifies is not None:
        verifications = attempts + left.unverified if left.verifies else 0
    found = differences(past, revisions) if revisions else []
    measured = len(found) >= ENOUGH and variance(found) > 0
    half = None
    if revisions and labelled and left.revisions is not None:
        spread = variance(found) if measured else assumed_variance(revisions, fresh_starts)
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
    )


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
