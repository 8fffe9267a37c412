"""Feedback on runs: thumbs and scores that users gave, as tracing services export them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from langchain_markovscale.traces.exchanges import either, value_of_score
from langchain_markovscale.traces.labels import label_of
from langchain_markovscale.traces.samples import folded

_THUMBS = (
    *("user_score", "user_feedback", "thumbs_up", "thumb_up", "thumbs", "thumb", "upvote", "like"),
    *("liked", "feedback"),
)
_THUMBS_DOWN = ("thumbs_down", "thumb_down", "downvote", "dislike", "disliked")
_UP = ("up", "thumbs_up", "thumb_up", "thumbsup", "upvote", "positive", "good", "like", "liked")
_DOWN = (
    *("down", "thumbs_down", "thumb_down", "thumbsdown", "downvote", "negative", "bad", "dislike"),
    "disliked",
)
_MINUS_ONE = (-1, "-1", "-1.0")
_WORDS = {**dict.fromkeys(_UP, True), **dict.fromkeys(_DOWN, False)}


class Feedback(NamedTuple):
    """What was said of a run.

    Attributes:
        run: The run's id.
        key: What the feedback is called.
        value: What was said.
    """

    run: str
    key: str
    value: Any


def is_thumb(key: str) -> bool:
    """Return whether a feedback is called as the thumbs of users usually are."""
    return folded(key) in (*_THUMBS, *_THUMBS_DOWN)


def thumb(feedback: Feedback) -> bool | None:
    """Return whether a feedback says that an answer is right; None where it says neither.

    A score of 1 or 0, of 1 or −1, a word such as `up`, and a mark such as 👎 are thumbs. That a
    `thumbs_down` is not there says nothing.
    """
    word = folded(str(feedback.value))
    given = _WORDS.get(word, label_of(feedback.value))
    if feedback.value in _MINUS_ONE:
        given = False
    if folded(feedback.key) in _THUMBS_DOWN and word not in _WORDS:
        return False if given else None
    return given


def is_beyond_thumbs(value: Any) -> bool:
    """Return whether a value is of a longer scale, such as four stars."""
    try:
        return not -1 <= float(value) <= 1
    except (TypeError, ValueError):
        return False


def in_summary(run: str, key: str, summary: Mapping[str, Any]) -> Iterator[Feedback]:
    """Yield the feedback in LangSmith's summary of one key: its average, and words with counts."""
    words = summary.get("values")
    if isinstance(words, Mapping) and words:
        yield from (Feedback(run, key, word) for word in words)
        return
    average = summary.get("avg")
    differ = summary.get("stdev") or (summary.get("n") != 1 and average not in (0, 1, None))
    if differ and is_thumb(key) and not is_beyond_thumbs(average):  # some say 1 and some 0
        yield from (Feedback(run, key, value) for value in (1, 0))
    elif average is not None:
        yield Feedback(run, key, average)


def of_run(run: Any, given: Any) -> Iterator[Feedback]:
    """Yield feedback that stands with its run, in a list or by its names."""
    if isinstance(given, Mapping):
        named: Iterable[tuple[Any, Any]] = given.items()
    else:
        parts = [each for each in given or () if isinstance(each, Mapping)]
        named = [(either(each, "key", "name"), each) for each in parts]
    for key, value in named:
        for each in value if isinstance(value, list) else [value]:
            yield Feedback(str(run), str(key), value_of_score(each))
