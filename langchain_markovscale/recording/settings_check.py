"""Which models made a trace, and with what settings, as the models report them to LangChain."""

import os
from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler

from langchain_markovscale._text import logger_of
from langchain_markovscale.traces.provenance import Loop, difference

logger = logger_of(__name__)

_SETTINGS = ("temperature", "top_p", "top_k", "seed", "max_tokens")
_FORMER_NAMES = {"rounds": "revisions"}  # in files of version 0.1


class ModelsCalled(BaseCallbackHandler):
    """Notes the model that each node of a graph calls.

    Attributes:
        models: By node: `model`, and temperature, top-p and the like where they are known.
    """

    run_inline = True  # under asyncio it would otherwise cost a thread for every event

    def __init__(self) -> None:
        self.models: dict[str, dict[str, Any]] = {}

    @property
    def ignore_chain(self) -> bool:
        """Chains are not models."""
        return True

    def on_chat_model_start(
        self, serialized: dict[str, Any] | None, messages: Any, **kwargs: Any
    ) -> None:
        """Note a chat model."""
        self._note(serialized or {}, **kwargs)

    def on_llm_start(self, serialized: dict[str, Any] | None, prompts: Any, **kwargs: Any) -> None:
        """Note a completion model."""
        self._note(serialized or {}, **kwargs)

    def _note(
        self,
        serialized: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        name: str | None = None,
        invocation_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        about = metadata or {}
        node = about.get("langgraph_node")
        if node is None or node in self.models:
            return
        model = about.get("ls_model_name") or name or serialized.get("name")
        settings = {"model": model, "temperature": about.get("ls_temperature")} | {
            setting: value
            for setting, value in (invocation_params or {}).items()
            if setting in _SETTINGS
        }
        self.models[str(node)] = {
            setting: value
            for setting, value in settings.items()
            if isinstance(value, (str, int, float))
        }


def refuse_other_settings(
    path: str | os.PathLike[str], made_with: Mapping[str, Any], asked: Mapping[str, Any]
) -> None:
    """See that traces which are there were made as those that are to be added.

    A setting that only one of the two has is skipped, so that files of other origin can be taken
    up.

    Args:
        path: The file of traces.
        made_with: Metadata of a trace in it.
        asked: The settings that are asked for, as plain JSON values.

    Raises:
        ValueError: If a setting differs; the message names each that does, with both values.
    """
    former = {
        name: made_with[old]
        for old, name in _FORMER_NAMES.items()
        if old in made_with and old not in asked
    }
    made_with = {**former, **made_with}
    differing = [name for name in asked if name in made_with and made_with[name] != asked[name]]
    if differing:
        there, here = (
            ", ".join(f"{name}={settings[name]!r}" for name in differing)
            for settings in (made_with, asked)
        )
        raise ValueError(
            f"{path} was recorded with {there}; this recording asks for {here}, and a calibration "
            "to both would describe neither: record to another file, or with the settings that "
            "this one was recorded with."
        )


def warn_of_other_loops_traces(path: str | os.PathLike[str], there: Loop, here: Loop) -> None:
    """Log that traces which are there were made by a loop whose parts have other names.

    Args:
        path: The file of traces.
        there: The loop that made those in it.
        here: The loop that is to add to them.
    """
    differing = difference(there, here)
    if differing is not None:
        logger.warning(
            "%s was recorded with %s, and this loop has %s: a calibration to both describes "
            "neither. Record to another file, or with the loop that this one was recorded with.",
            path,
            *differing,
        )
