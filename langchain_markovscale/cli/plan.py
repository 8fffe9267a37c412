"""`markovscale plan`: what given rates imply, before any model is called."""

from typing import Annotated, Any

import typer
from rich.table import Table

from langchain_markovscale.cli.console import results, write_json


def plan(
    initial: Annotated[float, typer.Option(help="Chance that a first answer is right.")],
    repair: Annotated[float, typer.Option(help="Chance that a revision corrects a wrong answer.")],
    corruption: Annotated[float, typer.Option(help="Chance that a revision breaks a right one.")],
    cost: Annotated[
        float,
        typer.Option(help="Cost of a round: .01 is one point of accuracy."),
    ] = 0.01,
    sensitivity: Annotated[
        float | None, typer.Option(help="Chance that the verifier accepts a right answer.")
    ] = None,
    specificity: Annotated[
        float | None, typer.Option(help="Chance that the verifier rejects a wrong answer.")
    ] = None,
    max_rounds: Annotated[int, typer.Option(help="Attempts allowed, the first included.")] = 8,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say whether revising pays, how often, and until when, from the rates alone."""
    from langchain_markovscale.theory.validation import round_cost

    if (sensitivity is None) != (specificity is None):
        raise ValueError(
            "--sensitivity and --specificity describe one verifier: give both or neither."
        )
    if max_rounds < 1:
        raise ValueError(f"--max-rounds must be at least 1, got {max_rounds}.")
    round_cost("cost", cost)
    made = _plan(initial, repair, corruption, cost, sensitivity, specificity, max_rounds)
    if as_json:
        write_json(_as_json(made))
    else:
        _show(made)


def _plan(
    initial: float,
    repair: float,
    corruption: float,
    cost: float,
    sensitivity: float | None,
    specificity: float | None,
    max_rounds: int,
) -> dict[str, Any]:
    from langchain_markovscale.cli.plan_rows import blind_rows, verified_rows
    from langchain_markovscale.theory.chain import TwoStateChain

    chain = TwoStateChain(repair, corruption)

    def by_revisions(chain: TwoStateChain) -> list[float]:
        return [float(chain.accuracy(initial, revisions)) for revisions in range(max_rounds)]

    made: dict[str, Any] = {
        "given": {
            "initial": initial,
            "repair": repair,
            "corruption": corruption,
            "cost_per_round": cost,
            "max_rounds": max_rounds,
        },
        "blind": blind_rows(chain, initial, cost),
        "verified": None,
        "accuracy": {"blind": by_revisions(chain)},
    }
    if sensitivity is not None and specificity is not None:
        verifier = (sensitivity, specificity)
        made["verified"] = verified_rows(chain, initial, cost, *verifier, max_rounds)
        made["accuracy"]["gated"] = by_revisions(chain.gated(*verifier))
    return made


def _as_json(made: dict[str, Any]) -> dict[str, Any]:
    def rows(name: str) -> dict[str, Any] | None:
        if made[name] is None:
            return None
        values = {row.key: row.value for row in made[name]}
        return {**values, "words": {row.key: row.words for row in made[name]}}

    return {**made, "blind": rows("blind"), "verified": rows("verified")}


def _show(made: dict[str, Any]) -> None:
    from langchain_markovscale.display.wording import counted, percent, points

    given = made["given"]
    console = results()
    console.print(
        f"First answers are right with a chance of {percent(given['initial'])}. A revision "
        f"corrects {percent(given['repair'])} of wrong answers and breaks "
        f"{percent(given['corruption'])} of right ones. A round costs "
        f"{points(given['cost_per_round'], 3)} of accuracy; "
        f"{counted(given['max_rounds'], 'attempt is', 'attempts are')} allowed.\n"
    )
    console.print(_table("Blind revisions: nobody checks the answers", made["blind"]))
    console.print()
    if made["verified"] is None:
        console.print("With --sensitivity and --specificity: what a verifier changes.")
    else:
        console.print(_table("With the verifier", made["verified"]))
    console.print()
    console.print(_by_revisions(made["accuracy"], given["cost_per_round"]))


def _table(title: str, rows: list[Any]) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", show_header=False, box=None
    )
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    for row in rows:
        table.add_row(row.label, row.shown, row.words)
    return table


def _by_revisions(accuracy: dict[str, list[float]], cost: float) -> Table:
    """Accuracy of blind revisions, with and without their cost, and of revising rejected ones."""
    table = Table(
        title="Accuracy by number of revisions", title_justify="left", title_style="bold", box=None
    )
    for heading in ("revisions", "blind", "less cost"):
        table.add_column(heading, justify="right")
    if "gated" in accuracy:
        table.add_column("only what is rejected", justify="right")
    net = [value - cost * index for index, value in enumerate(accuracy["blind"])]
    best = net.index(max(net))
    for index, value in enumerate(accuracy["blind"]):
        mark = "*" if index == best else " "
        gated = [f"{each[index]:.1%}" for name, each in accuracy.items() if name == "gated"]
        table.add_row(str(index), f"{value:.1%}", f"{net[index]:.1%} {mark}", *gated)
    table.caption = "* the best of these"
    table.caption_justify = "left"
    return table
