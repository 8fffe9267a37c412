"""From the name after `--verifier` to a verify-proxy."""

from collections.abc import Callable

from langchain_core.language_models import BaseChatModel

from langchain_markovscale.cli.models import chat_model, check_model_name
from langchain_markovscale.verifiers.base import Verifier


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
_KINDS = (
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
        raise ValueError(f"--verifier {name}: no such verifier. It may be {_KINDS}.")
    if detail:
        check_model_name(detail, "--verifier judge:")
    return lambda model: _BY_NAME[kind](model, detail)
