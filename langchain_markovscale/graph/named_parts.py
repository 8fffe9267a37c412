"""The parts of a loop by name, and the warning where rates were measured with another loop."""

import logging

from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.base import RunnableBindingBase

from langchain_markovscale._models import models_in
from langchain_markovscale.answers.keys import AnswerKey, name_of_key
from langchain_markovscale.traces.provenance import LOOP, NONE, Loop, difference, loop_in
from langchain_markovscale.verifiers.base import NoVerifier, Verifier
from langchain_markovscale.verifiers.function import FunctionVerifier, as_verifier

logger = logging.getLogger(__name__)


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
    verifier = as_verifier(verifier)
    while isinstance(verifier, RunnableBindingBase):
        verifier = verifier.bound
    version = getattr(verifier, "prompt_version", None)
    names = {
        "model": ", ".join(models_in(model)),
        "reviser": ", ".join(models_in(reviser)),
        "verifier": _name_of_verifier(verifier),
        "prompt_version": None if version is None else str(version),
        "answer_key": NONE if answer_key is None else name_of_key(answer_key),
    }
    return loop_in({LOOP: {part: name for part, name in names.items() if name}})


def warn_of_other_loop(measured: Loop, own: Loop) -> None:
    """Log that rates were measured with a loop whose parts have other names.

    Args:
        measured: The loop that the calibration was measured with.
        own: The one that decides by it.
    """
    differing = difference(measured, own)
    if differing is not None:
        logger.warning(
            "The calibration was measured with %s, and this loop has %s: its rates need not hold "
            "here. Record and calibrate with this loop, or give it what was measured.",
            *differing,
        )


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
