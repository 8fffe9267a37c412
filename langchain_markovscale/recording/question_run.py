"""A question on its way through the loop."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from langchain_markovscale._text import logger_of
from langchain_markovscale.recording.graders import Grader
from langchain_markovscale.recording.questions import Question
from langchain_markovscale.recording.settings_check import ModelsCalled
from langchain_markovscale.traces.trace import LabelledAttempt
from langchain_markovscale.traces.usage import AttemptUsage, add_timed, usage_between
from langchain_markovscale.types import Purpose, Usage, usage_of

logger = logger_of(__name__)

_AT_ONCE = 0.05  # seconds


@dataclass
class QuestionRun:
    """A question on its way through the loop.

    Attributes:
        question: The question.
        attempts: The attempts at it so far.
        ended: Whether the loop has come to its end.
        error: The error that ended the run; None without one.
        graded: Whether the attempts have their labels.
        in_context: Whether the generator returned more than its answers.
        models_called: Notes the models that are called.
        made: How many of the attempts are new in this recording.
        unnoted: The first of the attempts that is new or has changed since they were written down.
        usage: What each attempt took; None where a file of version 0.1 does not have it.
    """

    question: Question
    attempts: list[LabelledAttempt]
    ended: bool = False
    error: str | None = None
    graded: bool = False
    in_context: bool = False
    models_called: ModelsCalled = field(default_factory=ModelsCalled)
    made: int = 0
    unnoted: int = field(init=False)
    usage: list[AttemptUsage | None] = field(init=False)
    _noted: int = field(init=False)
    _account: Mapping[Purpose, Usage] = field(default_factory=dict, init=False)
    _since: float = field(default_factory=monotonic, init=False)

    def __post_init__(self) -> None:
        self.usage = [attempt.get("usage") for attempt in self.attempts]
        self.noted(len(self.attempts))

    def noted(self, attempts: int) -> None:
        """Take note that so many attempts are written down as they are."""
        self.unnoted = self._noted = attempts

    @property
    def is_worth_noting(self) -> bool:
        """Whether something was paid for and is not written down yet.

        A verdict that took neither tokens nor time is given again where it is lost, and is written
        down with the next attempt: a write for each attempt, and not two.
        """
        if len(self.attempts) > self._noted:
            return True
        if self.unnoted == len(self.attempts):
            return False
        verdict = (self.usage[-1] or {}).get("verify")
        if verdict is None or verdict["unknown"] or verdict["seconds"] is None:
            return True
        tokens = verdict["input_tokens"] + verdict["output_tokens"]
        return tokens > 0 or verdict["seconds"] > _AT_ONCE

    @property
    def verified(self) -> bool:
        """Whether a verifier was asked about any attempt."""
        return any("verify" in (usage or {}) for usage in self.usage)

    def update(self, values: Mapping[str, Any]) -> int:
        """Take over a state of the graph and return how many of its attempts are new."""
        before, self.attempts = self.attempts, values["attempts"]
        new = len(self.attempts) - len(before)
        both = enumerate(zip(before, self.attempts, strict=False))
        changed = next((at for at, (old, now) in both if old != now), len(before))
        self.unnoted = min(self.unnoted, changed)
        self.error = values.get("error")
        self.in_context = bool(values.get("contexts"))
        self.made += new
        self.usage += [None] * new
        self._measure(values.get("usage") or {}, by_new_attempt=new > 0)
        return new

    def _measure(self, account: Mapping[Purpose, Usage], *, by_new_attempt: bool) -> None:
        """Add the usage of a step of the graph to that of the latest attempt.

        A call for an answer that made no attempt, since all retries failed, belongs to none.
        """
        now = monotonic()
        for purpose, added in usage_between(self._account, account).items():
            if purpose == "verify" or by_new_attempt:
                self._add_usage(purpose, added, now - self._since)
        self._account, self._since = account, now

    def _add_usage(self, purpose: Purpose, added: Usage, seconds: float) -> None:
        usage, action = self.usage[-1], self.attempts[-1]["action"]
        if usage is None:
            # An attempt that was not measured when it was made took at least one call.
            usage = {} if purpose == action else {action: {**usage_of(None), "seconds": None}}
        self.usage[-1] = {**usage, purpose: add_timed(usage.get(purpose), added, seconds)}

    @property
    def recorded(self) -> list[LabelledAttempt]:
        """The attempts as they are kept: each with its usage, where that is known."""
        return [
            attempt if usage is None else {**attempt, "usage": usage}
            for attempt, usage in zip(self.attempts, self.usage, strict=False)
        ]

    def grade(self, grader: Grader) -> None:
        """Label the attempts; without a reference their labels are None."""
        reference = self.question.reference
        with self.noting_errors():
            labels = [
                None if reference is None else grader(attempt["text"], reference)
                for attempt in self.attempts
            ]
            pairs = zip(self.attempts, labels, strict=True)
            self.attempts = [{**attempt, "correct": label} for attempt, label in pairs]
            self.graded = True

    @contextmanager
    def noting_errors(self) -> Iterator[None]:
        """Keep an error for the end, so that it costs this question only."""
        try:
            yield
        except Exception as error:
            self.error = f"{type(error).__name__}: {error}"
            logger.debug("question %r failed", self.question.id, exc_info=error)
