"""What an attempt has done beside its words: the channels of an agent's state that tools write.

An agent that returns an earlier answer has to return what that answer had written too: a snapshot
of named channels is taken with each attempt, and that of the best one is restored.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, get_args

from langchain.agents.middleware.types import OmitFromSchema
from langgraph.channels import (
    AnyValue,
    BinaryOperatorAggregate,
    DeltaChannel,
    EphemeralValue,
    LastValue,
    UntrackedValue,
)
from langgraph.channels.base import BaseChannel
from langgraph.config import get_config
from langgraph.types import Overwrite

from langchain_markovscale._text import logger_of

logger = logger_of(__name__)

_READ = "__pregel_read"  # where LangGraph puts a node's reader, as `ToolNode` knows it too
_AGENTS_OWN = frozenset({"messages", "jump_to", "structured_response"})
_MERGING = (BinaryOperatorAggregate, DeltaChannel)
_REPLACING = (AnyValue, LastValue, UntrackedValue)


def channels_of_agent() -> Mapping[str, BaseChannel[Any, Any, Any]]:
    """Return the channels of the agent whose node this is called in, by name."""
    read = get_config().get("configurable", {}).get(_READ)
    for argument in getattr(read, "args", ()):
        if isinstance(argument, Mapping) and any(
            isinstance(each, BaseChannel) for each in argument.values()
        ):
            return argument
    return {}


def writable_channels() -> list[str]:
    """Return the names of the agent's channels that tools may write and a thread keeps.

    Those that a middleware has declared private are left out: they are its accounts.
    """
    return sorted(
        name
        for name, channel in channels_of_agent().items()
        if name not in _AGENTS_OWN
        and not name.startswith(("__", "branch:", "markovscale"))
        and not isinstance(channel, (EphemeralValue, UntrackedValue))
        and not _is_private(channel)
    )


def warn_of_channels(restored: Sequence[str] | None) -> None:
    """Log a warning of channels that will not be restored, or cannot be because there are none.

    Args:
        restored: The names that the user gave; None where none were given.
    """
    writable = writable_channels()
    if restored is None:
        if writable:
            logger.warning(
                "The agent's tools may write %s, and only its messages are set back to those of "
                "the best answer: give restore=%r to MarkovScaleMiddleware to set these back as "
                "well, or restore=() if they belong to no answer.",
                _listed(writable),
                tuple(writable),
            )
    elif missing := [name for name in restored if name not in channels_of_agent()]:
        logger.warning(
            "restore has %s, of which this agent has no channel: its tools may write %s.",
            _listed(missing),
            _listed(writable),
        )


def check_restorable(names: Sequence[str]) -> None:
    """Raise where a channel of these names cannot be set back.

    Raises:
        ValueError: If one is the agent's own, or of a kind that cannot be overwritten.
    """
    channels = channels_of_agent()
    for name in names:
        if name in _AGENTS_OWN:
            raise ValueError(
                f"restore has {name!r}, which the agent sets back by itself: leave it out, its "
                f"tools may write {_listed(writable_channels())}."
            )
        if name in channels and not isinstance(channels[name], (*_MERGING, *_REPLACING)):
            raise ValueError(
                f"restore has {name!r}, a channel of the type {type(channels[name]).__name__}, "
                "which cannot be set back: leave it out, or declare it with a reducer."
            )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def snapshot(state: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return a copy of the named channels that have a value."""
    return {name: deepcopy(state[name]) for name in names if name in state}


def restoration(
    state: Mapping[str, Any], names: Sequence[str], wanted: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the update of the state by which the named channels become as in a snapshot."""
    channels, update = channels_of_agent(), {}
    for name in names:
        if name not in wanted and name not in state:
            continue
        # A channel without a value is the same as one with an empty one, and cannot be had back.
        value = deepcopy(wanted[name]) if name in wanted else _empty(state[name])
        if name in state and state[name] == value:
            continue
        update[name] = Overwrite(value) if isinstance(channels.get(name), _MERGING) else value
    return update


def _empty(value: Any) -> Any:
    return type(value)() if isinstance(value, (dict, list, set, str)) else None


def _is_private(channel: BaseChannel[Any, Any, Any]) -> bool:
    annotations = get_args(getattr(channel, "typ", None))
    return any(
        isinstance(each, OmitFromSchema) and each.input and each.output for each in annotations
    )
