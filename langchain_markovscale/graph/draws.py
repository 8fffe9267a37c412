"""Fresh draws at the same time: each in a branch of its own, put together in their order.

`generate` opens the question and says how many draws are to be made. LangGraph sends so many to
`draw`, which draws and verifies one answer, by the same two nodes as steps of a graph of its own:
what a branch has done is kept even where the run is killed in its midst. `verify_proxy` then adds
the draws to the attempts, by their index and not by when they came, and decides once.

A draw that fails after its retries leaves the others as they are. Where the verifier is exact, the
first draw that it accepts makes the rest useless: calls in flight are cancelled under asyncio, and
their usage is unknown; threads can't be stopped, so that only what has not begun is left out.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, cast

from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig

from langchain_markovscale._text import logger_of
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.graph.branches import Draw, Dropped
from langchain_markovscale.graph.budget import why_over_budget
from langchain_markovscale.graph.class_weights import CLASS_WEIGHTS_KEY, weights_in
from langchain_markovscale.graph.metering import UsageByPurpose, add_usage_for, unless_repeated
from langchain_markovscale.graph.nodes import GenerateNode, VerifierLike, VerifyProxyNode
from langchain_markovscale.graph.paid_call import LoopNode, Safety
from langchain_markovscale.graph.settings import PerRun, Settings
from langchain_markovscale.graph.steps import Steps, joining
from langchain_markovscale.graph.telemetry import attempt_event, emit
from langchain_markovscale.graph.work import Update, Work, covers, ending, with_value
from langchain_markovscale.graph.writers import Draft
from langchain_markovscale.types import (
    Attempt,
    AttemptEvent,
    Decision,
    Purpose,
    Usage,
    Verdict,
    is_repeated,
)
from langchain_markovscale.verifiers.base import judged

logger = logger_of(__name__)


class BranchNode(LoopNode):
    """A node that may be a step of a branch, where a failure ends the branch and not the run."""

    def _failed(self, work: Work, error: Exception, settings: Settings | None) -> Update:
        if work.draw is None or settings is None:
            return super()._failed(work, error, settings)
        if isinstance(error, Dropped):
            return {"usage": self._with_pending(work.usage)}
        tries = self._report(work, error)
        if not self._gives_up(error, tries):
            raise error
        logger.warning(
            "Node %r failed in try %d of attempt %d and is not retried; the draws that are made at "
            "the same time go on.",
            self.name,
            tries,
            work.draw,
            exc_info=error,
        )
        return self._failed_update(work, error, settings)


class DrawingNode(BranchNode, GenerateNode):
    """Makes a fresh draw; where several are to be made at once, it only says how many."""

    def _prepare(self, values: Mapping[str, Any]) -> Work | None:
        work = super()._prepare(values)
        if work is None or not values.get("drawn"):
            return work and work._replace(draw=values.get("draw"))
        if "run" not in work.update:
            return None  # the run was interrupted here: its draws have still to be put together
        return work._replace(update={**work.update, "drawn": None})

    def _instead(self, work: Work, settings: Settings) -> Update | None:
        instead = super()._instead(work, settings)
        if instead is not None or work.draw is not None or self.scheduled:
            return instead
        draws = self._draws(work, settings)
        if draws == 1:
            return None
        new = "run" in work.update  # what the last question has left is still in the state
        cleared = {"attempts": work.attempts, "usage": work.usage} if new else {}
        return {**work.update, **cleared, "draws": draws}

    def _draws(self, work: Work, settings: Settings) -> int:
        """Return how many draws to make at once: as decided, as far as the budget goes."""
        criterion, budget = settings
        decision = work.last
        if decision is None or not covers(decision, work.attempts):
            weights = weights_in({CLASS_WEIGHTS_KEY: work.class_weights}, criterion)
            decision = criterion.decide(work.attempts, weights)
        draws = decision.get("draws", 1)
        if budget is None:
            return draws
        at_work = budget, self._purpose, work.attempts, work.usage, work.seconds
        while draws > 1 and why_over_budget(*at_work, free=self._free, calls=draws) is not None:
            draws -= 1
        return draws

    def _update(
        self, work: Work, result: Draft, cost: Usage | None, usage: UsageByPurpose
    ) -> Update:
        update = super()._update(work, result, cost, usage)
        return update if work.draw is None else {**update, "cost": cost}


class JoiningNode(BranchNode, VerifyProxyNode):
    """Scores an attempt, or puts draws that were made at once among the attempts, and decides."""

    # Between `generate` and this node is `draw`.
    _steps_of_a_round = VerifyProxyNode._steps_of_a_round + 1

    def __init__(
        self,
        verifier: VerifierLike | None,
        per_run: PerRun,
        safety: Safety,
        timeout: float | timedelta | None,
        as_seen: Callable[[list[AnyMessage]], list[AnyMessage]],
        answer_key: AnswerKey | None,
    ) -> None:
        super().__init__(verifier, per_run, safety, timeout, as_seen)
        self._settings, self._answer_key = per_run.now, answer_key

    def _work(self, values: Mapping[str, Any]) -> Work:
        return super()._work(values)._replace(draw=values.get("draw"))

    def _update(
        self, work: Work, result: Verdict, cost: Usage | None, usage: UsageByPurpose
    ) -> Update:
        if work.draw is None:
            return super()._update(work, result, cost, usage)
        update: Update = {"attempts": [judged(work.attempts[-1], result)]}
        return update | {name: result[name] for name in ("criteria",) if name in result}

    def _steps(self, values: Mapping[str, Any], config: RunnableConfig) -> Steps[Update]:
        if not values.get("drawn"):
            return (yield from super()._steps(values, config))
        update, events = yield from self._joined(values, config)
        settings = self._settings()
        if not update["attempts"]:
            return {**update, "decision": self._decision_to_draw_alone(values, settings)}
        work = self._work({**values, **update})
        errors = [draw.get("error") for draw in values["drawn"]]
        if errors[0] is not None and all(errors):
            emit(*events)
            return {**update, **ending(work, "error", errors[0], settings)}
        return {**update, **self._decided(work, work.attempts, work.usage, *events)}

    def _decision_to_draw_alone(self, values: Mapping[str, Any], settings: Settings) -> Decision:
        """Return the decision to draw once more, by a call whose error ends the run.

        Several calls at once may have failed because they were several.
        """
        criterion = settings.criterion
        return {**criterion.decide([], weights_in(values, criterion)), "draws": 1}

    def _joined(
        self, values: Mapping[str, Any], config: RunnableConfig
    ) -> Steps[tuple[Update, list[AttemptEvent]]]:
        """Return the attempts with the draws among them, and the draws' events."""
        attempts, question = list(values.get("attempts") or ()), values["run"]["question"]
        usage, events = values.get("usage") or {}, []
        beside: Update = {}
        for draw in cast("list[Draw]", values["drawn"]):
            for purpose, added in draw.get("usage", {}).items():
                usage = add_usage_for(usage, purpose, added)
            if not draw.get("attempts"):
                continue
            index, attempt = len(attempts), (yield from self._among(attempts, draw, config))
            events.append(attempt_event(index, attempt, cast("Verdict", draw), question))
            attempts.append(attempt)
            for name in ("contexts", "replies"):
                for found in draw.get(name) or ():  # type: ignore[attr-defined]
                    kept = beside.get(name, values.get(name) or ())
                    beside[name] = with_value(kept, index, found)
        update = {"attempts": attempts, "usage": usage, "drawn": None, **beside}
        return {**update, **_waited(values)}, events

    def _among(self, attempts: list[Attempt], draw: Draw, config: RunnableConfig) -> Steps[Attempt]:
        """Return the attempt of a draw as it reads among earlier ones."""
        [attempt] = draw["attempts"]
        key = yield from joining(attempt["key"], self._answer_key, attempts, config)
        attempt = unless_repeated({**attempt, "key": key}, draw.get("cost"), attempts)
        if not is_repeated(attempt):
            return attempt
        return {**attempt, "score": None, "feedback": None}  # the earlier one has its verdict


def _waited(values: Mapping[str, Any]) -> Update:
    """Return the time at work with that of the draw which took longest: all wait for it."""
    taken = [draw["seconds"] for draw in values["drawn"] if draw.get("seconds")]
    if not taken:
        return {}
    before = values.get("seconds") or {}
    longest: dict[Purpose, float] = max(taken, key=lambda seconds: sum(seconds.values()))
    return {"seconds": {**before, **{p: before.get(p, 0.0) + s for p, s in longest.items()}}}
