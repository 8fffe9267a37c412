"""`show`: the document of a run or a decision, from the plain dictionaries that a graph returns."""

from collections.abc import Mapping, Sequence
from math import isclose
from typing import Any, cast

from langgraph.graph.state import CompiledStateGraph

from langchain_markovscale.display.display import Display
from langchain_markovscale.display.run import DecisionDisplay, RunDisplay
from langchain_markovscale.graph.class_weights import CLASS_WEIGHTS_KEY
from langchain_markovscale.graph.router import MarkovScaleRouter, router_of
from langchain_markovscale.graph.settings import weighs_time
from langchain_markovscale.theory.draws_at_once import Waiting
from langchain_markovscale.types import Attempt, Decision

_DECISION = frozenset(Decision.__required_keys__)


def show(value: Mapping[str, Any], rule: Any = None) -> Display:
    """Return a run or a decision as an object that shows itself: in a notebook, or by `print`.

    Example:
        result = graph.invoke({"question": "What is 17 * 23?"})
        show(result, graph)

    Args:
        value: What a graph of `create_markovscale_graph` returned, or its state; or a decision.
        rule: What decided: the graph, a router or a criterion. With it the beliefs along the way
            are shown, too. The state keeps the last decision only, but a rule decides from the
            attempts alone, so that the earlier decisions can be made again.

    Returns:
        An object with `text`, `markdown` and `html()`.

    Raises:
        ValueError: If the value is neither a run nor a decision, or the rule has no `decide`.
    """
    if not isinstance(value, Mapping):
        raise ValueError(
            f"value must be a dictionary, got {type(value).__name__}: give what a graph of "
            "create_markovscale_graph returned, or a decision."
        )
    if value.keys() >= _DECISION:
        return DecisionDisplay(cast("Decision", value))
    if not isinstance(value.get("attempts"), Sequence):
        raise ValueError(
            "value has no 'attempts': show what a graph of create_markovscale_graph returned, or, "
            "of a graph of your own, the decision: show(router.decide(state)). An agent keeps no "
            "more than a summary: messages[-1].response_metadata['markovscale']."
        )
    return _run(value, rule)


def _run(value: Mapping[str, Any], rule: Any) -> RunDisplay:
    attempts: tuple[Attempt, ...] = tuple(value["attempts"])
    last: Decision | None = value.get("decision")
    decisions: list[Decision | None] = [None] * len(attempts)
    warnings: tuple[str, ...] = ()
    if rule is not None:
        decisions_again = _decisions_again(_decider(rule), attempts, value.get(CLASS_WEIGHTS_KEY))
        if _led_to(decisions_again, attempts, last):
            decisions = decisions_again
        else:
            warnings = (
                "The decisions of this rule differ from those of the run, so its beliefs along the "
                "way are left out: give the rule that decided, with the settings of this run.",
            )
    if last is not None:
        decisions[-1:] = [last]
    return RunDisplay(
        question=_question(value),
        attempts=attempts,
        decisions=tuple(decisions),
        usage=value.get("usage") or {},
        error=value.get("error"),
        warnings=warnings,
    )


def _decider(rule: Any) -> Any:
    decider = router_of(rule) if isinstance(rule, CompiledStateGraph) else rule
    if isinstance(decider, MarkovScaleRouter):
        decider = decider.criterion
    if not hasattr(decider, "decide"):
        raise ValueError(
            "rule must be a graph of create_markovscale_graph, a MarkovScaleRouter or a Criterion, "
            f"got {type(rule).__name__}."
        )
    return decider


def _decisions_again(
    decider: Any, attempts: tuple[Attempt, ...], weights: Sequence[float] | None
) -> list[Decision | None]:
    """Return the decision after each attempt; None where it is not known, or there was none.

    Where draws are made at once, a decision follows the last of them. One that weighed the time of
    the run is not known.
    """
    given = () if weights is None else (weights,)
    decisions: list[Decision | None] = [None] * len(attempts)
    waiting: Waiting = getattr(decider, "waiting", Waiting())
    if weighs_time(waiting):
        return decisions
    made = 1 if waiting.draws_at_once == 1 else decider.decide([], *given).get("draws", 1)
    while made <= len(attempts):
        decision: Decision = decider.decide(attempts[:made], *given)
        decisions[made - 1] = decision
        made += decision.get("draws", 1)
    return decisions


def _led_to(
    decisions: Sequence[Decision | None], attempts: Sequence[Attempt], last: Decision | None
) -> bool:
    """Return whether decisions lead to these attempts, and to the same last belief."""
    followed = all(
        following["action"] == "generate"
        if decision is None
        else decision["action"] == following["action"]
        and (following["action"] == "generate" or decision["parent"] == following["parent"])
        for decision, following in zip(decisions, attempts[1:], strict=False)
    )
    again = decisions[-1] if decisions else None
    same = last is None or again is None or isclose(again["belief"], last["belief"], abs_tol=1e-9)
    return followed and same


def _question(value: Mapping[str, Any]) -> str | None:
    """Return the question of the run, or else the last human message."""
    run = value.get("run")
    if run:
        return str(run["question"])
    messages = value.get("messages") or ()
    asked = (each.text for each in reversed(messages) if getattr(each, "type", "") == "human")
    return next(map(str, asked), None)
