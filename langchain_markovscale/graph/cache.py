"""What a `CachePolicy` may remember of a loop: answers that were written, and nothing else.

LangGraph remembers what a node wrote, under a key that is made from its input. A decision belongs
to a run, whose context may set its costs, so that `verify_proxy` is not remembered; and a run that
an error or its budget has ended must not end the next one.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.cache.base import BaseCache, FullKey, Namespace
from langgraph.types import CachePolicy

from langchain_markovscale.graph.conversation import open_question, values_of

_OF_LANGGRAPH: CachePolicy[Any] = CachePolicy()


def policy_for(policy: CachePolicy[Any] | None, name: str) -> CachePolicy[Any] | None:
    """Return the policy of the nodes that write, with a key that is the graph's own.

    LangGraph's own key is made from all of the state, in which the ids of messages differ from run
    to run. In its place comes one of what an author gets to see: the conversation, the attempts and
    which of them is to be revised.

    Args:
        policy: The user's.
        name: The graph's name, part of every key.
    """
    if policy is None:
        return None
    made = _seen_by_author if policy.key_func is _OF_LANGGRAPH.key_func else policy.key_func

    def key(state: Any) -> str | bytes:
        own = made(state)
        return f"{name}/{own}" if isinstance(own, str) else name.encode() + b"/" + own

    return CachePolicy(key_func=key, ttl=policy.ttl)


def _seen_by_author(state: Any) -> str:
    values = values_of(state)
    opening = open_question(values)
    decision = None if opening.new else values.get("decision")
    seen = {
        "conversation": [[message.type, message.content] for message in opening.conversation],
        "attempts": [] if opening.new else values.get("attempts") or [],
        "contexts": [] if opening.new else values.get("contexts") or [],
        "parent": decision and decision["parent"],
    }
    return json.dumps(seen, sort_keys=True, default=repr)


class CacheOfAnswers(BaseCache[Any]):
    """A cache that forgets the writes by which a run ended.

    Args:
        cache: The user's.
    """

    def __init__(self, cache: BaseCache[Any]) -> None:
        super().__init__(serde=cache.serde)
        self.cache = cache

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what is remembered."""
        return self.cache.get(keys)

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, Any]:
        """Return what is remembered."""
        return await self.cache.aget(keys)

    def set(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """Remember the writes of runs that go on."""
        self.cache.set(_going_on(pairs))

    async def aset(self, pairs: Mapping[FullKey, tuple[Any, int | None]]) -> None:
        """Remember the writes of runs that go on."""
        await self.cache.aset(_going_on(pairs))

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget what is remembered."""
        self.cache.clear(namespaces)

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget what is remembered."""
        await self.cache.aclear(namespaces)


def _going_on(pairs: Mapping[FullKey, tuple[Any, int | None]]) -> dict[FullKey, Any]:
    return {key: pair for key, pair in pairs.items() if not _ends(pair[0])}


def _ends(writes: Sequence[tuple[str, Any]]) -> bool:
    return any(
        channel == "decision" and decision is not None and decision["action"] == "stop"
        for channel, decision in writes
    )
