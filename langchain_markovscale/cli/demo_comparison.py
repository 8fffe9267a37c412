"""Ways of answering side by side, and what so few questions can say about them."""

from collections.abc import Sequence

from rich.table import Table

from langchain_markovscale.cli.demo_baselines import Strategy, chance_of


def comparison(strategies: Sequence[Strategy]) -> Table:
    """Return a table of accuracy and of what it cost.

    Args:
        strategies: All on the same questions.
    """
    table = Table(title="The same questions, answered in three ways", title_justify="left")
    table.title_style, table.box, table.pad_edge = "bold", None, False
    table.add_column("")
    for heading in ("right", "95% interval", "model calls", "tokens read", "written"):
        table.add_column(heading, justify="right")
    for strategy in strategies:
        low, high = strategy.score.interval
        table.add_row(
            strategy.name,
            f"{strategy.score.right} of {strategy.score.asked}",
            f"{low:.0%} to {high:.0%}",
            str(strategy.usage["calls"]),
            str(strategy.usage["input_tokens"]),
            str(strategy.usage["output_tokens"]),
        )
    return table


def in_words(strategies: Sequence[Strategy]) -> str:
    """Say what the figures mean, and what they do not.

    Args:
        strategies: All on the same questions; the last is compared with each of the others.
    """
    *others, ours = strategies
    sentences = [f"Against {other.name}, {_against(ours, other)}." for other in others]
    sentences.append(
        f"{ours.score.asked} questions are few, as the intervals show: this is to see the loop at "
        "work, not to measure it. Answers are drawn anew each time, so the figures will differ."
    )
    return "\n".join(sentences)


def _against(ours: Strategy, other: Strategy) -> str:
    pairs = list(zip(ours.grades, other.grades, strict=True))
    gained, lost = pairs.count((True, False)), pairs.count((False, True))
    if not gained and not lost:
        return "the loop had the same questions right"
    return (
        f"the loop gained {gained} {'question' if gained == 1 else 'questions'} and lost {lost}; "
        f"chance alone would split {gained + lost} as unevenly {chance_of(gained, lost):.0%} of "
        "the time"
    )
