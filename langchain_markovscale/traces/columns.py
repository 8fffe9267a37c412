"""What the columns of somebody else's table are, by their names and by what stands in them.

A wide table has a row for a chain of revisions and a column for a round; a long one has a row for
an answer. What was taken for what, and which columns were not read, is always said.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from langchain_markovscale.traces.conversations import Answer
from langchain_markovscale.traces.labels import graded, is_blank, is_label, score_of
from langchain_markovscale.traces.log_values import plain_text, reported_usage
from langchain_markovscale.traces.messages import Message
from langchain_markovscale.traces.samples import (
    NO_ANSWER,
    NO_QUESTION,
    RIGHT_NAMES,
    SCORE_NAMES,
    Fields,
    Notes,
    Sample,
    folded,
    judged,
    usual_measures,
)

_NAMES: dict[str, tuple[str, ...]] = {
    "name": (
        *("id", "question_id", "qid", "task_id", "problem_id", "sample_id", "doc_id", "item_id"),
        *("example_id", "item", "task", "case", "example", "key"),
    ),
    "question": (
        *("question", "question_text", "problem", "prompt", "input", "query", "instruction"),
        *("frage", "aufgabe", "pregunta", "domanda", "pergunta", "vraag", "вопрос", "问题", "質問"),
    ),
    "answer": (
        *("response", "model_answer", "model_output", "output", "completion", "prediction"),
        *("generation", "candidate", "draft", "reply", "attempt_text", "answer_text"),
        *("generated_text", "model_response", "final_answer", "answer"),
        *("antwort", "réponse", "respuesta", "risposta", "resposta", "antwoord", "ответ", "回答"),
    ),
    "reference": (
        *("reference", "expected", "target", "ideal", "gold", "ground_truth", "reference_answer"),
        *("expected_output", "correct_answer", "expected_answer", "solution", "answer"),
    ),
    "start": ("start", "fresh_start", "draw", "sample", "epoch", "run", "seed", "trial", "repeat"),
    "round": ("round", "revision", "iteration", "turn", "step", "depth", "attempt", "try"),
    "feedback": ("feedback", "critique", "comment"),
    "reads": ("input_tokens", "prompt_tokens"),
    "writes": ("output_tokens", "completion_tokens", "tokens_written", "tokens"),
}
_WORDS_FOR_SCORES = ("score", "confidence", "probab", "judge", "verifier", "reward")
_NOTHING = ("", "nan", "n/a", "#n/a", "<na>", "null")
_INDEXES = ("", "index", "unnamed:_0", "no", "nr", "#", "level_0")

Cells = Mapping[str, Any]


class Wide(NamedTuple):
    """The columns of a wide table, as `traces_from_table` takes them."""

    rounds: list[str]
    question: str | None
    start: str | None
    scores: list[str] | None


Long = dict[str, str]
"""The columns of a long table by what they hold: a name, a question, an answer and so on."""


def columns_of(
    header: Sequence[str], rows: Sequence[Cells], fields: Fields, notes: Notes
) -> Wide | Long:
    """Return what the columns of a table are.

    Args:
        header: Their names.
        rows: The rows.
        fields: The columns with the label and the score, where they are known.
        notes: Where it is remarked on what is not clear.

    Raises:
        ValueError: If there is no column of a name that is given, or none says anything of an
            answer.
    """
    for argument, name in fields._asdict().items():
        if name is not None and name not in header:
            raise ValueError(
                f"{argument} must name a column of the table, got {name!r}: it has "
                f"{', '.join(header)}."
            )
    named = _by_name(name for name in header if name not in fields)
    if holds_answers(header) or ("round" in named and any(fields)):
        return named
    return _wide(named, header, rows, fields, notes)


def holds_answers(header: Iterable[str]) -> bool:
    """Return whether records with these fields are about one answer each.

    Questions with an `answer` alone have references, not somebody's answers.
    """
    names = {folded(name) for name in header}
    judged_by = names & {*RIGHT_NAMES, *SCORE_NAMES}
    rounds = names & {*_NAMES["round"]}
    return bool(
        names & ({*_NAMES["answer"]} - {"answer"})
        or ("answer" in names and (judged_by or rounds))
        or (rounds and judged_by)
    )


def names_a_question(header: Iterable[str]) -> bool:
    """Return whether records with these fields name or ask a question."""
    return bool({folded(name) for name in header} & {*_NAMES["name"], *_NAMES["question"]})


def samples_of_rows(
    rows: Sequence[Cells], columns: Long, fields: Fields, notes: Notes
) -> Iterator[Sample]:
    """Yield the samples of a long table.

    Rows of one question are fresh draws of it, or with a column that numbers rounds, a chain of
    revisions that begins anew where the number does not rise.
    """
    notes.records = len(rows)
    chains: dict[tuple[Any, ...], list[tuple[float, Answer]]] = {}
    latest: dict[tuple[Any, ...], int] = {}
    asked: dict[tuple[Any, ...], dict[str, Any]] = {}
    used = set(columns.values())
    _remark_on_words(rows, used, notes)
    for number, row in enumerate(rows):
        cell = {kind: row.get(name) for kind, name in columns.items()}
        question, text = _text(cell.get("question")), _text(cell.get("answer"))
        measures = {name: each for name, each in row.items() if name not in used}
        correct, score = judged(usual_measures(measures, fields), fields, notes)
        if not question and not _text(cell.get("name")) and ("question" in cell or "name" in cell):
            notes.skip(NO_QUESTION)
        elif not text and correct is None and score is None:
            notes.skip(NO_ANSWER)
        else:
            asked_as = (_text(cell.get("name")), question)
            which = (*asked_as, _text(cell.get("start")), -1 if any(asked_as) else number)
            depth = _number(cell.get("round"))
            earlier = chains.get((*which, latest.get(which, 0)))
            if earlier and (depth is None or earlier[-1][0] >= depth):
                latest[which] = latest.get(which, 0) + 1
            reads, writes = _count(cell.get("reads")), _count(cell.get("writes"))
            answer = Answer(
                Message("assistant", text, content=text),
                _text(cell.get("feedback")) or None,
                score,
                correct,
                reported_usage({"input_tokens": reads, "output_tokens": writes}),
                writes,
            )
            chain = (*which, latest.get(which, 0))
            chains.setdefault(chain, []).append((0.0 if depth is None else depth, answer))
            asked.setdefault(chain, cell)
    for chain, answers in chains.items():
        cell = asked[chain]
        name, question = _text(cell.get("name")), _text(cell.get("question"))
        reference = plain_text(cell.get("reference"))
        yield Sample(question or name, [answer for _, answer in answers], name or None, reference)


def _remark_on_words(rows: Sequence[Cells], taken: Collection[str], notes: Notes) -> None:
    """Name the columns whose cells are words that say neither right nor wrong."""
    for name in dict.fromkeys(name for row in rows for name in row if name not in taken):
        cells = [row.get(name) for row in rows if folded(name) in (*RIGHT_NAMES, *SCORE_NAMES)]
        odd = [each for each in cells if not is_label(each) and score_of(each) is None]
        if words := [each for each in odd if graded(each) is None]:
            notes.remark(
                f"Cells of the column {name} are neither right nor wrong, nor scores, such as "
                f"{str(words[0])!r:.40}: their answers have none."
            )


def unread(header: Iterable[str], columns: Wide | Long, fields: Fields) -> list[str]:
    """Return the columns that are not read."""
    if isinstance(columns, Wide):
        taken = {*columns.rounds, columns.question, columns.start, *(columns.scores or ())}
        usual: tuple[str, ...] = _INDEXES
    else:
        taken = set(columns.values())
        usual = (*_INDEXES, *RIGHT_NAMES, *SCORE_NAMES)
    return [
        name
        for name in header
        if name not in taken and name not in fields and folded(name) not in usual
    ]


def odd_cells(cells: Sequence[Any]) -> list[int]:
    """Return the places of the cells for which a column of right and wrong cannot be read.

    None where right and wrong are not what most of its cells say: it is about something else.
    """
    odd = [place for place, cell in enumerate(cells) if not is_label(cell)]
    labels = sum(is_label(cell) and not is_blank(cell) for cell in cells)
    return odd if len(odd) < labels else []


def _by_name(header: Iterable[str]) -> dict[str, str]:
    """Return the columns with usual names by what they hold."""
    by_name = {folded(name): name for name in header}
    found = {
        kind: next(by_name[name] for name in names if name in by_name)
        for kind, names in _NAMES.items()
        if any(name in by_name for name in names)
    }
    if found.get("answer") == found.get("reference") and "answer" in found:
        del found["reference"]
    return found


def _wide(
    named: Mapping[str, str],
    header: Sequence[str],
    rows: Sequence[Cells],
    fields: Fields,
    notes: Notes,
) -> Wide:
    question, start = named.get("name", named.get("question")), named.get("start")
    others = [
        name
        for name in header
        if name not in (question, start, named.get("question"), named.get("reference"))
        and folded(name) not in (*_INDEXES, "answer")
    ]
    cells = {name: [row.get(name) for row in rows] for name in others}
    scores = [name for name in others if _is_of_scores(name) and _holds_scores(cells[name])]
    rounds = [name for name in others if name not in scores and _holds_labels(cells[name])]
    if not rounds and not scores and cells and all(map(_holds_scores, cells.values())):
        scores = others  # nothing else could be meant
    if fields.label is not None:
        rounds = [fields.label]
    if fields.score is not None:
        scores = [fields.score]
    if not rounds and not scores and "question" in named:
        raise ValueError(
            f"these look like questions without answers ({', '.join(header)}), which `markovscale "
            "record` asks; answers stand in a column such as response, what is right in correct."
        )
    if not rounds and not scores:
        raise ValueError(
            f"no column of the table ({', '.join(header)}) says which answers are right, nor has "
            "scores in [0, 1]: a cell must be 1 or 0, C or I, pass or fail, yes or no, ✓ or ✗, or "
            "blank."
        )
    return Wide(rounds, question, start, _paired(scores, rounds, notes))


def _paired(scores: list[str], rounds: list[str], notes: Notes) -> list[str] | None:
    """Return the columns of scores in the order of the rounds; None where that is not clear."""
    if not rounds or not scores:
        return scores or None
    if len(scores) == len(rounds):
        by_round = [[each for each in scores if folded(name) in folded(each)] for name in rounds]
        alone = all(len(each) == 1 for each in by_round)
        return [each[0] for each in by_round] if alone else scores
    notes.remark(
        f"Scores were not read, because {', '.join(scores)} could be about any of the rounds "
        f"{', '.join(rounds)}: traces_from_table(rounds=[…], scores=[…]) says about which."
    )
    return None


def _holds_labels(cells: Sequence[Any]) -> bool:
    return all(map(is_label, cells)) and not all(map(is_blank, cells))


def _holds_scores(cells: Sequence[Any]) -> bool:
    known = [cell for cell in cells if not is_blank(cell)]
    return bool(known) and all(score_of(cell) is not None for cell in known)


def _is_of_scores(name: str) -> bool:
    return any(word in folded(name) for word in _WORDS_FOR_SCORES)


def _text(cell: Any) -> str:
    text = "" if cell is None else str(cell).strip()
    return "" if text.lower() in _NOTHING else text


def _number(cell: Any) -> float | None:
    digits = "".join(each for each in _text(cell) if each.isdecimal() or each == ".")
    try:
        return float(digits)
    except ValueError:
        return None


def _count(cell: Any) -> int | None:
    text = _text(cell)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
