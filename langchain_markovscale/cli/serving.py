"""The loop behind LangGraph's server: what `langgraph.json` names.

A server has no command line, so that each option of `markovscale solve` is an environment variable
here. They are set by the operator; what a client may set for its run is the graph's context.
"""

import asyncio
import os
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from threading import Lock
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from pydantic import BaseModel, ConfigDict, ValidationError

from langchain_markovscale.cli.loop import build_loop
from langchain_markovscale.demo import setting

_PREFIX = "MARKOVSCALE_"
_ONE_AT_A_TIME = Lock()  # a model is loaded once, however many requests wait for it


class ServingSettings(BaseModel):
    """What the environment says, each under `MARKOVSCALE_` and the name in capitals.

    Without `MARKOVSCALE_MODEL` the demo is served: a small local model, sums, and the rates that
    were measured for them; the other variables then replace single parts of it.

    Attributes:
        model: As `--model`: `smollm2`, `hf:<hub id or folder>`, a .gguf file, `<provider>:<name>`.
        verifier: As `--verifier`: `none`, `judge`, `judge:<model>`, `nines`.
        answer_key: How to read an answer, such as `last_number`.
        calibration: File of `Calibration.save`; without it, general rates are assumed.
        cost: What a round must gain to be worth it; a run may bring `cost_per_round` of its own.
        max_rounds: The most attempts; a run may bring a number of its own.
        actions: `revise`, `generate`, or both with a comma.
        temperature: Sampling temperature; at 0 every fresh draw is the same.
        max_tokens: Most tokens of an answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    verifier: str | None = None
    answer_key: str | None = None
    calibration: str | None = None
    cost: float | None = None
    max_rounds: int | None = None
    actions: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


async def make_graph() -> CompiledStateGraph[Any, Any, Any, Any]:
    """Return the graph that the environment describes; LangGraph's server calls it.

    The server calls it for every request, and keeps threads itself: the model is loaded by the
    first call and the graph has no checkpointer.

    Raises:
        ValueError: If a variable is misspelt, or has a value that leaves its range.
    """
    return await asyncio.to_thread(_graph_for, settings_from(os.environ))


def settings_from(environment: Mapping[str, str]) -> ServingSettings:
    """Read the settings from environment variables; an empty one counts as not set.

    Raises:
        ValueError: If a variable is misspelt, or no number where one is needed.
    """
    given = {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(_PREFIX) and value
    }
    names = list(ServingSettings.model_fields)
    for name in given:
        if name not in names:
            meant = get_close_matches(name, names, n=1) or names
            raise ValueError(
                f"{_PREFIX}{name.upper()} is not a setting; did you mean "
                f"{' or '.join(_PREFIX + other.upper() for other in meant)}?"
            )
    try:
        return ServingSettings.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0])
        raise ValueError(f"{_PREFIX}{name.upper()}={given[name]}: {first['msg']}.") from None


def _graph_for(settings: ServingSettings) -> CompiledStateGraph[Any, Any, Any, Any]:
    with _ONE_AT_A_TIME:
        return _built(settings)


@lru_cache(maxsize=1)
def _built(settings: ServingSettings) -> CompiledStateGraph[Any, Any, Any, Any]:
    given = settings.model_dump(exclude_none=True)
    names = {
        "model": "model_name",
        "verifier": "verifier_name",
        "calibration": "calibration_file",
        "cost": "cost_per_round",
    }
    options = {names.get(name, name): value for name, value in given.items()}
    if "actions" in options:
        options["actions"] = [action.strip() for action in options["actions"].split(",")]
    defaults = _demo() if settings.model is None else _as_solve()
    graph: CompiledStateGraph[Any, Any, Any, Any] = build_loop(**defaults | options).graph
    return graph


def _demo() -> dict[str, Any]:
    return {
        "model_name": "smollm2",
        "verifier_name": "nines",
        "answer_key": setting.ANSWER_KEY,
        "cost_per_round": 0.03,
        "max_rounds": 6,
        "actions": ("revise", "generate"),
        "calibration": setting.calibration(),
        "temperature": setting.TEMPERATURE,
        "max_tokens": setting.MAX_TOKENS,
        "prompts": setting.PROMPTS,
    }


def _as_solve() -> dict[str, Any]:
    return {
        "verifier_name": "judge",
        "answer_key": None,
        "cost_per_round": 0.01,
        "max_rounds": 8,
        "actions": ("revise", "generate"),
    }
