"""What readers of other people's logs have in common: samples, and traces made of them.

A sample is what a log has of one question, once: an answer, or an answer and its revisions. Samples
of the same question are fresh draws of one trace.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from langchain_markovscale._text import valid
from langchain_markovscale.answers.keys import AnswerKey
from langchain_markovscale.display.wording import counted
from langchain_markovscale.traces.conversations import Answer, Asked, attempts_of, questions_in
from langchain_markovscale.traces.labels import is_blank, is_label, label_of, score_of
from langchain_markovscale.traces.messages import (
    Message,
    is_message,
    read_messages,
    text_of,
    tokens_in,
)
from langchain_markovscale.traces.text_files import parsed
from langchain_markovscale.traces.trace import LabelledAttempt, Trace
from langchain_markovscale.types import Usage, usage_of

NO_QUESTION = "without a question"
NO_ANSWER = "without an answer"
FAILED = "that ended with an error"


RIGHT_NAMES = (
    *("correct", "correctness", "is_correct", "exact_match", "accuracy", "acc", "pass", "passed"),
    *("pass@1", "right", "label", "qa", "cot_qa", "match", "success", "outcome", "result", "grade"),
)
"""What logs call the measure that says whether an answer is right."""

SCORE_NAMES = (
    *("score", "verifier_score", "verifier", "judge_score", "judge", "verdict", "confidence"),
    *("probability", "p_correct", "p_true", "reward"),
)
"""What logs call a verifier's score."""

_MOST_WRAPPERS = 4
_CONVERSATIONS = ("messages", "chat_history", "input", "history")
_QUESTION_NAMES = ("messages", "chat_history", "question", "query", "input", "prompt", "text")
_OUTPUT_NAMES = (
    *("messages", "output", "answer", "response", "completion", "result", "text", "content"),
    *("generations", "generation", "message", "choices", "prediction", "final_answer", "reply"),
)
_REFERENCE_NAMES = ("answer", "output", "expected", "reference", "ideal", "target", "label")


class Sample(NamedTuple):
    """What a log has of one question, once.

    Attributes:
        question: The question.
        answers: A fresh draw and its revisions; empty where the question was only asked.
        name: The question's name in the log; those of the same name and words are one question.
        reference: The right answer, where it is known.
        attempts: Instead of answers, the attempts of a loop that kept them.
    """

    question: str
    answers: Sequence[Answer]
    name: str | None = None
    reference: str | None = None
    attempts: Sequence[LabelledAttempt] = ()


