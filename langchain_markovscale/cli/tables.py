"""Runs as tables and sentences: what was answered, how sure that is, and why the loop stopped."""

from rich.table import Table
from rich.text import Text

from langchain_markovscale.cli.runs import Run
from langchain_markovscale.explanations import explain, explain_outcome
from langchain_markovscale.views.cells import belief, brief, score

LONGEST = 14  # characters of an answer that has no key


def rounds_table(run: Run) -> Table:
    """Return a table with a row for each attempt, and one for what is under way.

    Args:
        run: The run, ended or not.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    # The same widths in every table, so that tables below one another line up.
    for heading, width in (("", 1), ("answer", LONGEST), ("score", 5), ("belief", 10)):
        table.add_column(heading, min_width=width, no_wrap=True)
    table.add_column("what next, and why", overflow="fold")
    for index, attempt in enumerate(run.attempts):
        decided = index < len(run.decisions)
        table.add_row(
            str(index + 1),
            Text(brief(attempt, LONGEST)),
            score(attempt),
            belief(run.attempts, run.decisions[index], index) if decided else "",
            _why(run, index) if decided else Text("…" if run.ended else "checking …", "dim"),
        )
    goes_on = run.decision is None or run.decision["action"] != "stop"
    if not run.ended and goes_on and len(run.decisions) == len(run.attempts):
        table.add_row(str(len(run.attempts) + 1), Text("writing …", "dim"))
    return table


def outcome(run: Run) -> Text:
    """Return how a run ended, in words, with its answer.

    Args:
        run: A run that has ended.
    """
    best, decision = run.best, run.decision
    if best is None or decision is None:
        return Text(f"No answer: {run.error or 'the run was interrupted'}.", "red")
    text = Text("Answer: ", "bold").append(best["text"].strip(), "bold").append("\n")
    text.append(explain_outcome(run.attempts, decision))
    if run.error:
        text.append(f"\nWhat failed: {run.error}", "red")
    return text


def _why(run: Run, index: int) -> Text:
    decision = run.decisions[index]
    return Text(explain(decision), "bold" if decision["action"] == "stop" else "")
