"""Events in which drift shows, with the chances that a calibration gives them beforehand.

The chance of an event takes into account what came before it at the same question: a question at
which much was wrong is a hard one. So it does not matter when a loop stops.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.observable_rates import Observable, chances
from langchain_markovscale.theory.belief import Belief
from langchain_markovscale.theory.class_posterior import KeyedByClass
from langchain_markovscale.theory.intercept import log_chance
from langchain_markovscale.theory.likelihood import depths_of
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.traces.checks import checked
from langchain_markovscale.traces.trace import LabelledAttempt, Trace

Floats = NDArray[np.float64]


@dataclass
class Events:
    """Events of one kind, in the order of the traces.

    Attributes:
        happened: Whether each happened.
        chances: The chance that each had, if the calibration still holds.
        traces: Index of the trace that each belongs to.
        depths: For revisions of labelled answers, how deep each is, from 1; else 0.
    """

    happened: list[bool] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)
    traces: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)


Found = tuple[Observable, bool, float, int]
"""What is counted, whether it happened, the chance of it, and the depth of a labelled revision."""


class DriftEvents:
    """Reads traces for events.

    Args:
        rates: Of the calibration.

    Attributes:
        by_kind: The events found so far.
        ids: The id of every trace.
        labelled: How many traces have labels.
    """

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._belief = Belief(rates)
        self._says_nothing = rates.verdicts_say_nothing
        self._acceptance = chances(rates)["acceptance"]
        self.by_kind: dict[Observable, Events] = {}
        self.ids: list[str] = []
        self.labelled = 0

    def read(self, traces: Iterable[Trace]) -> None:
        """Add the events of traces; one without attempts counts as none.

        Raises:
            ValueError: If a trace is not valid; the message names it by its place.
        """
        for number, trace in enumerate(traces):
            try:
                attempts = cast("Trace", checked(trace))["attempts"]
            except ValueError as error:
                raise ValueError(f"traces[{number}]: {error}") from None
            self.ids.append(str(trace["id"]))
            labelled = any(each.get("correct") is not None for each in attempts)
            self.labelled += labelled
            found = self._with_labels(attempts) if labelled else self._without(attempts)
            for kind, happened, chance, depth in found:
                events = self.by_kind.setdefault(kind, Events())
                events.happened.append(happened)
                events.chances.append(chance)
                events.traces.append(number)
                events.depths.append(depth)

    def _with_labels(self, attempts: Sequence[LabelledAttempt]) -> Iterator[Found]:
        arrays = self._rates.arrays
        weights = arrays.weights
        labels = [each.get("correct") for each in attempts]
        for index, (attempt, depth) in enumerate(zip(attempts, depths_of(attempts), strict=True)):
            right, parent = labels[index], attempt["parent"]
            if right is None or (parent is not None and labels[parent] is None):
                continue
            if parent is None:
                kind, happened, by_class = "initial", right, arrays.initial
            else:
                repair, corruption = self._rates.at_depth(depth - 1)
                kept = bool(labels[parent])
                kind = "corruption" if kept else "repair"
                happened, by_class = right != kept, corruption if kept else repair
            if parent is not None or index == 0:
                yield cast("Observable", kind), happened, float(weights.dot(by_class)), depth
            weights = _updated(weights, by_class if happened else 1 - by_class)
            if index == 0 and attempt["score"] is not None and not self._says_nothing:
                accepted = attempt["score"] >= self._rates.accept_threshold
                if right:
                    chance = weights.dot(self._rates.sensitivity)
                    yield "sensitivity", accepted, float(chance), 0
                else:
                    chance = weights.dot(self._rates.specificity)
                    yield "specificity", not accepted, float(chance), 0

    def _without(self, attempts: Sequence[LabelledAttempt]) -> Iterator[Found]:
        depths, draws = depths_of(attempts), 0
        for index, (attempt, depth) in enumerate(zip(attempts, depths, strict=True)):
            key, parent = attempt["key"], attempt["parent"]
            draws += parent is None
            if index == 0:
                if attempt["score"] is not None and not self._says_nothing:
                    accepted = attempt["score"] >= self._rates.accept_threshold
                    yield "acceptance", accepted, self._acceptance, 0
                continue
            if parent is None and draws == 2:
                before, kind = 0, "agreement"
            elif parent is not None:
                before, kind = parent, "unchanged"
            else:
                continue
            known = attempts[before]["key"]
            if key is None or known is None:
                continue
            posterior = self._belief.posterior(attempts[:index])
            if not isinstance(posterior, KeyedByClass):
                continue
            number = list(dict.fromkeys(a["key"] for a in attempts[:index] if a["key"])).index(
                known
            )
            if kind == "agreement":
                chance = float(posterior.next_draw(scored=False).again[number, 0])
            else:
                chance = self._stays(posterior, number, depth - 1)
            yield cast("Observable", kind), key == known, chance, 0

    def _stays(self, posterior: KeyedByClass, number: int, depth: int) -> float:
        """Return the chance that a revision leaves an answer as it was."""
        repair, corruption = self._rates.at_depth(depth)
        right = posterior.joint[number]
        wrong = posterior.classes - right
        stuck = (1 - repair) * self._rates.arrays.retention
        return float(right.dot(1 - corruption) + wrong.dot(stuck))


def _updated(weights: Floats, chance: Floats) -> Floats:
    """Return P(class) after an event that each class gives a chance."""
    logs = log_chance(weights) + log_chance(chance)
    raised = np.exp(logs - logs.max())
    return np.asarray(raised / raised.sum())
