"""A run on one page: question and answer, each attempt and decision, and the usage."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

from langchain_markovscale.answers.reading import (
    count_without_key,
    reason_in_words,
    without_key_in_words,
)
from langchain_markovscale.display.display import Display
from langchain_markovscale.display.document import Document, Quote, Section, Table, Tone
from langchain_markovscale.display.wording import (
    counted,
    explain,
    outcome_sentences,
    percent,
    points,
    same_answer,
    sentence,
)
from langchain_markovscale.types import (
    Attempt,
    Decision,
    Purpose,
    Reason,
    Usage,
    add_usage,
    no_usage,
)

_TONES: dict[Reason, Tone] = {
    "gain_below_cost": "good",
    "gain_exceeds_cost": "plain",
    "error": "bad",
}
_PURPOSES: tuple[Purpose, ...] = ("generate", "revise", "verify")
_LONGEST = 40  # characters of an answer in the table that has no key
_LONGEST_KEY = 40  # characters; keys that are whole texts have no end


def brief(attempt: Attempt, longest: int) -> str:
    """Return an answer in a word or two: its key, or how its text begins.

    Args:
        attempt: The attempt.
        longest: The most characters of a text.
    """
    key = attempt["key"]
    if key is None and not attempt["text"].strip() and (reason := reason_in_words(attempt)):
        return f"({reason})"
    line, longest = (attempt["text"], longest) if key is None else (key, _LONGEST_KEY)
    line = " ".join(line.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def score(attempt: Attempt) -> str:
    """Return an attempt's score with two decimals."""
    return "none" if attempt["score"] is None else f"{attempt['score']:.2f}"


def tone(decision: Decision | None) -> Tone:
    """Return the tone of a decision: good where the rule itself stopped."""
    return "bad" if decision is None else _TONES.get(decision["reason"], "unsure")


def belief(attempts: Sequence[Attempt], decision: Decision, latest: int) -> str:
    """Return the belief after an attempt, and in which answer where that is another one.

    Args:
        attempts: All attempts.
        decision: The decision after the latest of them.
        latest: The index of that one.
    """
    best = decision["best"]
    if best is None:
        return ""
    other = "" if same_answer(attempts, best, latest) else f" (answer {best + 1})"
    return f"{percent(decision['belief'])}{other}"


def usage_in_words(usage: Mapping[Purpose, Usage], seconds: float | None = None) -> str:
    """Return calls, tokens and seconds in words.

    Args:
        usage: Calls and tokens by purpose.
        seconds: Time spent, where it is known.
    """
    total = reduce(add_usage, usage.values(), no_usage())
    checks = usage["verify"]["calls"] if "verify" in usage else 0
    answers = total["calls"] - checks
    tokens = f"{total['input_tokens']} tokens read, {total['output_tokens']} written"
    if total["unknown"]:
        unknown = f"unknown for {counted(total['unknown'], 'call')}"
        some = total["input_tokens"] + total["output_tokens"] > 0
        tokens = f"{tokens}, {unknown}" if some else f"tokens {unknown}"
    if unscored := total.get("unscored", 0):
        tokens = f"{tokens}; {counted(unscored, 'verdict')} without a score"
    if unseen := total.get("unseen", 0):
        tokens = f"{tokens}; {counted(unseen, 'verdict')} without seeing all pictures and files"
    if cached := total.get("cached", 0):
        tokens = f"{tokens}; {counted(cached, 'call')} answered by a cache"
    calls = f"{counted(answers, 'call')} for answers, {checks} for checks"
    time = "" if seconds is None else f"; {seconds:.1f} seconds"
    return f"{calls}; {tokens}{time}"


def sum_by_purpose(runs: Iterable[Mapping[Purpose, Usage]]) -> dict[Purpose, Usage]:
    """Return the usage of several runs together, by purpose."""
    total: dict[Purpose, Usage] = {}
    for usage in runs:
        for purpose, part in usage.items():
            total[purpose] = add_usage(total.get(purpose), part)
    return total


@dataclass(frozen=True, repr=False)
class DecisionDisplay(Display):
    """A decision that shows itself; `show` makes one from a decision.

    Attributes:
        decision: The decision.
    """

    decision: Decision

    @cached_property
    def document(self) -> Document:
        """The decision in words, and its numbers."""
        decision = self.decision
        rows = (
            ("action", decision["action"]),
            ("reason", decision["reason"]),
            ("made after", counted(decision["attempts"], "attempt")),
            ("best attempt", _place(decision["best"])),
            ("attempt to revise", _place(decision["parent"])),
            ("belief that the best is right", percent(decision["belief"])),
            ("expected gain of the best plan", points(max(decision["expected_gain"], 0.0), 2)),
            ("its cost", points(decision["cost"], 2)),
        )
        return Document(
            title="Decision",
            tone=tone(decision),
            summary=(sentence(explain(decision)),),
            sections=(Section("Behind it", table=Table(("", ""), rows, left=1)),),
        )


def _place(index: int | None) -> str:
    return "none" if index is None else str(index + 1)


@dataclass(frozen=True, repr=False)
class RunDisplay(Display):
    """A run that shows itself; `show` makes one from what a graph returned.

    Attributes:
        question: What was asked; None where it is unknown.
        attempts: The attempts, in the order in which they were made.
        decisions: The decision after each attempt; None where it is not known.
        usage: Calls and tokens by purpose.
        error: The error or the limit that cut the run short, or None.
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
    def document(self) -> Document:
        """All that there is to say of the run, in words and tables."""
        decision = self.decision
        went_wrong = (f"The run was cut short: {self.error}",) if self.error else ()
        return Document(
            title="Run of the loop",
            tone=tone(decision),
            summary=(
                ("There is no answer.",)
                if decision is None
                else outcome_sentences(self.attempts, decision, self.usage)
            ),
            basis=f"{usage_in_words(self.usage)}." if self.usage else "",
            warnings=(*went_wrong, *self._unread(), *self.warnings),
            sections=tuple(self._sections()),
        )

    def _unread(self) -> tuple[str, ...]:
        counts = count_without_key(self.attempts)
        return (without_key_in_words(counts, len(self.attempts)),) if counts else ()

    def _sections(self) -> Iterator[Section]:
        asked = () if self.question is None else (Quote("Question", self.question),)
        best = self.decision["best"] if self.decision else None
        answered = () if best is None else (Quote("Answer", self.attempts[best]["text"]),)
        if asked or answered:
            yield Section("Question and answer", quotes=asked + answered)
        if self.attempts:
            yield Section("Attempts", table=self._timeline())
        if self.usage:
            yield Section("What it took", table=_usage_table(self.usage))
        if texts := tuple(self._texts()):
            yield Section("The other texts", quotes=texts)

    def _timeline(self) -> Table:
        """One row for each attempt; a column that would be empty is left out."""
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
        """Texts that the table has no room for, without the answer, which is quoted above."""
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


def _usage_table(usage: Mapping[Purpose, Usage]) -> Table:
    headings = ("to", "calls", "tokens read", "tokens written")
    rows = tuple(
        (
            purpose,
            str(part["calls"]),
            _reported(part["input_tokens"], part),
            _reported(part["output_tokens"], part),
        )
        for purpose in _PURPOSES
        if (part := usage.get(purpose)) is not None
    )
    return Table(headings, rows, left=1)


def _reported(tokens: int, part: Usage) -> str:
    """Return tokens as far as calls reported them; what none reported is unknown, not nothing."""
    if not part["unknown"]:
        return str(tokens)
    return "unknown" if part["unknown"] == part["calls"] else f"at least {tokens}"
