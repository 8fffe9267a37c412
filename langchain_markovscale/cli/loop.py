"""From the options of the command line to a graph."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from langchain_core.language_models import BaseChatModel

from langchain_markovscale.answer_keys import AnswerKey, resolve_answer_key
from langchain_markovscale.attempts import Action
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.cli.console import say
from langchain_markovscale.cli.models import chat_model, check_model_name, is_local
from langchain_markovscale.cli.seeding import SeededAuthors
from langchain_markovscale.cli.verifiers import verifier_named
from langchain_markovscale.graph.builder import create_markovscale_graph
from langchain_markovscale.graph.prompts import Prompts
from langchain_markovscale.theory.criterion import Criterion


class Loop(NamedTuple):
    """A graph and what its runs are shown with.

    Attributes:
        model: The chat model that answers.
        graph: The compiled graph.
        answer_key: Reads answers; None where they have no keys.
        source: Where the rates come from that it decides with.
    """

    model: BaseChatModel
    graph: Any
    answer_key: AnswerKey | None
    source: str


def build_loop(
    *,
    model_name: str,
    verifier_name: str,
    answer_key: str | None,
    cost_per_round: float,
    max_rounds: int,
    actions: Sequence[str],
    calibration_file: str | None = None,
    calibration: Calibration | None = None,
    temperature: float | None = None,
    max_tokens: int | None = None,
    seed: int | None = None,
    calls_made: Mapping[str, int] | None = None,
    prompts: Prompts | None = None,
) -> Loop:
    """Return the loop that the options describe.

    Whatever is quick to check is checked before the model is loaded.

    Args:
        model_name: See `chat_model`.
        verifier_name: See `verifier_named`.
        answer_key: See `resolve_answer_key`.
        cost_per_round: In units of accuracy.
        max_rounds: Attempts allowed, the first included.
        actions: Of `revise` and `generate`.
        calibration_file: Written by `Calibration.save`.
        calibration: Instead of a file.
        temperature: Sampling temperature.
        max_tokens: Most tokens of an answer.
        seed: Makes runs repeatable, with models that take a seed.
        calls_made: How often each question was asked before, where a seeded recording goes on.
        prompts: Templates for the model.

    Raises:
        ValueError: If an option is out of range, or names nothing.
        OSError: If the calibration cannot be read.
    """
    key = resolve_answer_key(answer_key)
    if calibration_file is not None:
        calibration = Calibration.load(calibration_file)
    elif calibration is None:
        calibration = Calibration.training_free()
    settings: dict[str, Any] = {
        "calibration": calibration,
        "cost_per_round": cost_per_round,
        "max_rounds": max_rounds,
        "actions": cast("Sequence[Action]", actions),
        "answer_key": key,
        "prompts": prompts or Prompts(),
    }
    _check(settings, verifier_name)
    make_verifier = verifier_named(verifier_name)
    if is_local(model_name):
        say(f"Loading {model_name} …", style="dim")
    model = chat_model(model_name, temperature=temperature, max_tokens=max_tokens)
    if seed is not None:
        authors = SeededAuthors(model, seed, calls_made or {})
        settings["generate"] = authors.author(settings["prompts"].for_draw)
        settings["revise"] = authors.author(settings["prompts"].for_revision)
    graph = create_markovscale_graph(model, verifier=make_verifier(model), **settings)
    return Loop(model, graph, key, calibration.source)


def check_names(model_name: str, verifier_name: str) -> None:
    """See that there are such a model and such a verifier, as far as their names tell.

    Raises:
        ValueError: If not.
    """
    check_model_name(model_name)
    verifier_named(verifier_name)


def _check(settings: dict[str, Any], verifier_name: str) -> None:
    """Refuse what the graph would refuse, before a model is loaded for it."""
    if verifier_name == "none" and settings["answer_key"] is None:
        raise ValueError(
            "--verifier none leaves no evidence: give --answer-key, such as last_number, so that "
            "answers can agree, or another verifier, such as judge."
        )
    Criterion(
        settings["calibration"],
        settings["cost_per_round"],
        settings["max_rounds"],
        settings["actions"],
    )
