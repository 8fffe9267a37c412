"""What may differ from run to run of one graph: the cost of a round, the rounds, the budget.

They are given with the call, `graph.invoke(…, context={"max_rounds": 3})`, and so are no part of
the state: whoever resumes a run says anew what it may cost.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from typing_extensions import TypedDict

from langchain_markovscale.answers.choices import Choices, key_for
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.graph.budget import Budget, checked_budget
from langchain_markovscale.graph.telemetry import current_runtime
from langchain_markovscale.theory.criterion import Cache, Criterion
from langchain_markovscale.theory.rates import Rates, Variant, rates_for
from langchain_markovscale.theory.validation import costs_by_action, whole
from langchain_markovscale.types import Action


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


class MarkovScaleContext(TypedDict, total=False):
    """Settings of one run; what is left out is as the graph was made.

    LangGraph hands the context of a graph on to its subgraphs. It may therefore hold more than
    this, or be an object with attributes.

    Attributes:
        cost_per_round: What a round must gain to be worth it, in units of accuracy; one number, or
            one for each action.
        max_rounds: The most attempts, the first included; at least 1.
        budget: The most that the run may use, in place of the graph's budget; None for no limit.
    """

    cost_per_round: float | dict[Action, float]
    max_rounds: int
    budget: Budget | None


class Settings(NamedTuple):
    """What a run is decided by.

    Attributes:
        criterion: Decides what to do next.
        budget: What the run may use; None for no limit.
    """

    criterion: Criterion
    budget: Budget | None


_NAMES = tuple(MarkovScaleContext.__annotations__)
_CACHED_CRITERIA = 32  # for so many settings of runs a graph keeps its criteria and their caches


class PerRun:
    """The settings of a graph, and of its runs where they differ.

    Args:
        criterion: The graph's own.
        budget: The graph's own.
        most_rounds: The most that a run may ask for; None for any number.

    Attributes:
        own: The graph's own criterion.
    """

    def __init__(
        self, criterion: Criterion, budget: Budget | None = None, most_rounds: int | None = None
    ) -> None:
        self.own = criterion
        self._settings = Settings(criterion, checked_budget(budget))
        self._most_rounds = most_rounds
        self._criteria: Cache[tuple[Any, int], Criterion] = Cache(_CACHED_CRITERIA)

    def now(self) -> Settings:
        """Return the settings of the run that is going on.

        Raises:
            ValueError: If its context has a setting that leaves its range, or a misspelt one.
        """
        context = current_runtime().context
        given = {} if context is None else _settings_in(context)
        if not given:
            return self._settings
        budget, own = self._settings.budget, self.own
        if "budget" in given:
            budget = checked_budget(given["budget"])
        if given.keys() == {"budget"}:
            return Settings(own, budget)
        costs = costs_by_action(given.get("cost_per_round", own.cost_per_round), own.actions)
        rounds = int(whole("max_rounds", given.get("max_rounds", own.max_rounds), least=1))
        if self._most_rounds is not None and rounds > self._most_rounds:
            raise ValueError(
                f"max_rounds must be at most {self._most_rounds} in a context, got {rounds}: give "
                "it to create_markovscale_graph, which then allows for as many steps."
            )
        criterion = self._criteria.get(
            (tuple(costs.items()), rounds),
            lambda: own.replace(cost_per_round=costs, max_rounds=rounds),
        )
        return Settings(criterion, budget)


def _settings_in(context: Any) -> dict[str, Any]:
    """Return the settings that a context has, be it a dictionary or an object."""
    if not isinstance(context, Mapping):
        found = {name: getattr(context, name, None) for name in _NAMES}
        return {name: value for name, value in found.items() if value is not None}
    for name in context:
        if name not in _NAMES and (meant := get_close_matches(str(name), _NAMES, cutoff=0.8)):
            raise ValueError(
                f"context has no setting {name!r} (got {context[name]!r}); did you mean "
                f"{meant[0]!r}? The settings are {', '.join(map(repr, _NAMES))}."
            )
    return {name: context[name] for name in _NAMES if name in context}
