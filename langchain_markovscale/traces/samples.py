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
from langchain_markovscale.traces.conversations import Answer, attempts_of
from langchain_markovscale.traces.labels import graded, is_blank, is_label, label_of, score_of
from langchain_markovscale.traces.trace import LabelledAttempt, Trace

NO_QUESTION = "without a question"
NO_ANSWER = "without an answer"
FAILED = "that ended with an error"

RIGHT_NAMES = (
    *("correct", "correctness", "is_correct", "exact_match", "accuracy", "acc", "pass", "passed"),
    *("pass@1", "right", "label", "qa", "cot_qa", "match", "success", "outcome", "result", "grade"),
    *("richtig", "korrekt", "correcto", "correto", "corretto", "верно", "正确", "正解"),
)
"""What logs call the measure that says whether an answer is right."""

SCORE_NAMES = (
    *("score", "verifier_score", "verifier", "judge_score", "judge", "verdict", "confidence"),
    *("probability", "p_correct", "p_true", "reward"),
)
"""What logs call a verifier's score."""


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
        beyond: Measures with numbers outside [0, 1], with one of them.
        graded: Measures with numbers between 0 and 1.
        labels: Measures that were taken for labels.
        scores: Measures that were taken for scores.
        remarks: What else there is to complain of.
        told: How it was read.

    Args:
        first: The notes of a first reading, which knows of all records what measures say.
    """

    def __init__(self, first: "Notes | None" = None) -> None:
        self.first = first
        self.beyond: dict[str, Any] = {}
        self.graded: set[str] = set()
        self.labels: set[str | None] = set()
        self.scores: set[str | None] = set()
        self.records = 0
        self.measures: set[str] = set()
        self.skipped: Counter[str] = Counter()
        self.remarks: list[str] = []
        self.told: list[str] = []

    def skip(self, reason: str) -> None:
        """Count a record that is not read."""
        self.skipped[reason] += 1

    def measure(self, found: Mapping[str, Any]) -> None:
        """Keep what there is of measures."""
        self.measures |= set(found)
        numbers = {name: graded(value) for name, value in found.items()}
        self.beyond.update(
            {n: found[n] for n, each in numbers.items() if each and not 0 < each < 1}
        )
        self.graded.update(n for n, each in numbers.items() if each and 0 < each < 1)

    def read_again(self) -> "Notes | None":
        """Return the notes of a second reading; None where measures have said all they mean."""
        unclear = [name for name in self.beyond if name in self.labels | self.scores]
        if not unclear and not self.graded & self.labels:
            return None
        notes = Notes(self)
        for name in unclear:
            notes.remark(
                f"{name} was not read, because of values such as {str(self.beyond[name])!r:.40}, "
                "which is no number in [0, 1] and names no scale: 0.8, 80% and 4/5 do."
            )
        return notes

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
    notes.measure(found)
    label, score = fields
    labels = found
    if notes.first is not None:
        # Where one value is 4 or 0.7, another one of 1 does not mean right.
        found = {name: value for name, value in found.items() if name not in notes.first.beyond}
        labels = {
            name: value
            for name, value in found.items()
            if name not in notes.first.graded or folded(name) in RIGHT_NAMES
        }
    if label is None:
        label = _usual_label(labels, notes) or _only_label(labels, notes)
    if score is None:
        score = _usual(SCORE_NAMES, dict.fromkeys(each for each in found if each != label))
    notes.labels.add(label)
    notes.scores.add(score)
    return (
        None if label is None else label_of(found.get(label)),
        None if score is None else score_of(found.get(score)),
    )


def usual_measures(found: Mapping[str, Any], fields: Fields) -> dict[str, Any]:
    """Return the fields of a record that are measures: those of usual or given names."""
    usual = (*RIGHT_NAMES, *SCORE_NAMES)
    return {name: value for name, value in found.items() if folded(name) in usual or name in fields}


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


def folded(name: str) -> str:
    """Return a name of a column or measure without its case, spaces and hyphens."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")
