"""The options of a loop's decisions: those that are set when it is made, and those of one run.

The options of a run are given with the call, `graph.invoke(…, context={"max_rounds": 3})`, and are
no part of a graph's state: a call that resumes a run has to give them again. An agent's middleware
keeps them with its turn.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from difflib import get_close_matches
from inspect import signature
from typing import Any, NamedTuple

from typing_extensions import TypedDict

from langchain_markovscale.answers.choices import Choices, count_of, key_for
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.graph.budget import Budget, checked_budget
from langchain_markovscale.graph.named_parts import MeasuredLoop
from langchain_markovscale.graph.telemetry import current_runtime
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.decision_cache import Cache
from langchain_markovscale.theory.delivery import Delivery
from langchain_markovscale.theory.draws_at_once import AtOnce, Waiting
from langchain_markovscale.theory.rates import Rates, Variant
from langchain_markovscale.theory.validation import costs_by_action, single, whole
from langchain_markovscale.traces.provenance import loop_in
from langchain_markovscale.types import Action
from langchain_markovscale.verifiers.function import is_exact

CALLS_NO_VERIFIER = (
    "A router calls no verifier: let a node of the graph call it and write the score to the state, "
    "and give the score's key as scores_key=."
)
_USUAL_NAMES = {  # of other people's loops, by the name here
    "answers_key": ("drafts_key", "draft_key", "generation_key", "output_key", "answer_field"),
    "scores_key": ("grades_key", "grade_key", "verdict_key", "rewards_key"),
    "iteration_key": ("iterations_key", "count_key", "round_key", "revision_number_key"),
    "max_rounds": (
        *("max_iterations", "max_iters", "max_revisions", "max_attempts", "max_retries"),
        *("max_loops", "max_turns", "max_steps", "iterations", "n_rounds"),
    ),
    "cost_per_round": ("cost", "round_cost", "cost_per_iteration"),
    "state_schema": ("state", "schema"),
    "calibration": ("rates",),
    "verifier": ("verifier", "judge", "critic", "grader", "evaluator"),
    "model": ("llm",),
}
_MEANT = {usual: name for name, usual_names in _USUAL_NAMES.items() for usual in usual_names}


class RuleOptions(TypedDict, total=False):
    """How to decide whether another round is worth its cost; what is left out has a default.

    `create_markovscale_graph`, `MarkovScaleRouter` and `MarkovScaleMiddleware` take these as
    keyword arguments. They are the arguments of `Criterion`; a `Criterion` may be given instead, as
    `criterion=`.

    Attributes:
        calibration: A `Calibration` or bare `Rates`; by default `Calibration.training_free()`. One
            that was measured with another model, verifier or answer key is used, with a warning.
        variant: Where the weights of the classes of questions come from: `"mixture"`, as fitted,
            which is the default; `"gate"`, which decides before a run whether to loop at all;
            `"map"`, by a predictor; `"training_free"`, a broad grid in place of the fitted classes.
        cost_per_round: What a round (one attempt and its verification) must gain to be worth it, in
            units of accuracy; by default 0.01, one point. One number c in [0, 0.5), or one for each
            action; `round_costs` makes them from prices.
        max_rounds: The most attempts at a question, the first included; at least 1, by default 8.
        actions: What may be done after the first attempt: `"revise"`, `"generate"`, or both, which
            is the default (of a router that reads answers or messages it is `"revise"`).
        choices: The possible answers, or how many there are, where they are a closed list. Given as
            a list, it also reads the answer from the text, unless `answer_key` does.
        exact_verifier: Whether the verifier's full score (True or 1.0) means right, and anything
            less wrong; the run then ends at the first such score. By default what the verifier
            says of itself, see `FunctionVerifier`; a router, which sees scores alone, is told.
        delivery: Whether to count only on that part of a promised gain that the rule has delivered
            on the traces of the calibration, or on .85 of it where that was not measured, which is
            the default; see `Criterion`.
        draws_at_once: How many fresh draws are made side by side: one, which is the default, a
            number k, or `"auto"`: as many as are worth most, where waiting has a price.
        cost_per_second: What a second of waiting costs, in units of accuracy: its price as a share
            of what a right answer is worth; by default 0, which is to have time.
        seconds_per_round: How long a round takes, an attempt and its verification; by default
            None, not known beforehand.
    """

    calibration: Calibration | Rates | None
    variant: Variant
    cost_per_round: float | Mapping[Action, float]
    max_rounds: int
    actions: Sequence[Action] | None
    choices: Choices | None
    exact_verifier: bool
    delivery: bool | Delivery
    draws_at_once: AtOnce
    cost_per_second: float
    seconds_per_round: float | None


def criterion_of(
    callee: Callable[..., Any], criterion: Criterion | None, rule: RuleOptions
) -> Criterion:
    """Return the user's criterion, or one that is made from the options.

    Args:
        callee: The function or class that was given them.
        criterion: The user's own; None where there is none.
        rule: The options, as keyword arguments that are not checked yet.

    Raises:
        TypeError: If an option is unknown, or the calibration is of no accepted type.
        ValueError: If an option is out of range, or contradicts the criterion.
    """
    reject_unknown(callee, rule, RuleOptions)
    options: dict[str, Any] = {**rule}
    for name in ("calibration", "actions", "choices"):
        if options.get(name) is None:
            options.pop(name, None)
    if "choices" in options:
        options["choices"] = count_of(options["choices"])
    if criterion is None:
        return Criterion(**{"calibration": Calibration.training_free()} | options)
    if not isinstance(criterion, Criterion):
        raise TypeError(
            f"criterion must be a Criterion, got {criterion!r:.80}: give a calibration or rates as "
            "calibration=."
        )
    current = criterion.arguments
    requested = criterion.replace(**options).arguments if options else current
    for name in options:
        if requested[name] != current[name]:
            raise ValueError(
                f"{name}={options[name]!r:.80} contradicts criterion, which was made with "
                f"{name}={current[name]!r:.80}: leave {name} out, or make the Criterion with it."
            )
    return criterion


def reject_unknown(callee: Callable[..., Any], options: Mapping[str, Any], accepted: type) -> None:
    """Raise an error for other keywords, as Python does where each option is a parameter.

    Args:
        callee: The function or class that was given them.
        options: Its keyword arguments that are no parameters.
        accepted: The `TypedDict` of those that it takes.

    Raises:
        TypeError: If an option is unknown; the message says which one may be meant.
    """
    known = accepted.__annotations__
    parameters = signature(callee).parameters.values()
    own = {each.name for each in parameters if each.kind is not each.VAR_KEYWORD} | known.keys()
    problems = [
        f"{callee.__name__}() got an unexpected keyword argument {name!r}.{_meant(name, own)}"
        for name in options
        if name not in known
    ]
    if problems:
        raise TypeError(" ".join(problems))


def _meant(name: str, names: Collection[str]) -> str:
    """Return which of the names an unknown one may stand for, as a sentence, or nothing."""
    meant = _MEANT.get(name, name)
    if meant == "verifier" and meant not in names:
        return f" {CALLS_NO_VERIFIER}"
    if meant not in names:
        meant = next(iter(get_close_matches(name, names, n=1)), "")
    counted = name in _USUAL_NAMES["max_rounds"]
    note = " (which counts the first answer as well)" if counted else ""
    return f" Did you mean {meant!r}{note}?" if meant else ""


def loop_measured_by(criterion: Criterion) -> MeasuredLoop:
    """Return the loop that a criterion's calibration was measured with, as far as it is known."""
    return MeasuredLoop(loop_in(getattr(criterion.arguments["calibration"], "metadata", None)))


