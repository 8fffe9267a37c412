"""What a `CachePolicy` may cache of a loop: answers that were written, and nothing of their runs.

LangGraph would cache all that a node writes: the run's question and messages, its decisions, what
it has used. So the nodes that write answers look them up themselves, under a key of the whole
request, and what is found is added to the run that asks.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict, is_dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from os import PathLike, fspath
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.cache.base import BaseCache, FullKey
from langgraph.types import CachePolicy
from pydantic import BaseModel, SecretBytes, SecretStr

from langchain_markovscale._text import logger_of
from langchain_markovscale.graph.settings import SETTINGS
from langchain_markovscale.graph.telemetry import current_runtime

logger = logger_of(__name__)

CHAIN_INPUT = "__markovscale_input"
"""Where a run's config has a chain's own input: LangGraph takes names that begin so for private."""

_DEFAULT_POLICY: CachePolicy[Any] = CachePolicy()
_OF_ONE_RUN = frozenset({"checkpoint_id", "checkpoint_map", "checkpoint_ns", "run_id"})


class Entry(NamedTuple):
    """An answer in a cache.

    Attributes:
        key: Its key.
        value: The answer; None to look it up.
    """

    key: FullKey
    value: Any = None


class AnswerCache(Runnable[Entry, Any]):
    """The answers of a graph in the user's cache: looked up without a value, kept with one.

    A cache that fails does not end a run: a warning says so, and the answer is asked for.

    Args:
        cache: The user's cache.
        policy: Says for how long, and may have a key function of the state.
        name: The graph's name, part of every key.
    """

    def __init__(self, cache: BaseCache[Any], policy: CachePolicy[Any], name: str) -> None:
        self._cache = cache
        self._ttl = policy.ttl
        is_default = policy.key_func is _DEFAULT_POLICY.key_func
        self._key_of_state: Callable[[Any], str | bytes] | None = (
            None if is_default else policy.key_func
        )
        self._graph = name
        self._warned = False

    def key(
        self,
        place: Sequence[Any],
        given: Any,
        request: Callable[[], Any],
        values: Mapping[str, Any],
        config: RunnableConfig,
    ) -> FullKey | None:
        """Return the key of an answer; None where it cannot be told from others.

        It is a hash of all that the writer gets to see, secrets included: the request, a chain's
        own input, what is configurable, the metadata that functions and chains can read, and the
        context.

        Args:
            place: The node, and which attempt it makes from which.
            given: What the input of the call is made from.
            request: Returns the input: a chat model's prompt, or else what is given.
            values: The state.
            config: The node's. A chat model cannot know on which thread it is asked.
        """
        try:
            if self._key_of_state is None:
                asked = request()
                to_model = isinstance(asked, list)
                seen = [asked, _configured(config, to_model=to_model), _context()]
                if not to_model:
                    seen.append(_metadata(config))
            else:
                seen = [self._key_of_state(values)]
            text = json.dumps(_plain([self._graph, *place, *seen]))
        except Exception as error:
            self._warn("no key can be made of the request", error)
            return None
        return ("markovscale", self._graph, str(place[0])), sha256(text.encode()).hexdigest()

    def invoke(self, input: Entry, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        """Look an answer up, or keep it."""
        try:
            if input.value is None:
                return self._cache.get([input.key]).get(input.key)
            self._cache.set({input.key: (input.value, self._ttl)})
        except Exception as error:
            self._warn("the cache failed", error)
        return None

    async def ainvoke(
        self, input: Entry, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        """Look an answer up, or keep it."""
        try:
            if input.value is None:
                return (await self._cache.aget([input.key])).get(input.key)
            await self._cache.aset({input.key: (input.value, self._ttl)})
        except Exception as error:
            self._warn("the cache failed", error)
        return None

    def _warn(self, what: str, error: Exception) -> None:
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        logger.log(
            level,
            "Graph %r does not cache an answer, because %s: %s: %s",
            self._graph,
            what,
            type(error).__name__,
            error,
        )


def _configured(config: RunnableConfig, *, to_model: bool) -> dict[str, Any]:
    configurable = config.get("configurable") or {}
    return {
        name: value
        for name, value in configurable.items()
        if name == CHAIN_INPUT
        or not (name.startswith("__") or name in _OF_ONE_RUN or (to_model and name == "thread_id"))
    }


def _metadata(config: RunnableConfig) -> dict[str, Any]:
    """Return the user's metadata of a run: what LangChain adds to it is of this run alone."""
    configurable = config.get("configurable") or {}
    return {
        name: value
        for name, value in (config.get("metadata") or {}).items()
        if not (
            name in _OF_ONE_RUN
            or name in configurable
            or name.startswith(("__", "langgraph_", "ls_", "lc_", "markovscale"))
        )
    }


def _context() -> dict[str, Any]:
    """Return what else than our settings a run's context has."""
    context = current_runtime().context
    if context is None:
        return {}
    values = context if isinstance(context, Mapping) else vars(context)
    return {name: value for name, value in values.items() if name not in SETTINGS}


def _plain(value: Any) -> Any:
    """Return a value as lists, strings and numbers from which another one differs.

    Raises:
        TypeError: If nothing certain tells it from another one, such as an object of a class of the
            user's, whose text may be its place in memory.
    """
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, BaseMessage):
        fields = value.model_dump(exclude={"id", "usage_metadata", "response_metadata"})
        return [type(value).__name__, _plain(fields)]
    if isinstance(value, (SecretStr, SecretBytes)):
        return ["secret", _plain(value.get_secret_value())]
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        return [_name(value), _plain(fields), _plain(value.model_extra)]
    if is_dataclass(value) and not isinstance(value, type):
        return [_name(value), _plain(asdict(value))]
    if isinstance(value, Mapping):
        pairs = [[_plain(name), _plain(each)] for name, each in value.items()]
        return ["mapping", sorted(pairs, key=json.dumps)]
    if isinstance(value, (list, tuple)):
        return [type(value).__name__, *map(_plain, value)]
    if isinstance(value, Set):
        return ["set", sorted(map(_plain, value), key=json.dumps)]
    return _plain_scalar(value)


def _plain_scalar(value: Any) -> list[Any]:
    if isinstance(value, Enum):
        return [_name(value), value.name]
    if isinstance(value, str):
        return [str.__str__(value)]
    if isinstance(value, (bytes, bytearray)):
        return ["bytes", value.hex()]
    if isinstance(value, PathLike):
        return ["path", _plain(fspath(value))]
    if isinstance(value, (date, timedelta, Decimal, UUID)):
        return [_name(value), str(value)]
    if callable(to_list := getattr(value, "tolist", None)):  # NumPy's and torch's
        return [_name(value), _plain(to_list())]
    raise TypeError(
        f"a {_name(value)} has no value by which it could be told from another: pass what it "
        "stands for, or give CachePolicy a key_func."
    )


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
