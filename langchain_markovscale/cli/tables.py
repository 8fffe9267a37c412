"""Runs as tables and sentences: what was answered, how sure that is, and why the loop stopped."""

from collections.abc import Iterable, Mapping
from functools import reduce

from rich.table import Table
from rich.text import Text

from langchain_markovscale.attempts import Attempt, Purpose, Usage
from langchain_markovscale.cli.runs import Run
from langchain_markovscale.explain import explain, explain_outcome, percent
from langchain_markovscale.usage import add_usage, no_usage

_LONGEST = 14  # characters of an answer that has no key


def rounds_table(run: Run) -> Table:
    """Return a table with a row for each attempt, and one for what is under way.

    Args:
        run: The run, ended or not.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    # The same widths in every table, so that tables below one another line up.
    for heading, width in (("", 1), ("answer", _LONGEST), ("score", 5), ("belief", 10)):
        table.add_column(heading, min_width=width, no_wrap=True)
    table.add_column("what next, and why", overflow="fold")
    for index, attempt in enumerate(run.attempts):
        decided = index < len(run.decisions)
        table.add_row(
            str(index + 1),
            Text(brief(attempt)),
            "none" if attempt["score"] is None else f"{attempt['score']:.2f}",
            _belief(run, index) if decided else "",
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


def brief(attempt: Attempt) -> str:
    """Return an answer in a word or two: its key, or how its text begins."""
    if attempt["key"] is not None:
        return attempt["key"]
    line = " ".join(attempt["text"].split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def bill(usage: Mapping[Purpose, Usage], seconds: float) -> str:
    """Return what was paid, in words.

    Args:
        usage: Calls and tokens by purpose.
        seconds: Time spent.
    """
    total = reduce(add_usage, usage.values(), no_usage())
    checks = usage["verify"]["calls"] if "verify" in usage else 0
    answers = total["calls"] - checks
    tokens = f"{total['input_tokens']} tokens read, {total['output_tokens']} written"
    if total["unknown"]:
        silent = f"{total['unknown']} calls did not say"
        some = total["input_tokens"] + total["output_tokens"] > 0
        tokens = f"{tokens}, and what {silent}" if some else f"tokens unknown: {silent}"
    calls = f"{answers} {'call' if answers == 1 else 'calls'} for answers, {checks} for checks"
    return f"{calls}; {tokens}; {seconds:.1f} seconds"


def sum_by_purpose(books: Iterable[Mapping[Purpose, Usage]]) -> dict[Purpose, Usage]:
    """Return the usage of several runs together, by purpose."""
    total: dict[Purpose, Usage] = {}
    for usage in books:
        for purpose, part in usage.items():
            total[purpose] = add_usage(total.get(purpose), part)
    return total


def _belief(run: Run, index: int) -> str:
    decision = run.decisions[index]
    if decision["best"] is None:
        return ""
    best = decision["best"]
    same = best == index or (
        run.attempts[best]["key"] is not None
        and run.attempts[best]["key"] == run.attempts[index]["key"]
    )
    return percent(decision["belief"]) + ("" if same else f" in {best + 1}")


def _why(run: Run, index: int) -> Text:
    decision = run.decisions[index]
    return Text(explain(decision), "bold" if decision["action"] == "stop" else "")
