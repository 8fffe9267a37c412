"""A run on one page: what was asked and answered, attempt by attempt, what it cost, and why."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from langchain_markovscale.attempts import Attempt, Decision, Purpose, Usage
from langchain_markovscale.explanations import explain, outcome_sentences
from langchain_markovscale.faces.content import Content, Quote, Section, Table
from langchain_markovscale.faces.display import Display
from langchain_markovscale.views.cells import belief, bill, brief, score, tone

_PURPOSES: tuple[Purpose, ...] = ("generate", "revise", "verify")
_LONGEST = 40  # characters of an answer in the table that has no key


@dataclass(frozen=True, repr=False)
class RunView(Display):
    """A run that shows itself; `show` makes one from what a graph returned.

    Attributes:
        question: What was asked; None where nobody told.
        attempts: The attempts, in the order in which they were made.
        decisions: The decision after each attempt; None where it is not known.
        usage: Calls and tokens by purpose.
        error: What went wrong or was used up, or None.
        warnings: What to know before believing what is shown.
    """

    question: str | None
    attempts: tuple[Attempt, ...]
    decisions: tuple[Decision | None, ...]
    usage: Mapping[Purpose, Usage]
    error: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def decision(self) -> Decision | None:
        """The last decision."""
        return self.decisions[-1] if self.decisions else None

    @cached_property
    def content(self) -> Content:
        """All that there is to say of the run, in words and tables."""
        decision = self.decision
        went_wrong = (f"The run was cut short: {self.error}",) if self.error else ()
        return Content(
            title="Run of the loop",
            tone=tone(decision),
            summary=(
                ("There is no answer.",)
                if decision is None
                else outcome_sentences(self.attempts, decision)
            ),
            basis=f"{bill(self.usage)}." if self.usage else "",
            warnings=(*went_wrong, *self.warnings),
            sections=tuple(self._sections()),
        )

    def _sections(self) -> Iterator[Section]:
        asked = () if self.question is None else (Quote("Question", self.question),)
        best = self.decision["best"] if self.decision else None
        answered = () if best is None else (Quote("Answer", self.attempts[best]["text"]),)
        if asked or answered:
            yield Section("Question and answer", quotes=asked + answered)
        if self.attempts:
            yield Section("Attempts", table=self._timeline())
        if self.usage:
            yield Section("What it took", table=_books(self.usage))
        if texts := tuple(self._texts()):
            yield Section("The other texts", quotes=texts)

    def _timeline(self) -> Table:
        """One row for each attempt; a column that nobody has anything for is left out."""
        columns = {
            "attempt": [str(number) for number in range(1, len(self.attempts) + 1)],
            "made": [_origin(attempt) for attempt in self.attempts],
            "answer": [brief(attempt, _LONGEST) for attempt in self.attempts],
        }
        left = len(columns)
        if any(attempt["score"] is not None for attempt in self.attempts):
            columns["score"] = [score(attempt) for attempt in self.attempts]
        if any(attempt["tokens"] is not None for attempt in self.attempts):
            columns["tokens"] = [_tokens(attempt) for attempt in self.attempts]
        columns["belief"] = [
            "" if decision is None else belief(self.attempts, decision, index)
            for index, decision in enumerate(self.decisions)
        ]
        columns["what next, and why"] = [
            "" if decision is None else explain(decision) for decision in self.decisions
        ]
        rows = tuple(zip(*columns.values(), strict=True))
        return Table(tuple(columns), rows, left, prose=True)

    def _texts(self) -> Iterator[Quote]:
        """What the table had no room for, and what does not stand above as the answer."""
        returned = self.decision and self.decision["best"]
        for number, attempt in enumerate(self.attempts, 1):
            short = attempt["text"].strip() == brief(attempt, _LONGEST)
            if not short and number - 1 != returned:
                yield Quote(f"Attempt {number}, {_origin(attempt)}", attempt["text"])
            if attempt["feedback"]:
                yield Quote(f"Feedback on attempt {number}", attempt["feedback"])


def _origin(attempt: Attempt) -> str:
    parent = attempt["parent"]
    return "drawn afresh" if parent is None else f"revised from {parent + 1}"


def _tokens(attempt: Attempt) -> str:
    return "unknown" if attempt["tokens"] is None else str(attempt["tokens"])


def _books(usage: Mapping[Purpose, Usage]) -> Table:
    headings = ("to", "calls", "tokens read", "tokens written")
    rows = tuple(
        (
            purpose,
            str(part["calls"]),
            _told(part["input_tokens"], part),
            _told(part["output_tokens"], part),
        )
        for purpose in _PURPOSES
        if (part := usage.get(purpose)) is not None
    )
    return Table(headings, rows, left=1)


def _told(tokens: int, part: Usage) -> str:
    """Tokens as far as calls told: what nobody said is unknown, and not nothing."""
    if not part["unknown"]:
        return str(tokens)
    return "unknown" if part["unknown"] == part["calls"] else f"at least {tokens}"
