"""The types that the whole package shares: attempt, decision, verdict, usage, and their events.

All are plain dictionaries of strings, numbers and lists, because they live in a graph's state and
its streams: checkpointers store them, servers send them, and other people's graphs read them.
"""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, NotRequired, TypeGuard

from typing_extensions import TypedDict

Action = Literal["generate", "revise"]
"""How an attempt is made: `generate` is a fresh draw, `revise` reworks an earlier attempt."""

Step = Literal["stop", "revise", "generate"]
"""What a decision asks for: an action, or to stop."""

Reason = Literal[
    "gain_exceeds_cost", "gain_below_cost", "max_rounds", "budget", "error", "interrupted",
    "no_evidence",
]  # fmt: skip
"""Why a decision was taken; a closed set."""

_IMPOSSIBLE_TOKENS = 10**9  # of one call: what reports so many is mistaken

Purpose = Literal["generate", "revise", "verify"]
"""What a call is for; usage, time and prices are kept by purpose."""


NoKey = Literal[
    "truncated",
    "thoughts_only",
    "refusal",
    "no_number",
    "no_letter",
    "several_letters",
    "no_box",
    "no_text",
    "no_json",
    "no_expression",
    "time_limit",
    "repeated",
    "no_key",
]
"""Why an answer has no key; a closed set."""


class AttemptMetadata(TypedDict, total=False):
    """How an attempt's reply was read and judged; nothing of it is shown to a model.

    Attributes:
        thoughts: What the model thought aloud, taken off the text.
        no_key: Why the attempt has no key.
        judged_with: What the judge was shown beside question, answer and key, see
            `Verdict.judged_with`.
    """

    thoughts: str
    no_key: NoKey
    judged_with: str


class Attempt(TypedDict):
    """One answer to a question.

    Attributes:
        text: The answer as the model wrote it.
        key: Its canonical form (equal keys are equally correct), or None where none could be read.
        score: The verifier's score in [0, 1], or None where it abstained.
        action: Whether the attempt is a fresh draw or a revision.
        parent: Index of the attempt that was revised, None for a fresh draw.
        feedback: The verifier's critique, handed to the next revision.
        tokens: Tokens that the model wrote for it, or None where it did not report them.
        metadata: How its reply was read and judged, where there is something to say of it.
        answer_object: The answer as plain JSON, where it was no text but an object (a pydantic
            object, a dictionary, a list): a dictionary or a list, of which `text` is the JSON.
    """

    text: str
    key: str | None
    score: float | None
    action: Action
    parent: int | None
    feedback: str | None
    tokens: int | None
    metadata: NotRequired[AttemptMetadata]
    answer_object: NotRequired[dict[str, Any] | list[Any]]


def new_attempt(
    text: str,
    *,
    key: str | None = None,
    score: float | None = None,
    action: Action | None = None,
    parent: int | None = None,
    feedback: str | None = None,
    tokens: int | None = None,
    metadata: AttemptMetadata | None = None,
) -> Attempt:
    """Return an attempt; what is left out is None.

    Args:
        text: The answer as the model wrote it.
        key: Its canonical form.
        score: The verifier's score in [0, 1].
        action: How it was made; by default `revise` where it has a parent, else `generate`.
        parent: Index of the attempt that was revised.
        feedback: The verifier's critique.
        tokens: Tokens that the model wrote for it.
        metadata: How its reply was read; left out where it is None.
    """
    if action is None:
        action = "generate" if parent is None else "revise"
    attempt: Attempt = {
        "text": text,
        "key": key,
        "score": score,
        "action": action,
        "parent": parent,
        "feedback": feedback,
        "tokens": tokens,
    }
    return attempt if metadata is None else {**attempt, "metadata": metadata}


def is_repeated(attempt: Attempt) -> bool:
    """Return whether a cache has only given an earlier attempt again, so that it is no evidence."""
    # The check for dict is the quick one.
    metadata = attempt.get("metadata") if isinstance(attempt, (dict, Mapping)) else None
    return isinstance(metadata, dict) and metadata.get("no_key") == "repeated"


