"""Keys of free text: answers that say the same in other words have one key (extra `nli`).

The key of an answer is its text, in one line. Two answers are the same if their canonical forms are
equal, or one is short and the other a sentence that gives it; where a number, a "not", a name or
the order of words tells them apart they are not; what remains a model decides. The later of two
equal answers takes the key of the earlier: the keys of a question are a clustering of its answers,
each cluster named by its first. That depends on nothing but the answers and their order, so that a
resumed run goes the same way.

Joining is not perfect. A wrong answer that is joined with another wrong one counts as a
coincidence, and a fit on traces with these keys finds as many coincidences as there are: κ rises
and the concentration θ = 1/κ − 1 falls, which makes agreement weaker evidence. Right answers that
are not joined agree less often than they should. So fit on traces that were recorded with the same
key, and its errors are in the rates.
"""

import re
from collections.abc import Iterable
from typing import Any

from langchain_markovscale.answers.particulars import differ, restates
from langchain_markovscale.answers.spelling import normalized_text
from langchain_markovscale.answers.text_models import (
    CrossEncoderLike,
    EmbeddingLikeness,
    EmbeddingsLike,
    EntailmentLikeness,
)
from langchain_markovscale.answers.thoughts import without_thoughts
from langchain_markovscale.types import ArgumentError, NoKey

_OTHER_SCRIPT = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")  # than Latin
DEFAULT_EMBEDDINGS = "sentence-transformers/all-MiniLM-L6-v2"
_THRESHOLD = 0.88
_MORE_LIKELY_THAN_NOT = 0.5
_LONGEST = 1_000  # characters; of longer texts the default model does not read the end
_LABEL = re.compile(
    r"\A[\W_]*(?:the )?(?:final |short |correct )?answer(?: is)?[ *_]{0,4}:[\s*_]*", re.IGNORECASE
)


