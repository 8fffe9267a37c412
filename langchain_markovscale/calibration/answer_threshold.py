"""How alike answers must be to be the same, learnt from labelled traces.

Of two answers to one question that are both right it is known that they should have one key, of a
right and a wrong one that they should not; of two wrong ones nothing is known. Only pairs count
that the key leaves to its model, each pair of texts once a question.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from scipy.stats import beta

from langchain_markovscale.answers.semantics import SemanticKey
from langchain_markovscale.answers.text_models import CrossEncoderLike, EmbeddingsLike
from langchain_markovscale.display.wording import counted, percent
from langchain_markovscale.traces.checks import checked
from langchain_markovscale.traces.trace import Trace
from langchain_markovscale.types import ArgumentError

_TRIED = 10  # thresholds


class SemanticFit(NamedTuple):
    """A key with the threshold that was chosen for it, and what it does on the traces.

    Attributes:
        key: The key, for `answer_key=`.
        pairs: How many pairs of answers the model had to decide.
        joined: How many of them are as alike as the threshold.
        wrong: How many of those are of a right and a wrong answer.
        at_least: Lower confidence bound of the share of joined pairs that should be joined.
        recall: The share of pairs of right answers that are joined.
    """

    key: SemanticKey
    pairs: int
    joined: int
    wrong: int
    at_least: float
    recall: float

    def __str__(self) -> str:
        return (
            f"From a likeness of {self.key.threshold:.3g} on, {self.joined} of "
            f"{counted(self.pairs, 'pair')} of answers are joined, {self.wrong} of them wrongly; "
            f"at least {percent(self.at_least)} are rightly joined, at the confidence asked for. "
            f"Of the pairs that should be joined, {percent(self.recall)} are."
        )


class _Pair(NamedTuple):
    """Two answers to one question.

    Attributes:
        likeness: How alike they are to the model.
        same: Whether both are right.
    """

    likeness: float
    same: bool


def fit_semantic_key(
    traces: Iterable[Trace],
    *,
    embeddings: EmbeddingsLike | str | None = None,
    entailment: CrossEncoderLike | str | None = None,
    revision: str | None = None,
    precision: float = 0.95,
    confidence: float = 0.95,
) -> SemanticFit:
    r"""Choose the threshold of a `SemanticKey` on labelled traces.

    It is the lowest of ten thresholds, at the deciles of the likeness of all pairs, for which the
    precision is shown: of n pairs that are as alike, r of two right answers, the exact lower bound
    (Clopper and Pearson, 1934) of r/n,

        B⁻¹(α/10; r, n − r + 1),   α = 1 − confidence,

    with B⁻¹ the quantile of the beta distribution, is at least the precision asked for. Dividing α
    by ten (Bonferroni) makes the bound hold for whichever is chosen, as far as pairs are
    independent; those of one question are not quite, so many questions are worth more than many
    attempts at few.

    Args:
        traces: Traces with labels, such as of `read_traces(path)`; their keys are not used.
        embeddings: As for `SemanticKey`.
        entailment: As for `SemanticKey`.
        revision: As for `SemanticKey`.
        precision: The share of joined pairs that should be joined, in (0, 1).
        confidence: How surely, in (0, 1).

    Returns:
        The key, and how well it does.

    Raises:
        ValueError: If the traces show it for no threshold, or a number is out of range.
        TypeError: If a model is of no accepted type.
        ModuleNotFoundError: If a model is given by name and the extra `nli` is not installed.
        OSError: If there is no model of that name, or it cannot be fetched.
    """
    for name, value in (("precision", precision), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ArgumentError(name, f"must be between 0 and 1, such as .95, got {value!r}.")
    key = SemanticKey(embeddings, entailment=entailment, threshold=1.0, revision=revision)
    pairs = sorted(
        (pair for trace in traces for pair in _pairs(trace, key)),
        key=lambda pair: pair.likeness,
        reverse=True,
    )
    best: SemanticFit | None = None
    wanted = sum(pair.same for pair in pairs)
    for threshold in _deciles(pairs):
        joined = [pair for pair in pairs if pair.likeness >= threshold]
        right = sum(pair.same for pair in joined)
        wrong = len(joined) - right
        bound = float(beta.ppf((1 - confidence) / _TRIED, right, wrong + 1)) if right else 0.0
        if bound >= precision and (best is None or len(joined) > best.joined):
            chosen = key.with_threshold(threshold)
            best = SemanticFit(chosen, len(pairs), len(joined), wrong, bound, right / wanted)
    if best is None:
        raise ArgumentError(
            "traces",
            f"show for no threshold that {percent(precision)} of the joined answers should be "
            f"joined: the model has {counted(len(pairs), 'pair')} to decide, {wanted} of two right "
            "answers. Record more questions, or ask for a lower precision or confidence.",
        )
    return best


def _pairs(trace: Trace, key: SemanticKey) -> Iterator[_Pair]:
    labels: dict[str, set[bool]] = {}
    for attempt in checked(trace)["attempts"]:
        label = attempt.get("correct")
        text = key(attempt["text"]) if label is not None else None
        if text is not None:
            labels.setdefault(text, set()).add(label)
    sure = {text: both.pop() for text, both in labels.items() if len(both) == 1}
    for (one, right), (other, also) in combinations(sure.items(), 2):
        if (right or also) and key.decided(one, other) is None:
            yield _Pair(key.likeness(one, other), right and also)


def _deciles(pairs: Sequence[_Pair]) -> set[float]:
    """Return the likeness of every tenth of the pairs, which are in falling order."""
    count = len(pairs)
    ranks = {-(-count * tenth // _TRIED) for tenth in range(1, _TRIED + 1)} - {0}
    found = {min(pairs[rank - 1].likeness, 1.0) for rank in ranks}
    return {likeness for likeness in found if likeness > 0}
