"""What a run leaves when it stops: the best answer, as text and as one message.

The message is written only here, and every try writes it under the same id: a draft is never shown
as an answer, and asking again replaces the answer where it stands.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata

from langchain_markovscale.attempts import Attempt, Decision, Reason, Usage
from langchain_markovscale.graph.metering import Books
from langchain_markovscale.graph.questions import answer_id
from langchain_markovscale.graph.state import Run
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.usage import add_usage


def stopped(
    criterion: Criterion,
    attempts: Sequence[Attempt],
    reason: Reason,
    class_weights: Sequence[float] | None = None,
) -> Decision:
    """Return the decision to stop with the best attempt so far, for a reason that is no gain."""
    decision = criterion.decide(attempts, class_weights)
    return {**decision, "action": "stop", "parent": None, "reason": reason}


def ending(
    run: Run | None, attempts: Sequence[Attempt], decision: Decision, books: Books
) -> Mapping[str, Any]:
    """Return the update that hands over the best attempt."""
    if decision["best"] is None:
        return {"decision": decision}
    best = attempts[decision["best"]]
    message = AIMessage(
        best["text"],
        id=answer_id(run) if run is not None else None,
        usage_metadata=_total(books),
        response_metadata={
            "markovscale": {
                "attempts": len(attempts),
                "belief": decision["belief"],
                "reason": decision["reason"],
            }
        },
    )
    return {"decision": decision, "answer": best["text"], "messages": [message]}


def _total(books: Books) -> UsageMetadata | None:
    """The whole loop's usage; None where a part of it is unknown."""
    total: Usage | None = None
    for usage in books.values():
        total = add_usage(total, usage)
    if total is None or total["unknown"]:
        return None
    return UsageMetadata(
        input_tokens=total["input_tokens"],
        output_tokens=total["output_tokens"],
        total_tokens=total["input_tokens"] + total["output_tokens"],
    )
