"""What a call cost, in calls and tokens.

One place reads it from messages and adds it up, so that generating, revising and verifying are
counted alike, and a model that reports nothing counts as unknown, not as free.
"""

from collections.abc import Mapping

from langchain_markovscale.attempts import Usage


def usage_of(message: object) -> Usage:
    """Return what one model call cost, read from its reply.

    Args:
        message: The reply: a message with LangChain's ``usage_metadata``, or anything else.

    Returns:
        One call with its tokens; one call of unknown cost where the reply does not report both
        numbers.
    """
    reported = getattr(message, "usage_metadata", None)
    if isinstance(reported, Mapping):
        read, written = reported.get("input_tokens"), reported.get("output_tokens")
        if isinstance(read, int) and isinstance(written, int):
            return Usage(calls=1, input_tokens=read, output_tokens=written, unknown=0)
    return Usage(calls=1, input_tokens=0, output_tokens=0, unknown=1)


def no_usage() -> Usage:
    """Return the usage of nothing: the zero of `add_usage`."""
    return Usage(calls=0, input_tokens=0, output_tokens=0, unknown=0)


def add_usage(left: Usage | None, right: Usage | None) -> Usage:
    """Return the sum of two usages as a new dictionary; None counts as nothing."""
    left, right = left or no_usage(), right or no_usage()
    return Usage(
        calls=left["calls"] + right["calls"],
        input_tokens=left["input_tokens"] + right["input_tokens"],
        output_tokens=left["output_tokens"] + right["output_tokens"],
        unknown=left["unknown"] + right["unknown"],
    )