class Rule(NamedTuple):
    """How a loop decides, and by which keys it tells answers apart.

    Attributes:
        criterion: Decides what to do next.
        answer_key: Makes the key of an answer; None where answers have none.
        measured: The loop that the calibration was measured with, as far as that is known.
    """

    criterion: Criterion
    answer_key: AnswerKey | None
    measured: MeasuredLoop


def rule_of_loop(
    callee: Callable[..., Any],
    verifier: object,
    answer_key: AnswerKey | str | None,
    criterion: Criterion | None,
    rule: RuleOptions,
) -> Rule:
    """Return how a whole loop decides; without a verifier its rates know of no verdicts.

    Args:
        callee: The function or class that makes the loop.
        verifier: The verify-proxy, None where there is none.
        answer_key: As the user gave it.
        criterion: As the user gave it.
        rule: The other options, as the user gave them.

    Raises:
        ValueError: If there is neither a verifier nor a key, the number of choices without a key,
            or options that `criterion_of` does not accept.
        TypeError: If an option is unknown, or the calibration is of no accepted type.
    """
    criterion = criterion_of(callee, criterion, rule)
    measured = loop_measured_by(criterion)
    if is_exact(verifier) and not criterion.exact_verifier and "exact_verifier" not in rule:
        criterion = criterion.replace(exact_verifier=True)
    key, choices = key_for(answer_key, rule.get("choices")), criterion.belief.choices
    if key is None and choices is not None:
        raise ValueError(
            f"choices={choices} is a number of answers, and nothing reads the answers: give an "
            "answer_key, or the answers themselves as choices."
        )
    if key is None and verifier is not None:
        criterion = criterion.without_keys()
    if verifier is None:
        if key is None:
            raise ValueError(
                "verifier=None leaves no evidence: give a verifier such as JudgeVerifier(model), "
                "or an answer_key such as 'last_number', by which answers can agree."
            )
        criterion = criterion.without_verifier()
    return Rule(criterion, key, measured)


