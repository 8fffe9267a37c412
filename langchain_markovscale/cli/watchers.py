"""Three ways to show runs: a live table for each, a line for each above a bar, or JSON."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.cli.console import continued, remarks, results, write_json
from langchain_markovscale.cli.runs import WatchedRun
from langchain_markovscale.display.run import belief, brief, score, usage_in_words
from langchain_markovscale.display.wording import explain, explain_outcome, percent

LONGEST = 14  # characters of an answer that has no key


def attempts_table(run: WatchedRun) -> Table:
    """Return a table with a row for each attempt, and one for what is under way.

    Args:
        run: The run, ended or not.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    # The same widths in every table, so that tables below one another line up.
    for heading, width in (("", 1), ("answer", LONGEST), ("score", 5), ("belief", 14)):
        table.add_column(heading, min_width=width, no_wrap=True)
    table.add_column("what next, and why", overflow="fold")
    for index, attempt in enumerate(run.attempts):
        decision = run.decisions[index] if index < len(run.decisions) else None
        table.add_row(
            str(index + 1),
            Text(brief(attempt, LONGEST)),
            score(attempt),
            "" if decision is None else belief(run.attempts, decision, index),
            _why(run, index),
        )
    goes_on = run.decision is None or run.decision["action"] != "stop"
    if not run.ended and goes_on and len(run.decisions) == len(run.attempts):
        table.add_row(str(len(run.attempts) + 1), Text("writing …", "dim"))
    return table


def outcome(run: WatchedRun) -> Text:
    """Return how a run ended, in words, with its answer.

    Args:
        run: A run that has ended.
    """
    best, decision = run.best, run.decision
    if best is None or decision is None:
        error = continued(run.error or "the run was interrupted")
        return Text(f"No answer: {error}.", "red")
    answer = continued(best["text"].strip())
    words = explain_outcome(run.attempts, decision, run.usage)
    text = Text.assemble((f"Answer: {answer}\n", "bold"), words)
    if run.error:
        text.append(f"\nWhat failed: {continued(run.error)}", "red")
    return text


def _why(run: WatchedRun, index: int) -> Text:
    if index >= len(run.decisions):
        return Text("…" if run.ended else "checking …", "dim")
    if (decision := run.decisions[index]) is None:
        return Text("made at the same time as the next", "dim")
    return Text(explain(decision), "bold" if decision["action"] == "stop" else "")


_INDENT = (0, 0, 0, 2)


class LiveTables:
    """A table for each run, growing while the run goes on; for one run at a time.

    Args:
        total: How many runs there will be.
        answer_key: Tells whether an answer is the reference.
    """

    def __init__(self, total: int, answer_key: AnswerKey | None) -> None:
        self._console = results()
        self._total = total
        self._answer_key = answer_key
        self._shown = 0
        self._live: Live | None = None

    def started(self, run: WatchedRun) -> None:
        """Begin a table."""
        self._shown += 1
        number = f"[{self._shown}/{self._total}] " if self._total > 1 else ""
        self._console.print(Text(f"{number}{continued(run.question.text)}", "bold"))
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=8, transient=True)
            self._live.start()
            self.changed(run)

    def changed(self, run: WatchedRun) -> None:
        """Redraw the table."""
        if self._live is not None:
            self._live.update(attempts_table(run))

    def finished(self, run: WatchedRun) -> None:
        """End the table with the outcome."""
        self.close()
        verdict = _verdict(run, self._answer_key)
        self._console.print(
            Group(
                *([attempts_table(run)] if run.attempts else []),
                outcome(run),
                *([verdict] if verdict else []),
                Text(usage_in_words(run.usage, run.seconds), "dim"),
                "",
            )
        )

    def close(self) -> None:
        """Stop drawing."""
        if self._live is not None:
            self._live.stop()
            self._live = None


class BarWatcher:
    """Shows a progress bar, in terminals only and only for more than one run.

    Args:
        total: How many runs there will be.
        console: Where the bar is shown.
    """

    def __init__(self, total: int, console: Console) -> None:
        self._bar = Progress(
            TextColumn("questions"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=total == 1 or not console.is_terminal,
        )
        self._task = self._bar.add_task("questions", total=total)

    def started(self, run: WatchedRun) -> None:
        """Show the bar; a bar that is shown already stays."""
        self._bar.start()

    def changed(self, run: WatchedRun) -> None:
        """Show nothing yet."""

    def finished(self, run: WatchedRun) -> None:
        """Count the run."""
        self._bar.advance(self._task)

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()


class Lines(BarWatcher):
    """Three lines for each run that has ended, above a progress bar.

    Args:
        total: How many runs there will be.
        answer_key: Tells whether an answer is the reference.
    """

    def __init__(self, total: int, answer_key: AnswerKey | None) -> None:
        self._console = results()
        self._answer_key = answer_key
        super().__init__(total, self._console)

    def finished(self, run: WatchedRun) -> None:
        """Write the lines."""
        best, decision = run.best, run.decision
        self._console.print(Text(continued(run.question.text)))
        if best is None or decision is None:
            self._console.print(Padding(outcome(run), _INDENT))
        else:
            answer = Text(f"→ {brief(best, LONGEST)}  ", "bold")
            if verdict := _verdict(run, self._answer_key):
                answer.append_text(verdict)
            why = Text(f"believed {percent(decision['belief'])}; {explain(decision)}", "dim")
            self._console.print(Padding(Group(answer, why), _INDENT))
        super().finished(run)


class JsonLines(BarWatcher):
    """One JSON object for each run that has ended on stdout, a progress bar on stderr.

    Args:
        runs: All runs, in the order in which they were asked for.
        answer_key: Tells whether an answer is the reference.
    """

    def __init__(self, runs: Sequence[WatchedRun], answer_key: AnswerKey | None) -> None:
        self._places = {id(run): place for place, run in enumerate(runs)}
        self._answer_key = answer_key
        super().__init__(len(runs), remarks())

    def finished(self, run: WatchedRun) -> None:
        """Write the object."""
        write_json(as_json(run, self._places[id(run)], self._answer_key))
        super().finished(run)


def as_json(run: WatchedRun, place: int, answer_key: AnswerKey | None) -> dict[str, Any]:
    """Return a run as plain JSON values.

    Args:
        run: A run that has ended.
        place: Its place among the questions, from 0.
        answer_key: Tells whether the answer is the reference.
    """
    best, decision = run.best, run.decision
    return {
        "index": place,
        "id": run.question.id,
        "question": run.question.text,
        "answer": None if best is None else best["text"],
        "key": None if best is None else best["key"],
        "reference": run.question.reference,
        "correct": run.correct(answer_key),
        "belief": None if decision is None else decision["belief"],
        "reason": decision["reason"] if decision is not None else "error" if run.error else None,
        "why": None if decision is None else explain(decision),
        "decision": decision,
        "attempts": run.attempts,
        "usage": run.usage,
        "seconds": round(run.seconds, 3),
        "error": run.error,
    }


def _verdict(run: WatchedRun, answer_key: AnswerKey | None) -> Text | None:
    correct = run.correct(answer_key)
    if correct is None:
        return None
    if correct:
        return Text("Right.", "green")
    return Text(f"Wrong: it is {continued(str(run.question.reference))}.", "red")
