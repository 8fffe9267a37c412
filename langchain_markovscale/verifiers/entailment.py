"""Groundedness without a language model: does a document entail what the answer claims?

A cross-encoder that was trained on natural language inference reads a document and a claim together
and tells entailment from contradiction and neither. It is small enough for a CPU. It comes as an
object, so that nothing here depends on the library that made it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from langchain_core.runnables import RunnableConfig
from numpy.typing import NDArray

from langchain_markovscale.verifiers.base import Verdict, Verifier, VerifierInput
from langchain_markovscale.verifiers.documents import documents_of

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_LABEL = "entailment"


class CrossEncoderLike(Protocol):
    """What is used of `sentence_transformers.CrossEncoder`."""

    def predict(self, inputs: Any, **kwargs: Any) -> Any:
        """Return a row of numbers, one for each label, for each pair of texts."""


class EntailmentVerifier(Verifier):
    """Scores an answer by how surely the documents entail each of its sentences.

    A sentence is as well supported as by the document that supports it best:
    ``max over documents of P(entailment)``. The least supported sentence makes the score, or the
    mean of all. The feedback names the sentences that no document supports. The documents are found
    as by `GroundednessVerifier`; where there are none the score is 0.

    Example::

        from sentence_transformers import CrossEncoder

        verifier = EntailmentVerifier(CrossEncoder("cross-encoder/nli-deberta-v3-small"))

    Args:
        model: A cross-encoder with an output for each label of inference.
        documents_key: Where in the context the documents are; None to take every text in it.
        entailment: Number of the output for entailment; None to look it up in the model's
            configuration.
        aggregate: How the sentences' scores become one: the least of them, or their mean.
        split: Parts an answer into claims; by default into sentences.
        name: The name that traces and errors show.

    Raises:
        ValueError: If the model does not say which output is entailment and ``entailment`` does
            not either, or ``aggregate`` is unknown; when called, if an answer comes without
            documents.
        TypeError: If the model has no ``predict``.
    """

    asks_model: ClassVar[bool] = False  # it costs time, but no tokens

    def __init__(
        self,
        model: CrossEncoderLike,
        *,
        documents_key: str | None = None,
        entailment: int | None = None,
        aggregate: Literal["min", "mean"] = "min",
        split: Callable[[str], Sequence[str]] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not callable(getattr(model, "predict", None)):
            msg = (
                "model must be a cross-encoder with predict, such as "
                f"sentence_transformers.CrossEncoder(…), not {type(model).__name__}"
            )
            raise TypeError(msg)
        if aggregate not in ("min", "mean"):
            msg = f"aggregate={aggregate!r} must be 'min' or 'mean'"
            raise ValueError(msg)
        self.model = model
        self.documents_key = documents_key
        self.entailment = _label_of(model) if entailment is None else entailment
        self.aggregate = aggregate
        self.split = split or _sentences

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Read every claim together with every document; keyword arguments go to ``predict``."""
        documents = documents_of(given, self.documents_key, self.get_name())
        claims = [claim for claim in self.split(given["answer"]) if claim.strip()]
        if not documents:
            return Verdict(score=0.0, feedback="No document was found to rest on.", usage=None)
        if not claims:
            return Verdict(score=None, feedback=None, usage=None)
        pairs = [(document, claim) for claim in claims for document in documents]
        rows = self.model.predict(pairs, apply_softmax=True, show_progress_bar=False, **kwargs)
        support = self._support(rows, len(claims), len(documents))
        weak = [claim.strip() for claim, share in zip(claims, support, strict=True) if share < 0.5]
        return Verdict(
            score=min(support) if self.aggregate == "min" else fmean(support),
            feedback="No document supports: " + " / ".join(weak) if weak else None,
            usage=None,
        )

    def _support(self, rows: Any, claims: int, documents: int) -> list[float]:
        table: NDArray[np.float64] = np.asarray(rows, dtype=float)
        if table.ndim != 2 or not 0 <= self.entailment < table.shape[1]:
            msg = (
                f"the model of {self.get_name()} returned numbers of shape {table.shape}, which "
                f"have no column {self.entailment}: it must be trained on inference, and tell "
                "entailment from contradiction"
            )
            raise ValueError(msg)
        shares = table[:, self.entailment].reshape(claims, documents)
        best: list[float] = shares.max(axis=1).tolist()
        return best


def _label_of(model: object) -> int:
    """Look up the output for entailment in the model's configuration."""
    labels = getattr(getattr(model, "config", None), "label2id", None)
    if isinstance(labels, Mapping):
        for label, number in labels.items():
            if str(label).casefold() == _LABEL:
                return int(number)
    msg = (
        f"entailment must be the number of the model's output for entailment: its configuration "
        f"has the labels {labels!r}"
    )
    raise ValueError(msg)


def _sentences(answer: str) -> list[str]:
    return _SENTENCE_END.split(answer)