class RunSettings(TypedDict, total=False):
    """Settings of one run; what is left out is as the graph was made.

    Attributes:
        cost_per_round: What a round must gain to be worth it, in units of accuracy, below 0.5; one
            number, or one for each action.
        max_rounds: The most attempts, the first included; at least 1, and at most 64, or as many as
            the graph itself makes where those are more.
        budget: The most that the run may use, in place of the graph's budget; None for no limit.
    """

    cost_per_round: float | dict[Action, float]
    max_rounds: int
    budget: Budget | None


class MarkovScaleContext(RunSettings, total=False):
    """The context of a run: its settings.

    LangGraph passes the context of a graph to its subgraphs. It may therefore hold more than this,
    or be an object with attributes. Where a parent has a `budget` of its own, or any other name of
    `RunSettings`, give the settings together: `context={"markovscale": {"max_rounds": 3}, …}`.

    Attributes:
        markovscale: The settings; where they are given so, no other name of the context is read.
    """

    markovscale: RunSettings


class Settings(NamedTuple):
    """The settings of a run.

    Attributes:
        criterion: Decides what to do next.
        budget: What the run may use; None for no limit.
    """

    criterion: Criterion
    budget: Budget | None

    @property
    def timed(self) -> bool:
        """Whether a run's time is measured: its budget limits it, or its rule weighs it."""
        return "seconds" in (self.budget or ()) or weighs_time(self.criterion.waiting)


def weighs_time(waiting: Waiting) -> bool:
    """Return whether a rule weighs the time of a run's rounds, and has to be told it."""
    return waiting.cost_per_second > 0 and waiting.seconds_per_round is None


_NAMES = tuple(RunSettings.__annotations__)
_TOGETHER = "markovscale"
SETTINGS = frozenset((*_NAMES, _TOGETHER))
"""The names of a context that are settings of ours."""

_MOST_ROUNDS = 64  # that a context may ask for: what a decision takes grows with their number
_CACHED_CRITERIA = 32  # for so many settings of runs a graph keeps its criteria and their caches