class Decision(TypedDict):
    """What to do next, and why.

    Attributes:
        action: `stop`, `revise` or `generate`.
        best: Index of the best attempt so far; None before the first.
        parent: Index of the attempt to revise: the best or, where that was revised before, one that
            was not and is nearly as good. None unless `action` is `revise`.
        belief: Probability that the best attempt is correct.
        expected_gain: How much the best plan from here is expected to raise that probability. Below
            0 no plan raises it; the best answer is returned anyway, so that 0 is shown.
        cost: What that plan is expected to cost, in units of accuracy; waiting, where it has a
            price, is part of it.
        attempts: How many attempts the decision was made from.
        reason: One of the closed set `Reason`.
        draws: How many fresh draws to make at once; left out unless `action` is `generate`, and
            where draws are made one at a time.
    """

    action: Step
    best: int | None
    parent: int | None
    belief: float
    expected_gain: float
    cost: float
    attempts: int
    reason: Reason
    draws: NotRequired[int]


class VerifierInput(TypedDict):
    """The input of a verifier.

    Attributes:
        question: The question, as text.
        answer: The candidate answer, as text.
        key: The answer's key, or None where it has none.
        context: What else the generator returned, such as the documents that it read.
        messages: The conversation as the model saw it, in LangChain's messages: the system prompt,
            earlier turns, the question with its pictures and other content blocks and, of an agent,
            the tool calls that led to the answer, and their results. The answer is not among them.
        answer_object: A typed answer as plain JSON, of which `answer` is the text; left out where
            the answer is text.
    """

    question: str
    answer: str
    key: str | None
    context: NotRequired[Any]
    messages: NotRequired[Sequence[Any]]
    answer_object: NotRequired[dict[str, Any] | list[Any]]


class CriterionVerdict(TypedDict):
    """The verdict on one of several criteria.

    Attributes:
        criterion: What an answer must meet.
        score: How likely the answer is to meet it, in [0, 1]; None where that could not be read.
        feedback: What is missing, or None.
    """

    criterion: str
    score: float | None
    feedback: str | None


class Verdict(TypedDict):
    """The output of a verifier.

    Attributes:
        score: How likely the answer is to be correct, in [0, 1]; None where the verifier abstains,
            which leaves the belief as it was.
        feedback: A critique for the next revision, or None.
        usage: The usage of the verification, or None where it is unknown.
        criteria: The verdicts on single criteria, where there are several.
        judged_with: Version of a judge's prompt that shows more than question, answer and key, and
            what more; left out where it shows no more.
        unseen: Whether the conversation holds pictures, sound or files that a judge was not shown;
            left out where it does not.
    """

    score: float | None
    feedback: str | None
    usage: "Usage | None"
    criteria: NotRequired[list[CriterionVerdict]]
    judged_with: NotRequired[str]
    unseen: NotRequired[bool]


class Usage(TypedDict):
    """Token accounting: calls and tokens; tokens of calls that reported none are unknown, not zero.

    Attributes:
        calls: How many calls were made.
        input_tokens: Input tokens of the calls that reported usage.
        output_tokens: Output tokens of the calls that reported usage.
        unknown: How many calls reported no usage.
        unscored: How many verdicts came without a score: it could not be read, or the verifier
            abstained. Left out where there was none.
        unseen: How many verdicts were given without seeing all pictures, sound and files of the
            conversation. Left out where there was none.
        cached: How many calls LangChain's cache has answered, which takes no tokens. Left out where
            there was none.
    """

    calls: int
    input_tokens: int
    output_tokens: int
    unknown: int
    unscored: NotRequired[int]
    unseen: NotRequired[int]
    cached: NotRequired[int]


