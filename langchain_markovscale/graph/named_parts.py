"""The parts of a loop by name, and the warning where rates were measured with another loop."""

from collections.abc import Callable

from langchain_core.runnables import RunnableLambda

from langchain_markovscale._models import models_in
from langchain_markovscale._text import logger_of
from langchain_markovscale.answers.keys import AnswerKey, name_of_key
from langchain_markovscale.traces.provenance import LOOP, NONE, PLAIN, Loop, difference, loop_in
from langchain_markovscale.types import Verdict
from langchain_markovscale.verifiers.base import NoVerifier, Verifier
from langchain_markovscale.verifiers.function import FunctionVerifier, as_verifier, unbound

logger = logger_of(__name__)


def named_parts(
    model: object, reviser: object, verifier: object, answer_key: AnswerKey | None
) -> Loop:
    """Return the parts of a loop by name, without those whose name cannot be told.

    Args:
        model: What draws answers.
        reviser: What revises them; None where nothing does.
        verifier: The verifier, also as a function; None where there is none.
        answer_key: Makes the keys of answers; None where they have none.
    """
    verifier = unbound(as_verifier(verifier))
    names = {
        "model": ", ".join(models_in(model)),
        "reviser": ", ".join(models_in(reviser)),
        "verifier": _name_of_verifier(verifier),
        "prompt_version": PLAIN if _has_versions(verifier) else None,
        "answer_key": NONE if answer_key is None else name_of_key(answer_key),
    }
    return loop_in({LOOP: {part: name for part, name in names.items() if name}})


class MeasuredLoop:
    """The loop that rates were measured with; it is said once where another one decides by them.

    Args:
        measured: Its parts, as far as they are known.
    """

    def __init__(self, measured: Loop) -> None:
        self._measured = measured
        self._prompt_version = measured.get("prompt_version")

    def compare(self, own: Callable[[], Loop]) -> None:
        """Log, the first time, which parts of the loop that decides have other names.

        Args:
            own: Returns the parts of that loop.
        """
        measured, self._measured = self._measured, {}
        if measured and (differing := difference(measured, own())) is not None:
            _warn(*differing)

    def note(self, verdict: Verdict, verifier: object) -> None:
        """Log, the first time, that a judge was shown something else than when it was measured.

        Args:
            verdict: Its verdict.
            verifier: The verifier of the loop; what gave the verdict, if anyone was asked.
        """
        was_asked = verdict["usage"] is not None and verdict["usage"]["calls"] > 0
        if self._prompt_version is None or not was_asked or not _has_versions(unbound(verifier)):
            return
        own = verdict.get("judged_with", PLAIN)
        if own != self._prompt_version:
            _warn(f"prompt_version={self._prompt_version!r}", f"prompt_version={own!r}")
            self._prompt_version = None


def _warn(measured: str, own: str) -> None:
    logger.warning(
        "The calibration was measured with %s, and this loop has %s: its rates need not hold here. "
        "Record and calibrate with this loop, or give it what was measured.",
        measured,
        own,
    )


def _has_versions(verifier: object) -> bool:
    """Return whether a verifier's prompts show more for some questions than for others."""
    return getattr(verifier, "prompt_version", None) is not None


def _name_of_verifier(verifier: object) -> str | None:
    if verifier is None or isinstance(verifier, NoVerifier):
        return NONE
    if not isinstance(verifier, Verifier):
        name = getattr(verifier, "name", None) if isinstance(verifier, RunnableLambda) else None
        return ", ".join(models_in(verifier)) or name
    if isinstance(verifier, FunctionVerifier):
        return verifier.name
    models = [name for part in vars(verifier).values() for name in models_in(part)]
    if isinstance(local := getattr(verifier, "model_name", None), str):
        models.append(local)
    name = verifier.get_name()
    return f"{name} ({', '.join(dict.fromkeys(models))})" if models else name