class PerRun:
    """The settings of a graph, and of its runs where they differ.

    Args:
        criterion: The graph's own.
        budget: The graph's own.

    Attributes:
        own: The graph's own criterion.
        most_rounds: The most that a run may ask for.
    """

    def __init__(self, criterion: Criterion, budget: Budget | None = None) -> None:
        self.own = criterion
        self.most_rounds = max(_MOST_ROUNDS, criterion.max_rounds)
        self._settings = Settings(criterion, checked_budget(budget))
        self._criteria: Cache[tuple[Any, int], Criterion] = Cache(_CACHED_CRITERIA)

    def given(self) -> RunSettings:
        """Return the settings that the current run's context has, checked.

        Raises:
            ValueError: If a setting is out of range, or misspelt.
        """
        context = current_runtime().context
        given = {} if context is None else _settings_in(context)
        checked: RunSettings = {}
        if "cost_per_round" in given:
            checked["cost_per_round"] = costs_by_action(given["cost_per_round"], self.own.actions)
        if "max_rounds" in given:
            checked["max_rounds"] = self._rounds(given["max_rounds"])
        if "budget" in given:
            checked["budget"] = checked_budget(given["budget"])
        return checked

    def now(self, pinned: RunSettings | None = None) -> Settings:
        """Return the settings of the current run.

        Args:
            pinned: Settings that an earlier call of the run was given, for those that the context
                of this one lacks.

        Raises:
            ValueError: If its context has a setting out of range, or a misspelt one.
        """
        given: RunSettings = self.given()
        if pinned:
            given = {**pinned, **given}
        if not given:
            return self._settings
        own, budget = self.own, given.get("budget", self._settings.budget)
        if given.keys() == {"budget"}:
            return Settings(own, budget)
        costs = costs_by_action(given.get("cost_per_round", own.cost_per_round), own.actions)
        rounds = given.get("max_rounds", own.max_rounds)
        criterion = self._criteria.get(
            (tuple(costs.items()), rounds),
            lambda: own.replace(cost_per_round=costs, max_rounds=rounds),
        )
        return Settings(criterion, budget)

    def _rounds(self, value: Any) -> int:
        rounds = int(single("max_rounds", whole("max_rounds", value, least=1)))
        if rounds > self.most_rounds:
            raise ValueError(
                f"max_rounds must be at most {self.most_rounds} in a context, got {rounds}: where "
                "a question may have more attempts, give max_rounds when the loop is made."
            )
        return rounds


def _settings_in(context: Any) -> dict[str, Any]:
    """Return the settings that a context has, be it a dictionary or an object."""
    together = _entry(context, _TOGETHER)
    if together is None:
        names = (*_NAMES, _TOGETHER)
    elif isinstance(together, Mapping):
        context, names = together, _NAMES
        if unknown := sorted(set(map(str, together)).difference(_NAMES)):
            raise ValueError(
                f"context[{_TOGETHER!r}] has no setting {', '.join(map(repr, unknown))}: the "
                f"settings are {', '.join(map(repr, _NAMES))}."
            )
    else:
        raise ValueError(
            f"context[{_TOGETHER!r}] must be a dictionary such as {{'max_rounds': 3}}, got "
            f"{together!r:.80}."
        )
    if not isinstance(context, Mapping):
        values = {name: getattr(context, name, None) for name in _NAMES}
        return {name: value for name, value in values.items() if value is not None}
    for name in context:
        if name not in names and (similar := get_close_matches(str(name), names, cutoff=0.8)):
            raise ValueError(
                f"context has no setting {name!r}, got {context[name]!r}: did you mean "
                f"{similar[0]!r}? The settings are {', '.join(map(repr, _NAMES))}."
            )
    return {name: context[name] for name in _NAMES if name in context}


def _entry(context: Any, name: str) -> Any:
    return context.get(name) if isinstance(context, Mapping) else getattr(context, name, None)