def usage_of(message: object) -> Usage:
    """Return the usage of one model call, read from its reply.

    Args:
        message: The reply: a message with LangChain's `usage_metadata`, or anything else.

    Returns:
        One call with its tokens, none where it came from LangChain's cache, whose mark is a
        `total_cost` of 0; one call of unknown usage where the reply does not report both
        numbers, or they are none that a call can take (negative, or 10⁹ and more).
    """
    metadata = getattr(message, "usage_metadata", None)
    if isinstance(metadata, Mapping):
        if metadata.get("total_cost") == 0:
            return Usage(calls=1, input_tokens=0, output_tokens=0, unknown=0, cached=1)
        input_tokens, output_tokens = metadata.get("input_tokens"), metadata.get("output_tokens")
        if is_token_count(input_tokens) and is_token_count(output_tokens):
            return Usage(
                calls=1, input_tokens=int(input_tokens), output_tokens=int(output_tokens), unknown=0
            )
    return Usage(calls=1, input_tokens=0, output_tokens=0, unknown=1)


def tokens_written(usage: Usage | None) -> int | None:
    """Return the tokens that calls wrote; None where some are unknown, or a cache gave them."""
    if usage is None or usage["unknown"] or usage.get("cached"):
        return None
    return usage["output_tokens"]


def is_token_count(value: object) -> TypeGuard[int]:
    """Return whether a value is a number of tokens that calls can take, NumPy's integers too."""
    is_whole = isinstance(value, Integral) and not isinstance(value, bool)
    return is_whole and 0 <= value < _IMPOSSIBLE_TOKENS  # type: ignore[operator]


def no_usage() -> Usage:
    """Return the usage of no calls: the zero of `add_usage`."""
    return Usage(calls=0, input_tokens=0, output_tokens=0, unknown=0)


def add_usage(left: Usage | None, right: Usage | None) -> Usage:
    """Return the sum of two usages as a new dictionary; None counts as nothing."""
    left, right = left or no_usage(), right or no_usage()
    total = Usage(
        calls=left["calls"] + right["calls"],
        input_tokens=left["input_tokens"] + right["input_tokens"],
        output_tokens=left["output_tokens"] + right["output_tokens"],
        unknown=left["unknown"] + right["unknown"],
    )
    if unscored := left.get("unscored", 0) + right.get("unscored", 0):
        total["unscored"] = unscored
    if unseen := left.get("unseen", 0) + right.get("unseen", 0):
        total["unseen"] = unseen
    if cached := left.get("cached", 0) + right.get("cached", 0):
        total["cached"] = cached
    return total


class AttemptEvent(TypedDict):
    """An attempt has been verified.

    Attributes:
        type: `attempt`.
        index: Its index among the attempts at the question.
        attempt: The attempt, with its score and feedback.
        question: The question.
        criteria: The verdicts on single criteria, where the verifier judges by several.
    """

    type: Literal["attempt"]
    index: int
    attempt: Attempt
    question: str
    criteria: NotRequired[list[CriterionVerdict]]


class DecisionEvent(TypedDict):
    """It has been decided what to do next.

    Attributes:
        type: `decision`.
        decision: The decision.
        question: The question.
    """

    type: Literal["decision"]
    decision: Decision
    question: str


class BudgetEvent(TypedDict):
    """The budget does not allow the next call.

    Attributes:
        type: `budget`.
        node: The node whose call is skipped.
        error: What is used up.
        question: The question.
    """

    type: Literal["budget"]
    node: str
    error: str
    question: str


ErrorEvent = TypedDict(
    "ErrorEvent",
    {"type": Literal["error"], "node": str, "error": str, "try": int, "question": str},
)
"""A call of a `node` has failed with an `error`; `try` is 1 at first, and rises with each retry."""

Event = AttemptEvent | DecisionEvent | BudgetEvent | ErrorEvent
"""What `stream_mode="custom"` emits of a loop."""


class MarkovScaleDeprecationWarning(DeprecationWarning):
    """A name or parameter of this package works for one release more; the message has the new one.

    A category of its own, so that a test suite can tell our deprecations from other packages'.
    """


class ArgumentError(ValueError):
    """An argument that cannot be used.

    The argument's name is an attribute, for callers that have another name for it: the command line
    puts its option in place of it.

    Attributes:
        name: The argument's name, with which the message begins.
        problem: The rest of the message: what it must be, the value and the remedy.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name, self.problem = name, problem

    def __str__(self) -> str:
        return f"{self.name} {self.problem}"
