"""What a `CachePolicy` may cache of a loop: answers that were written, and nothing else.

LangGraph caches what a node wrote, under a key that is made from its input. A decision belongs to a
run, whose context may set its costs, so that `verify_proxy` is not cached; and a run that an error
or its budget has ended must not end the next one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.cache.base import BaseCache, FullKey, Namespace
from langgraph.types import CachePolicy

from langchain_markovscale.graph.conversation import open_question, values_of

_DEFAULT_POLICY: CachePolicy[Any] = CachePolicy()


def writer_cache_policy(policy: CachePolicy[Any] | None, name: str) -> CachePolicy[Any] | None:
    """Return the cache policy of the nodes that write answers, with a cache key of the graph's own.

    LangGraph's default key is made from all of the state, in which the ids of messages differ from
    run to run. It is replaced by one of what a writer gets to see: the conversation, the attempts
    and which of them is to be revised.

    Args:
        policy: The user's policy.
        name: The graph's name, part of every key.
    """
    if policy is None:
        return None
    is_default = policy.key_func is _DEFAULT_POLICY.key_func
    key_of_state = _key_of_request if is_default else policy.key_func

    def key_in_graph(state: Any) -> str | bytes:
        key = key_of_state(state)
        return f"{name}/{key}" if isinstance(key, str) else name.encode() + b"/" + key

    return CachePolicy(key_func=key_in_graph, ttl=policy.ttl)


def _key_of_request(state: Any) -> str:
    """Return all that a writer gets to see, as a string."""
    values = values_of(state)
    opening = open_question(values)
    decision = None if opening.new else values.get("decision")
    request = {
        "conversation": [[message.type, message.content] for message in opening.conversation],
        "attempts": [] if opening.new else values.get("attempts") or [],
        "contexts": [] if opening.new else values.get("contexts") or [],
        "parent": decision and decision["parent"],
    }
    return json.dumps(request, sort_keys=True, default=repr)


class AnswerCache(BaseCache[Any]):
    """A cache that does not keep the writes by which a run ended.

    Args:
        cache: The user's cache.
    """

    def __init__(self, cache: BaseCache[Any]) -> None:
        super().__init__(serde=cache.serde)
        self.cache = cache

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what is cached."""
        return self.cache.get(keys)

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what is cached."""
        return await self.cache.aget(keys)

    def set(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """Cache the writes of runs that go on."""
        self.cache.set(_without_endings(pairs))

    async def aset(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """Cache the writes of runs that go on."""
        await self.cache.aset(_without_endings(pairs))

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Empty the cache."""
        self.cache.clear(namespaces)

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Empty the cache."""
        await self.cache.aclear(namespaces)


def _without_endings(pairs: Mapping[FullKey, tuple[Any, int | None]]) -> dict[FullKey, Any]:
    return {key: pair for key, pair in pairs.items() if not _ends_run(pair[0])}


def _ends_run(writes: Sequence[tuple[str, Any]]) -> bool:
    return any(
        channel == "decision" and decision is not None and decision["action"] == "stop"
        for channel, decision in writes
    )
