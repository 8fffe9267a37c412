"""The demo's questions, how they are asked, and the rates measured for asking them so.

Rates belong to a model, its prompts and a kind of question together: who changes one of them has to
measure again. So all of them stand here. `calibration.json` was made by

    markovscale demo --measure langchain_markovscale/demo/calibration.json

from the questions in `measured_on.jsonl`, none of which the demo asks.
"""

from importlib.resources import as_file, files

from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.graph.prompts import Prompts

ANSWER_KEY = "last_number"
TEMPERATURE = 0.4
"""Draws must differ, but at 0.7 this model is right only half as often as without sampling."""
MAX_TOKENS = 24
PROMPTS = Prompts(revise="Check it. {question}", reconsider="Check it. {question}")
"""A model this small forgets the question, and answers the critique instead."""

_FOLDER = files(__package__ or "langchain_markovscale.demo")


def questions() -> list[str]:
    """Return a dozen questions with references, each a line of JSON."""
    return _lines("questions.jsonl")


def questions_to_measure() -> list[str]:
    """Return other questions of the same kind, for measuring rates."""
    return _lines("measured_on.jsonl")


def calibration() -> Calibration:
    """Return the rates of SmolLM2-135M-Instruct on questions like these."""
    with as_file(_FOLDER / "calibration.json") as path:
        return Calibration.load(path)


def _lines(name: str) -> list[str]:
    return (_FOLDER / name).read_text(encoding="utf-8").splitlines()
