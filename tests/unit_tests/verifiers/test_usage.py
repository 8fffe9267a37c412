"""Accounting of calls and tokens: unknown is not zero."""

import pytest
from hypothesis import given, strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk

from langchain_markovscale.types import add_usage, no_usage, usage_of

COUNTS = st.integers(0, 10**6)
USAGES = (
    st.builds(dict, calls=COUNTS, input_tokens=COUNTS, output_tokens=COUNTS, unknown=COUNTS)
    | st.none()
)
METADATA = {"input_tokens": 30, "output_tokens": 4, "total_tokens": 34}


@pytest.mark.parametrize("kind", [AIMessage, AIMessageChunk])
def test_reported_tokens_are_counted(kind: type[AIMessage]) -> None:
    message = kind("5", usage_metadata=METADATA)
    assert usage_of(message) == {"calls": 1, "input_tokens": 30, "output_tokens": 4, "unknown": 0}


@pytest.mark.parametrize("reply", [AIMessage("5"), "5", None])
def test_a_call_without_a_report_is_unknown(reply: object) -> None:
    assert usage_of(reply) == {"calls": 1, "input_tokens": 0, "output_tokens": 0, "unknown": 1}


def test_half_a_report_is_unknown() -> None:
    message = AIMessage("5")
    message.usage_metadata = {"input_tokens": 30}  # type: ignore[typeddict-item]
    assert usage_of(message)["unknown"] == 1


@given(USAGES, USAGES, USAGES)
def test_usages_add_up_in_any_order(a: dict, b: dict, c: dict) -> None:
    assert add_usage(add_usage(a, b), c) == add_usage(c, add_usage(b, a))
    total = add_usage(add_usage(a, b), c)
    assert total["calls"] == sum(usage["calls"] for usage in (a, b, c) if usage)
    assert total["unknown"] == sum(usage["unknown"] for usage in (a, b, c) if usage)


@given(USAGES)
def test_nothing_added_changes_nothing(usage: dict) -> None:
    before = dict(usage or no_usage())
    total = add_usage(usage, None)
    assert total == add_usage(no_usage(), usage) == before
    assert total is not usage
