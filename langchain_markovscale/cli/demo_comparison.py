"""Ways of answering side by side, and how little so few questions prove."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from rich.table import Table

from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.cli.runs import WatchedRun, is_correct
from langchain_markovscale.display.wording import counted
from langchain_markovscale.graph.prompts import Prompts
from langchain_markovscale.recording.questions import Question
from langchain_markovscale.types import (
    Action,
    Attempt,
    Usage,
    add_usage,
    new_attempt,
    no_usage,
    usage_of,
)


class Score(NamedTuple):
    """A number of right answers.

    Attributes:
        right: How many were right.
        asked: Of how many questions, at least 1.
    """

    right: int
    asked: int

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy on questions like these."""
        from scipy.stats import binomtest

        found = binomtest(self.right, self.asked).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def in_words(self) -> str:
        """Return the score and its interval, such as `9 of 12 (75%; 95% interval 47% to 91%)`."""
        low, high = self.interval
        share = self.right / self.asked
        return f"{self.right} of {self.asked} ({share:.0%}; 95% interval {low:.0%} to {high:.0%})"


class Strategy(NamedTuple):
    """How a way of answering did.

    Attributes:
        name: What it is called.
        grades: Whether each answer was right, in the order of the questions.
        usage: What all of them cost together.
        seconds: How long that took.
    """

    name: str
    grades: list[bool]
    usage: Usage
    seconds: float

    @property
    def score(self) -> Score:
        """How many were right."""
        return Score(sum(self.grades), len(self.grades))


def of_loop(name: str, runs: Sequence[WatchedRun], answer_key: AnswerKey) -> Strategy:
    """Return how the loop did; its checks count as calls only where they asked a model.

    Args:
        name: What to call it.
        runs: Runs that have ended.
        answer_key: Reads references.
    """
    usage = no_usage()
    for run in runs:
        for purpose, part in run.usage.items():
            asked_no_model = (
                purpose == "verify" and not part["input_tokens"] and not part["unknown"]
            )
            usage = add_usage(usage, None if asked_no_model else part)
    grades = [bool(run.correct(answer_key)) for run in runs]
    return Strategy(name, grades, usage, sum(run.seconds for run in runs))


def fixed_rounds(
    model: BaseChatModel,
    prompts: Prompts,
    questions: Sequence[Question],
    answer_key: AnswerKey,
    rounds: int,
    **options: Any,
) -> list[Strategy]:
    """Answer questions once and revise all answers blindly, a batch for each round.

    Args:
        model: The chat model.
        prompts: Its prompts.
        questions: With references.
        answer_key: Reads answers and references.
        rounds: Attempts at each question, the first included.
        **options: For each call.

    Returns:
        How the last answers did after each number of rounds, 1 to `rounds`. A run of three rounds
        contains one of one round, so that all are compared on the same first answers.
    """
    requests = [_request(question.text) for question in questions]
    attempts: list[Attempt] = []
    strategies: list[Strategy] = []
    usage, began = no_usage(), perf_counter()
    for made in range(1, rounds + 1):
        ask = prompts.for_draw if made == 1 else prompts.for_revision
        replies = model.batch([ask(request) for request in requests], **options)
        attempts = [_attempt(reply, answer_key, made) for reply in replies]
        requests = [
            {**request, "answer": attempt["text"], "attempts": [attempt]}
            for request, attempt in zip(requests, attempts, strict=True)
        ]
        for reply in replies:
            usage = add_usage(usage, usage_of(reply))
        grades = [
            bool(is_correct(attempt, question.reference, answer_key))
            for attempt, question in zip(attempts, questions, strict=True)
        ]
        name = "one pass" if made == 1 else f"{made} fixed rounds"
        strategies.append(Strategy(name, grades, usage, perf_counter() - began))
    return strategies


def sign_test(better: int, worse: int) -> float:
    """Return how often a fair coin would split the questions that differ at least as unevenly.

    The two-sided sign test: the smaller it is, the less the difference looks like chance.

    Args:
        better: Questions that only the one strategy got right.
        worse: Questions that only the other got right.
    """
    from scipy.stats import binomtest

    return 1.0 if better == worse else float(binomtest(better, better + worse).pvalue)


def _request(question: str) -> dict[str, Any]:
    return {"question": question, "messages": [HumanMessage(question)], "feedback": None}


def _attempt(reply: AIMessage, answer_key: AnswerKey, made: int) -> Attempt:
    text = str(reply.text)
    action: Action = "generate" if made == 1 else "revise"
    return new_attempt(text, key=answer_key(text), action=action)


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
        return "the loop answered the same questions correctly"
    return (
        f"the loop gained {counted(gained, 'question')} and lost {lost}; "
        f"chance alone would split {gained + lost} as unevenly {sign_test(gained, lost):.0%} of "
        "the time"
    )