class SemanticKey:
    """The key function `semantic`, for free text in English.

    By default it compares answers by the embeddings of all-MiniLM-L6-v2 (23 million parameters,
    some 15 ms an answer on one core), loaded from the hub; numbers, names, each "not" and the order
    of words are compared exactly. Of 150 pairs of answers that were held out when the threshold was
    chosen, it joined 30 of the 56 that say the same and one of the 94 others ("9 am", "9 pm": 97%
    rightly, with a 95% interval from 83% to 99.9%). That mistake was corrected, with others; of 100
    pairs written after that it joined 30 of the 40 that say the same and none of the 60 others (88%
    to 100%). The others were made to be confused. It finds answers in another order, in the
    passive, with abbreviations, or within a sentence, and few that are in quite other words.

    Numbers, letters and single words are compared by their canonical form alone, and so are answers
    of more than 1,000 characters, of which models do not read the end. Another model needs a
    threshold of its own, see `fit_semantic_key`.

    Example::

        create_markovscale_graph(model, verifier=None, answer_key="semantic", …)
        create_markovscale_graph(
            model, verifier=None, answer_key=SemanticKey(my_embeddings, threshold=0.9), …
        )

    Args:
        embeddings: LangChain's embeddings, or the name or folder of a model for
            `sentence_transformers.SentenceTransformer`.
        entailment: In place of embeddings, a cross-encoder that was trained on natural language
            inference, or its name or folder: two answers are alike as far as each entails the
            other.
        threshold: How alike two answers must be to be the same: the cosine of their embeddings, or
            the smaller probability of entailment. By default .88 for the default embeddings, which
            was chosen on 150 other pairs, and .5 for entailment, which was not measured.
        revision: Branch, tag or commit of a model that is given by its name, or of the default one.

    Raises:
        ValueError: If both models are given, the threshold is out of range, embeddings other than
            the default ones have none, or there is a revision of a model that is loaded already.
        TypeError: If a model is of no accepted type.
        ModuleNotFoundError: If a model is given by name and the extra `nli` is not installed.
        OSError: If there is no model of that name, or it cannot be fetched.
    """

    def __init__(
        self,
        embeddings: EmbeddingsLike | str | None = None,
        *,
        entailment: CrossEncoderLike | str | None = None,
        threshold: float | None = None,
        revision: str | None = None,
    ) -> None:
        if embeddings is not None and entailment is not None:
            raise ValueError(
                "embeddings and entailment are two models for one purpose: give one of them."
            )
        if threshold is None:
            threshold = _default_threshold(embeddings, entailment)
        if isinstance(threshold, bool) or not 0 < threshold <= 1:
            raise ArgumentError(
                "threshold",
                f"must be above 0 and at most 1, such as {_THRESHOLD}, got {threshold!r}.",
            )
        self.threshold = float(threshold)
        self.likeness: EmbeddingLikeness | EntailmentLikeness = (
            EmbeddingLikeness(DEFAULT_EMBEDDINGS if embeddings is None else embeddings, revision)
            if entailment is None
            else EntailmentLikeness(entailment, revision)
        )

    def __repr__(self) -> str:
        revision = self.likeness.revision
        at = "" if revision is None else f", revision={revision!r}"
        return f"SemanticKey({self.likeness.model!r}, threshold={self.threshold:g}{at})"

    def __call__(self, text: str) -> str | None:
        """Return the key of an answer by itself: its text, or its canonical form if it is short."""
        line = " ".join(_LABEL.sub("", without_thoughts(text), count=1).split())
        canonical = normalized_text(line)
        return canonical if canonical is None or " " not in canonical else line

    def why(self, text: str) -> NoKey:
        """Return why a text has no key."""
        return "no_text"

    def joined(self, key: str, earlier: Iterable[str | None]) -> str:
        """Return the first of the earlier keys that says the same as a key, or the key itself."""
        known = dict.fromkeys(other for other in earlier if other is not None)
        if key in known:
            return key
        spelled = next((other for other in known if _same_spelling(other, key)), None)
        return spelled or next((other for other in known if self.same(other, key)), key)

    def with_threshold(self, threshold: float) -> "SemanticKey":
        """Return a key with the same model and another threshold."""
        options: dict[str, Any] = {"threshold": threshold, "revision": self.likeness.revision}
        if isinstance(self.likeness, EntailmentLikeness):
            return SemanticKey(entailment=self.likeness.model, **options)
        return SemanticKey(self.likeness.model, **options)

    def same(self, one: str, other: str) -> bool:
        """Return whether two keys say the same."""
        decided = self.decided(one, other)
        return self.likeness(one, other) >= self.threshold if decided is None else decided

    def decided(self, one: str, other: str) -> bool | None:
        """Return whether two keys say the same, as far as that needs no model; None if it does."""
        if _same_spelling(one, other):
            return True
        if max(len(one), len(other)) > _LONGEST:
            return False
        if restates(one, other):
            return True
        is_read = self._is_read(one) and self._is_read(other)
        return None if is_read and differ(one, other) is None else False

    def _is_read(self, key: str) -> bool:
        """Whether the model has something to say about a key."""
        if _OTHER_SCRIPT.search(key):  # where a sentence may have no space
            return self.likeness.model != DEFAULT_EMBEDDINGS
        return " " in key


def _same_spelling(one: str, other: str) -> bool:
    return normalized_text(one) == normalized_text(other)


def _default_threshold(
    embeddings: EmbeddingsLike | str | None, entailment: CrossEncoderLike | str | None
) -> float:
    if entailment is not None:
        return _MORE_LIKELY_THAN_NOT
    if embeddings is None or embeddings == DEFAULT_EMBEDDINGS:
        return _THRESHOLD
    raise ArgumentError(
        "threshold",
        "must be given with embeddings of your own, whose cosines have a scale of their own, got "
        "None: choose one on labelled traces, with fit_semantic_key(traces, embeddings=…).",
    )
