"""Options that several subcommands share, so that they are called the same and mean the same.

A parameter is called as the library calls it, so that an error about it can name the option.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, cast, get_args

import typer

from langchain_markovscale.types import Action

if TYPE_CHECKING:
    from langchain_markovscale.recording.questions import Question

_PART = re.compile(r"(\d{1,6})/(\d{1,6})")

ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        help="smollm2 (small, local), hf:<hub id or folder>, a .gguf file, or <provider>:<name>.",
    ),
]
VerifierName = Annotated[
    str,
    typer.Option(
        "--verifier",
        help="What checks each answer: none (agreement between answers is the evidence), judge "
        "(the model judges itself), judge:<model> (another one does, named as for --model), or "
        "nines (casting out nines, for sums).",
    ),
]
ExactVerifier = Annotated[
    bool,
    typer.Option(
        "--exact-verifier",
        help="A full score of the verifier means right, anything less wrong.",
    ),
]
AnswerKeyName = Annotated[
    str | None,
    typer.Option(
        "--answer-key",
        help="How to read an answer: last_number, boxed, choice, choice:<letters>, text, "
        "math, json, json:<field>, json_set:<field>, semantic (free text), semantic:<threshold>. "
        "Equal keys are the same answer.",
    ),
]
CostPerRound = Annotated[
    float,
    typer.Option(
        "--cost",
        help="Cost of a round: how much it must raise the chance of a right answer to be worth it. "
        ".01 is one point of accuracy.",
    ),
]
DrawsAtOnce = Annotated[
    str,
    typer.Option(
        "--draws-at-once",
        help="Fresh draws made at the same time: a number, or auto, as many as are worth most "
        "where waiting has a price.",
    ),
]
CostPerSecond = Annotated[
    float,
    typer.Option(
        "--cost-per-second",
        help="Cost of a second of waiting, as --cost is that of a round; "
        "it decides --draws-at-once auto.",
    ),
]
MaxRounds = Annotated[
    int, typer.Option("--max-rounds", help="Attempts allowed, the first included.")
]
ActionNames = Annotated[
    str,
    typer.Option("--actions", help="What may follow the first answer: revise, generate, or both."),
]
CalibrationFile = Annotated[
    str | None,
    typer.Option(
        "--calibration",
        help="File of measured rates, or preset:code_with_tests (rates of public loops that revise "
        "programs by tests). Without it, general rates are assumed, not measured.",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(min=0, help="Sampling temperature; at 0 every fresh draw is the same."),
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", min=1, help="Most tokens of an answer.")
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="Repeat a run, with models that take a seed.")
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object for each question, and nothing else.")
]
PastRuns = Annotated[
    Path,
    typer.Argument(
        help="File of traces, as `markovscale record` writes it; or a log of another program, "
        "or a table of right and wrong.",
        show_default=False,
    ),
]
LogFormat = Annotated[
    str,
    typer.Option(
        "--format",
        help="What the file is: auto, traces, lm-eval, inspect, promptfoo, openai-evals, "
        "langsmith, langfuse, messages or table.",
    ),
]
LogGrader = Annotated[
    str | None,
    typer.Option(
        "--grader", help="Labels answers of a log that have a reference alone, as in record."
    ),
]
LogLabel = Annotated[
    str | None,
    typer.Option(
        "--label", help="Metric, scorer, feedback or column of a log that says what is right."
    ),
]
LogScore = Annotated[
    str | None, typer.Option("--score", help="The one of them that is a verifier's score.")
]
MyRule = Annotated[
    str | None,
    typer.Option(
        "--mine",
        help='The rule that you use now, such as "3 rounds, last answer", "2 revisions, best '
        'score", "best of 5", "self-consistency 8" or "one pass".',
        show_default="3 rounds, or as many as were recorded",
    ),
]
TokenPrices = Annotated[
    str | None,
    typer.Option(
        "--prices",
        help="Prices of a million tokens in USD, of those read and those written: 3,15.",
        show_default=False,
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        "--shard",
        help="Take one part of the questions, such as 3/16 for the third of sixteen; {shard} in "
        "the name of the file that is written becomes that of the part.",
        show_default=False,
    ),
]
Page = Annotated[
    Path | None,
    typer.Option("--html", help="Write a page with plots to this file instead of printing."),
]
MarkdownFile = Annotated[
    Path | None,
    typer.Option("--markdown", help="Write Markdown to this file instead of printing."),
]


class Part(NamedTuple):
    """One part of the questions, as `record_dataset` makes them by their ids.

    Attributes:
        number: Which part, from 1.
        parts: How many there are.
    """

    number: int
    parts: int

    def of(self, questions: "Sequence[Question]") -> "list[Question]":
        """Return the questions of the part."""
        from langchain_markovscale.distributed.shards import in_shards

        return in_shards(questions, self.parts)[self.number - 1]

    def file(self, output: Path | None) -> Path:
        """Return the file that is written for the part.

        Raises:
            ValueError: If the name has no `{shard}`, so that several parts would share the file.
        """
        from langchain_markovscale.distributed.shards import shard_name

        if output is None or "{shard}" not in str(output):
            raise ValueError(
                f"--shard {self.number}/{self.parts} needs an --output of its own for each part: "
                "write {shard} into its name, as in --output 'out/{shard}.jsonl'."
            )
        return Path(str(output).replace("{shard}", shard_name(self.number - 1, self.parts)))


def part_named(shard: str) -> Part:
    """Return the part that `--shard` names.

    Raises:
        ValueError: If it names none.
    """
    found = _PART.fullmatch(shard.strip())
    part = Part(*map(int, found.groups())) if found else Part(0, 0)
    if not 1 <= part.number <= part.parts:
        raise ValueError(f"--shard must be a part such as 3/16, got {shard!r}.")
    return part


def at_once(given: str) -> int | Literal["auto"]:
    """Return the value of `--draws-at-once`.

    Raises:
        ValueError: If it is neither a whole number of at least 1 nor `auto`.
    """
    if given == "auto":
        return "auto"
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise ValueError(
            f"--draws-at-once must be a whole number of at least 1, or auto, got {given!r}."
        )
    return int(given)


def action_names(listed: str) -> list[Action]:
    """Return the actions of `--actions`.

    Args:
        listed: Names, separated by commas.

    Raises:
        ValueError: If one is not an action.
    """
    named = [name.strip() for name in listed.split(",")]
    if any(name not in get_args(Action) for name in named):
        raise ValueError(f"--actions must name revise, generate, or both, got {listed!r}.")
    return cast("list[Action]", named)


def token_prices(listed: str | None) -> tuple[float, float] | None:
    """Return the prices of `--prices`.

    Args:
        listed: Two numbers, separated by a comma; None where there are none.

    Raises:
        ValueError: If they are not two numbers of at least 0.
    """
    if listed is None:
        return None
    try:
        read, written = (float(each) for each in listed.split(","))
        if min(read, written) >= 0 and max(read, written) < float("inf"):
            return read, written
    except ValueError:
        pass
    raise ValueError(
        "--prices must be two numbers of at least 0, separated by a comma (USD for a million "
        f"tokens read, and for a million written), got {listed!r}."
    )
