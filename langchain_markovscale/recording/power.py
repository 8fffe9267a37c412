"""What questions can tell of the last revision, and what more of them would.

What is compared is the accuracy after the last revision with that of the first answer. The unit is
the question, since attempts at one question are alike: each question has one difference D, the mean
over its fresh starts of (last answer right) − (first answer right), and n questions tell their mean
to ± z √(Var D / n), where questions are taken as independent.

Where few questions differ, their variance is found too small: of 60 with one that differs, the
interval would hold the true difference in 30 to 80 of 100 recordings. So Var D is that of the
questions and of two more, half a question corrected and half of one broken, as A. Agresti and
Y. Min (Biometrics 61, 2005) do for paired shares.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt
from statistics import NormalDist, fmean, variance
from typing import Any

import numpy as np

from langchain_markovscale.display.wording import counted, points
from langchain_markovscale.theory.mixture import ChainMixture
from langchain_markovscale.theory.rates import training_free_rates
from langchain_markovscale.theory.validation import whole
from langchain_markovscale.traces.trace import Trace

ENOUGH = 10
"""Questions with labels from which on Var D is measured rather than assumed."""

_LEVEL = 0.95
_POWER = 0.8
_Z = NormalDist().inv_cdf((1 + _LEVEL) / 2)
_Z_POWER = NormalDist().inv_cdf(_POWER)


@dataclass(frozen=True)
class RecordingOutlook:
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


def recording_outlook(traces: Iterable[Trace], revisions: int = 3) -> RecordingOutlook | None:
    """Return what recorded questions tell of the last revision, and what more would.

    Args:
        traces: Traces with labels, such as `read_traces("traces.jsonl")`. Those that the loop's own
            rule ended are skipped: it chooses which answers have a last revision.
        revisions: Revisions that the last answer has, at least 1.

    Returns:
        It prints as sentences; None where fewer than ten questions have the labels.
    """
    whole("revisions", revisions, least=1)
    found = differences(traces, revisions)
    if len(found) < ENOUGH:
        return None
    difference, many, spread = fmean(found), len(found), found_variance(found)
    needed = None
    if difference:
        needed = max(ceil((_Z + _Z_POWER) ** 2 * spread / difference**2) - many, 0)
    return RecordingOutlook(many, revisions, difference, half_width(spread, many), 3 * many, needed)


def found_variance(found: Sequence[float]) -> float:
    """Return Var D as recorded questions tell it.

    Args:
        found: D of each question.
    """
    return variance([*found, sqrt(0.5), -sqrt(0.5)])


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
