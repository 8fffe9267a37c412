"""What decides about a turn and limits it: the criterion, the settings of the run, the budget."""

from langchain_markovscale._text import logger_of
from langchain_markovscale.agents.turn import Calls, Turn, action_of
from langchain_markovscale.graph.budget import why_over_budget
from langchain_markovscale.graph.settings import PerRun, Settings
from langchain_markovscale.graph.telemetry import emit
from langchain_markovscale.types import Purpose

logger = logger_of(__name__)


class Limits:
    """The settings of an agent's turns, with those that a run was given.

    Args:
        per_run: The agent's settings.
        with_tools: Those where it has tools.
        free: Whether it is certain that verifying takes no tokens.
    """

    def __init__(self, per_run: PerRun, with_tools: PerRun, *, free: bool) -> None:
        self._per_run = per_run
        self._with_tools = with_tools
        self._free = free

    def settings(self, turn: Turn, calls: Calls) -> Settings:
        """Return the settings of a turn: those that it was pinned with, and those of this call."""
        per_run = self._with_tools if calls["tools"] else self._per_run
        return per_run.now(turn["settings"])

    def forbid(self, turn: Turn, calls: Calls) -> bool:
        """Return whether the next attempt may not be made as it was decided.

        A turn that is resumed may have been left by an agent with other actions.
        """
        actions = self.settings(turn, calls).criterion.actions
        return bool(turn["attempts"]) and action_of(turn) not in actions

    def exceeded(
        self, turn: Turn, calls: Calls, purpose: Purpose, *, used_up: bool = False
    ) -> str | None:
        """Return why the budget does not allow the next call, and emit the event; None if it does.

        Args:
            turn: The turn.
            calls: Its calls.
            purpose: What the next call is for.
            used_up: Whether to ask only for what is used up: within an attempt, which an agent
                makes in several calls.
        """
        budget = self.settings(turn, calls).budget
        if budget is None:
            return None
        attempts = () if used_up else turn["attempts"]
        free = self._free and purpose == "verify"
        exceeded = why_over_budget(
            budget, purpose, attempts, calls["usage"], calls["seconds"], free=free
        )
        if exceeded is not None:
            logger.info("The call to %s was skipped. %s", purpose, exceeded)
            question = turn["run"]["question"]
            emit({"type": "budget", "node": purpose, "error": exceeded, "question": question})
        return exceeded