class Notes:
    """What a reader does not pass on, and why: nothing of a log is dropped in silence.

    Attributes:
        records: How many records there were.
        skipped: How many of them were not read, by the reason.
        measures: The names of all measures of answers.
        remarks: What else there is to complain of.
        told: How it was read.
    """

    def __init__(self) -> None:
        self.records = 0
        self.measures: set[str] = set()
        self.skipped: Counter[str] = Counter()
        self.remarks: list[str] = []
        self.told: list[str] = []

    def skip(self, reason: str) -> None:
        """Count a record that is not read."""
        self.skipped[reason] += 1

    def remark(self, text: str) -> None:
        """Keep a sentence, once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def tell(self, text: str) -> None:
        """Keep a sentence about how something was read, once."""
        if text not in self.told:
            self.told.append(text)

    def complaint(self) -> str:
        """Return what was skipped and the remarks, in sentences; empty where there are none."""
        sentences = list(self.remarks)
        if self.skipped:
            reasons = ", ".join(f"{many} {why}" for why, many in self.skipped.most_common())
            of = counted(self.records, "record")
            sentences.insert(0, f"{self.skipped.total()} of {of} skipped: {reasons}.")
        return " ".join(sentences)


class Fields(NamedTuple):
    """Which measures of a log to take.

    Attributes:
        label: The one that says whether an answer is right; None for the usual ones.
        score: The one that is a verifier's score; None for those of no other use.
    """

    label: str | None = None
    score: str | None = None


def traces_of(samples: Iterable[Sample], answer_key: AnswerKey | None) -> list[Trace]:
    """Return samples as traces, one a question, in order of first appearance.

    Args:
        samples: The samples.
        answer_key: Makes the keys of answers; None where they have none.
    """
    traces: dict[tuple[str | None, str], Trace] = {}
    names: Counter[str] = Counter()
    for sample in samples:
        question = valid(sample.question)
        which = (sample.name, question)
        if which not in traces:
            name = valid(sample.name or "") or f"question {len(traces) + 1}"
            names[name] += 1
            traces[which] = {
                "id": name if names[name] == 1 else f"{name} ({names[name]})",
                "question": question,
                "attempts": [],
                "reference": None,
                "features": None,
                "metadata": {},
            }
        trace = traces[which]
        if trace["reference"] is None and sample.reference is not None:
            trace["reference"] = valid(sample.reference)
        before = len(trace["attempts"])
        trace["attempts"] += attempts_of(sample.answers, answer_key, trace["attempts"])
        for attempt in sample.attempts:
            parent = attempt["parent"]
            moved = {**attempt, "parent": None if parent is None else parent + before}
            trace["attempts"].append(cast("LabelledAttempt", moved))
    return list(traces.values())


def judged(
    found: Mapping[str, Any], fields: Fields, notes: Notes
) -> tuple[bool | None, float | None]:
    """Return whether an answer is right and what a verifier says of it, as far as measures say.

    Args:
        found: The measures of an answer by name.
        fields: Which to take. By default the label is the first of the usual names that says right
            or wrong, or else the only measure that does; and a score needs a name of a verifier,
            because a measure that knows the reference is no verifier.
        notes: Where the names are kept, and what was chosen among several.
    """
    notes.measures |= set(found)
    label, score = fields
    if label is None:
        label = _usual_label(found, notes) or _only_label(found, notes)
    if score is None:
        score = _usual(SCORE_NAMES, dict.fromkeys(each for each in found if each != label))
    return (
        None if label is None else label_of(found.get(label)),
        None if score is None else score_of(found.get(score)),
    )


def _usual(names: Sequence[str], found: Mapping[str, Any]) -> str | None:
    """Return the measure that has the first of some names and is a label."""
    labels = {folded(name): name for name, value in found.items() if is_label(value)}
    return next((labels[name] for name in names if name in labels), None)


def _usual_label(found: Mapping[str, Any], notes: Notes) -> str | None:
    label = _usual(RIGHT_NAMES, found)
    others = sorted(name for name in _labels(found) if name != label)
    if label is not None and others:
        notes.tell(f"Labels are those of {label}; there are also {', '.join(others)}.")
    return label


def _only_label(found: Mapping[str, Any], notes: Notes) -> str | None:
    labels = _labels(found)
    if len(labels) > 1:
        notes.remark(
            f"Several measures could say what is right ({', '.join(sorted(labels))}), so that none "
            "was taken: name one as label."
        )
    return labels[0] if len(labels) == 1 else None


def _labels(found: Mapping[str, Any]) -> list[str]:
    return [name for name, value in found.items() if is_label(value) and not is_blank(value)]


def asked_in(value: Any) -> list[Asked]:
    """Return the questions in what a log calls its input: a text, messages, or fields with one.

    Returns:
        Questions with the answers that are there already; empty where there is no question.
    """
    value = _only_part(value)
    if isinstance(value, str):
        return [Asked(value, [])] if value.strip() else []
    if messages := messages_in(value):
        return questions_in(messages)
    if isinstance(value, Mapping):
        for name in _QUESTION_NAMES:
            if name in value and (found := asked_in(value[name])):
                return found
        texts = [f"{name}: {part}" for name, part in value.items() if _is_plain(part)]
        return [Asked("\n".join(texts), [])] if texts else []
    return []


def reply_in(value: Any) -> Message | None:
    """Return the last that is said in what a log calls its output; None where nothing is."""
    value = _only_part(value)
    if isinstance(value, str):
        return Message("assistant", valid(value), content=value) if value.strip() else None
    if isinstance(value, (int, float)):
        return Message("assistant", str(value))
    if messages := messages_in(value):
        said = [each for each in messages if each.role == "assistant"]
        return said[-1] if said else None
    if isinstance(value, Mapping):
        for name in _OUTPUT_NAMES:
            if name in value and (found := reply_in(value[name])) is not None:
                return found
    return None


def conversation_in(value: Any) -> list[Message]:
    """Return the messages in what a log calls its input or output, in a field or alone."""
    value = _only_part(value)
    if isinstance(value, list) and value and all(isinstance(each, list) for each in value):
        value = value[0]  # a batch of one
    if isinstance(value, Mapping) and not is_message(value):
        value = next((value[name] for name in _CONVERSATIONS if value.get(name)), None)
        return conversation_in(value) if isinstance(value, (list, str)) else []
    return messages_in(value) if isinstance(value, list) or is_message(value) else []


def messages_in(value: Any) -> list[Message]:
    """Return a conversation, or an empty list where a value is none."""
    parts = value if isinstance(value, list) else [value]
    return read_messages(parts) if parts and all(map(is_message, parts)) else []


def plain_text(value: Any) -> str | None:
    """Return a reference as text; None where it is no one text."""
    value = _only_part(value)
    if isinstance(value, Mapping):
        if is_message(value):
            return text_of(value.get("content")) or None
        names = [name for name in _REFERENCE_NAMES if _is_plain(value.get(name))]
        value = value[names[0]] if names else None
    return valid(str(value)) if _is_plain(value) else None


def name_in(value: Any) -> str | None:
    """Return the name of a question, where a log has one."""
    return str(value) if type(value) in (str, int) and value != "" else None


def reported_usage(*places: Any) -> Usage | None:
    """Return one call with the tokens of the first place that has them; None where none has."""
    tokens = tokens_in(*places)
    return None if tokens is None else usage_of(Message("assistant", "", usage_metadata=tokens))


def _only_part(value: Any) -> Any:
    """Return what a value is about: parsed where it is JSON in a text, the part of a single one."""
    if isinstance(value, str):
        value = parsed(value)
    for _ in range(_MOST_WRAPPERS):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, Mapping) and len(value) == 1 and not is_message(value):
            value = next(iter(value.values()))
        else:
            break
    return value


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float)) and value != ""


def folded(name: str) -> str:
    """Return a name of a column or measure without its case, spaces and hyphens."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")
