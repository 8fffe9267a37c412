"""Labels from feedback: what users said of the answers that they got, joined by the run's id.

A thumb is about the answer that was returned. The other attempts of a run get no label from it,
except those with the same key, since equal keys are the same answer.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_markovscale._text import harmless
from langchain_markovscale.display.wording import counted, listed
from langchain_markovscale.recording.log_source import name_of_source, open_log
from langchain_markovscale.traces.appending import replace_traces
from langchain_markovscale.traces.langfuse_exports import is_langfuse, langfuse_feedback
from langchain_markovscale.traces.langsmith_runs import is_langsmith, langsmith_feedback
from langchain_markovscale.traces.messages import as_mapping
from langchain_markovscale.traces.provenance import RETURNED, RUN_ID
from langchain_markovscale.traces.run_feedback import Feedback, is_beyond_thumbs, is_thumb, thumb
from langchain_markovscale.traces.trace import LabelledAttempt, Trace, read_traces
from langchain_markovscale.types import ArgumentError

_SHOWN = 5


@dataclass(frozen=True)
class FeedbackLabels:
    """What `label_traces` has done.

    Attributes:
        keys: Names of the feedback that was taken.
        runs: How many runs got a label for what they returned.
        attempts: How many attempts that labelled: those returned, and those with the same key.
        contradictory: Ids of the runs about which users disagree; they got no label.
        labelled_otherwise: Ids of runs that had the opposite label before; they kept it.
        neither: How many times feedback said neither right nor wrong.
        elsewhere: About how many runs feedback was given that are not among the traces.
        taken_as_last: How many of the runs do not tell which attempt they returned, so that it was
            taken to be the last one.
    """

    keys: tuple[str, ...]
    runs: int
    attempts: int
    contradictory: tuple[str, ...]
    labelled_otherwise: tuple[str, ...]
    neither: int
    elsewhere: int
    taken_as_last: int

    def __str__(self) -> str:
        keys, runs = ", ".join(self.keys), counted(self.runs, "run")
        sentences = [
            f"Feedback ({keys}) on {runs} labelled {counted(self.attempts, 'answer')}: what was "
            "returned, and its equals."
            if self.runs
            else f"Feedback ({keys}) labelled no answer."
        ]
        if self.taken_as_last:
            sentences.append(
                f"{counted(self.taken_as_last, 'run does', 'runs do')} not tell which answer was "
                "returned; it was taken to be the last one."
            )
        if self.contradictory:
            sentences.append(
                f"{counted(len(self.contradictory), 'run')} got no label, because users disagree: "
                f"{_named(self.contradictory)}."
            )
        if self.labelled_otherwise:
            sentences.append(
                f"{counted(len(self.labelled_otherwise), 'run')} kept the label that was there and "
                f"says the opposite: {_named(self.labelled_otherwise)}."
            )
        if self.neither:
            times = counted(self.neither, "time")
            sentences.append(f"Feedback said neither right nor wrong {times}.")
        if self.elsewhere:
            others = counted(self.elsewhere, "other run", "other runs")
            sentences.append(f"There was feedback on {others}, which these traces do not have.")
        return harmless(" ".join(sentences))


def label_traces(
    traces: str | os.PathLike[str] | Sequence[Trace], feedback: Any, *, label: str | None = None
) -> FeedbackLabels:
    """Label answers by what users said of them, as LangSmith or Langfuse has kept it.

    Feedback is joined with traces by the run's id, which `watch` keeps. What it says is about the
    answer that the run returned: that attempt gets the label, and so do those of the same run with
    the same key, which are the same answer. The other attempts stay unlabelled, and
    `Calibration.fit` takes them so. Labels that are there already are kept.

    Example:
        runs = [trace["id"] for trace in read_traces("runs.jsonl")]
        label_traces("runs.jsonl", langsmith.Client().list_feedback(run_ids=runs))

    Args:
        traces: A file of traces, whose labels are written to it; or traces, which are changed.
        feedback: Objects of LangSmith's client (feedback, or runs with `feedback_stats`), of
            Langfuse's (scores or traces, of which the trace's id is that of the run, with or
            without hyphens), or a file of them: JSON, JSON Lines or CSV.
        label: The key of the feedback that says what is right; by default every usual name of a
            thumb, such as `user_score` or `thumbs_up`, or else the only one that has two values.

    Returns:
        What was labelled and what was not; it prints as sentences.

    Raises:
        ValueError: If there is no such feedback, or it is no thumb: a scale of five stars, say.
        OSError: If a file cannot be read or written.
    """
    given, outermost = _read(feedback)
    chosen = _chosen(given, label, name_of_source(feedback))
    if isinstance(traces, (str, os.PathLike)):
        every = list(read_traces(traces))
        changed, done = _labelled(every, chosen, outermost)
        if changed:
            replace_traces(traces, changed)
        return done
    return _labelled(traces, chosen, outermost)[1]


def returned_attempt(trace: Trace) -> int | None:
    """Return the number of the attempt that a watched run returned; None where it is not told."""
    index = trace.get("metadata", {}).get(RETURNED)
    return index if type(index) is int and 0 <= index < len(trace["attempts"]) else None


def set_label(trace: Trace, attempt: LabelledAttempt, correct: bool | None) -> int:
    """Label an answer and those of the same question with the same key; return how many."""
    equal = [
        each
        for each in trace["attempts"]
        if each is attempt or (each["key"] is not None and each["key"] == attempt["key"])
    ]
    for each in equal:
        each["correct"] = correct
    return len(equal)


def _read(feedback: Any) -> tuple[list[Feedback], Mapping[str, str]]:
    """Return feedback, and of runs the outermost one that they are part of."""
    log = open_log(feedback, "langsmith")
    values = [as_mapping(record.value) for record in log.records]
    if any(map(is_langfuse, values)) and not any(map(is_langsmith, values)):
        return list(langfuse_feedback(log.records)), {}
    found = langsmith_feedback(log.records)
    return found.given, found.outermost


def _chosen(given: Sequence[Feedback], label: str | None, source: str) -> list[Feedback]:
    """Return the feedback that says what is right."""
    names = sorted({each.key for each in given})
    if not names:
        raise ValueError(
            f"{source} has no feedback: give feedback or runs of LangSmith, or scores of Langfuse, "
            "such as list(client.list_feedback(run_ids=…)) as JSON."
        )
    if label is not None and label not in names:
        raise ArgumentError("label", f"must be one of {', '.join(names)}, got {label!r}.")
    wanted = [label] if label is not None else [name for name in names if is_thumb(name)]
    if not wanted:
        wanted = sorted({each.key for each in given if thumb(each) is not None})
        if len(wanted) != 1:
            problem = "several keys could say" if wanted else "no key has values that say"
            raise ArgumentError(
                "label",
                f"is missing, and {problem} what is right: name one of "
                f"{', '.join(wanted or names)}.",
            )
    chosen = [each for each in given if each.key in wanted]
    for each in chosen:
        if is_beyond_thumbs(each.value):
            raise ValueError(
                f"{source}: the feedback {each.key} has the value {each.value!r:.40}, and a thumb "
                "is 1 or 0: name another key as label, or write 1 and 0 in place of the scale."
            )
    return chosen


def _labelled(
    traces: Sequence[Trace], chosen: Sequence[Feedback], outermost: Mapping[str, str]
) -> tuple[list[Trace], FeedbackLabels]:
    by_run: dict[str, list[bool]] = defaultdict(list)
    neither = 0
    for each in chosen:
        said = thumb(each)
        if said is None:
            neither += 1
        else:
            by_run[_folded(each.run)].append(said)
    outer = {_folded(run): _folded(name) for run, name in outermost.items()}
    runs = Counter(outer.get(_run_of(trace)) for trace in traces)
    heard: set[str] = set()
    changed: list[Trace] = []
    disagree: list[str] = []
    otherwise: list[str] = []
    attempts = taken_as_last = 0
    for trace in traces:
        name = _run_of(trace)
        if name not in by_run and runs[outer.get(name)] == 1:
            name = outer[name]
        if name not in by_run or not trace["attempts"]:
            continue
        heard.add(name)
        if len(set(by_run[name])) > 1:
            disagree.append(trace["id"])
            continue
        index, correct = returned_attempt(trace), by_run[name][0]
        attempt = trace["attempts"][-1 if index is None else index]
        if attempt.get("correct") is None:
            attempts += set_label(trace, attempt, correct)
            taken_as_last += index is None and len(trace["attempts"]) > 1
            changed.append(trace)
        elif attempt["correct"] is not correct:
            otherwise.append(trace["id"])
    return changed, FeedbackLabels(
        keys=tuple(sorted({each.key for each in chosen})),
        runs=len(changed),
        attempts=attempts,
        contradictory=tuple(disagree),
        labelled_otherwise=tuple(otherwise),
        neither=neither,
        elsewhere=len(by_run.keys() - heard),
        taken_as_last=taken_as_last,
    )


def _run_of(trace: Trace) -> str:
    return _folded(str(trace.get("metadata", {}).get(RUN_ID) or trace["id"]))


def _folded(run: str) -> str:
    """Return a run's id as all services write it."""
    return run.replace("-", "").lower()


def _named(runs: Sequence[str]) -> str:
    more = len(runs) - _SHOWN
    return listed(runs) if more <= 0 else f"{', '.join(runs[:_SHOWN])} and {more} more"
