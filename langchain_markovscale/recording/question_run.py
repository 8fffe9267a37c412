"""A question on its way through the loop."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from langchain_markovscale.recording.graders import Grader
from langchain_markovscale.recording.questions import Question
from langchain_markovscale.recording.settings_check import ModelsCalled
from langchain_markovscale.traces.trace import LabelledAttempt
from langchain_markovscale.types import Usage

logger = logging.getLogger(__name__)


@dataclass
class QuestionRun:
    """A question on its way through the loop.

    Attributes:
        question: The question.
        attempts: The attempts at it so far.
        ended: Whether the loop has come to its end.
        error: What went wrong; None while nothing did.
        graded: Whether the attempts have their labels.
        in_context: Whether the generator returned more than its answers.
        models_called: Notes the models that are called.
        made: How many of the attempts were made now.
        checks: What verifying has cost now; None while nothing was verified.
    """

    question: Question
    attempts: list[LabelledAttempt]
    ended: bool = False
    error: str | None = None
    graded: bool = False
    in_context: bool = False
    models_called: ModelsCalled = field(default_factory=ModelsCalled)
    made: int = 0
    checks: Usage | None = None

    def saw(self, values: Mapping[str, Any]) -> int:
        """Take over a state of the graph and return how many attempts are new in it."""
        new = len(values["attempts"]) - len(self.attempts)
        self.attempts = values["attempts"]
        self.error = values.get("error")
        self.in_context = bool(values.get("contexts"))
        self.made += new
        self.checks = (values.get("usage") or {}).get("verify")
        return new

    def grade(self, grader: Grader) -> None:
        """Label the attempts; where there is no reference nobody knows."""
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
