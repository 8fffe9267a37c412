"""Groundedness without a language model: does a document entail what the answer claims?

A cross-encoder that was trained on natural language inference reads a document and a claim together
and distinguishes entailment, contradiction and neither. It is small enough for a CPU. It reads a
few hundred words and ignores the rest without a warning, so long documents are split into passages.
"""

from collections.abc import Callable, Sequence
from statistics import fmean
from threading import Lock
from typing import Any, ClassVar, Literal

import numpy as np
from langchain_core.runnables import RunnableConfig
from numpy.typing import NDArray

from langchain_markovscale._text import at_revision
from langchain_markovscale.answers.text_models import (
    CrossEncoderLike,
    check_revision,
    entailment_label,
    identity,
    load_cross_encoder,
)
from langchain_markovscale.types import Verdict, VerifierInput
from langchain_markovscale.verifiers.base import Verifier
from langchain_markovscale.verifiers.documents import documents_of, passages_of, sentences_of

DEFAULT_MODEL = "cross-encoder/nli-deberta-v3-base"
_SHORTEST = 100  # characters of a passage; less is hardly a sentence


class EntailmentVerifier(Verifier):
    """Scores an answer by how surely the documents entail each of its sentences.

    A sentence is as well supported as by the passage that supports it best:
    `max over passages of P(entailment)`, a softmax over the labels. The least supported sentence
    makes the score, or the mean of all. The feedback names the sentences that no document supports.
    The documents are found as by `GroundednessVerifier`; where there are none the score is 0.

    Every sentence is read together with every passage. Calls wait for each other, because
    tokenizers are not thread-safe.

    Example::

        verifier = EntailmentVerifier()  # loads DEFAULT_MODEL from the hub; needs the extra `nli`
        verifier = EntailmentVerifier(CrossEncoder("my/inference-model", device="cuda"))

    Args:
        model: A cross-encoder with an output for each label of inference, or the name or folder of
            one for `sentence_transformers.CrossEncoder`.
        documents_key: Where in the context the documents are; None to take every text in it.
        entailment: Number of the output for entailment; None to look it up in the model's
            configuration.
        aggregate: How the sentences' scores become one: the least of them, or their mean.
        split: Splits an answer into claims; by default into sentences.
        passage_chars: The most characters of a document that are read at once, at least 100. The
            model must be able to read as many and a claim: 1,000 are some 250 tokens of English.
        revision: Branch, tag or commit of a model that is given by its name.
        name: The name that traces and errors show.

    Raises:
        ValueError: If the model does not say which output is entailment and `entailment` does
            not either, `aggregate` is unknown, `passage_chars` less than 100, or there is a
            revision of a model that is loaded already; when called, if an answer comes without
            documents.
        TypeError: If the model has no `predict`.
        ModuleNotFoundError: If `model` is a name and the extra `nli` is not installed.
    """

    asks_model: ClassVar[bool] = False  # it costs time, but no tokens

    def __init__(
        self,
        model: CrossEncoderLike | str = DEFAULT_MODEL,
        *,
        documents_key: str | None = None,
        entailment: int | None = None,
        aggregate: Literal["min", "mean"] = "min",
        split: Callable[[str], Sequence[str]] | None = None,
        passage_chars: int = 1_000,
        revision: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if aggregate not in ("min", "mean"):
            raise ValueError(f"aggregate must be 'min' or 'mean', got aggregate={aggregate!r}.")
        if passage_chars < _SHORTEST:
            raise ValueError(
                f"passage_chars must be at least {_SHORTEST}, a sentence, got {passage_chars}."
            )
        check_revision(model, revision)
        self.model_name = at_revision(model, revision) if isinstance(model, str) else None
        self.model = load_cross_encoder(model, revision) if isinstance(model, str) else model
        if not callable(getattr(self.model, "predict", None)):
            raise TypeError(
                "model must be a cross-encoder with predict, such as "
                f"sentence_transformers.CrossEncoder(…), or its name, got {type(model).__name__}."
            )
        self.documents_key = documents_key
        self.entailment = entailment_label(self.model) if entailment is None else entailment
        self.aggregate = aggregate
        self.split = split or sentences_of
        self.passage_chars = passage_chars
        self._one_at_a_time = Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_one_at_a_time"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _one_at_a_time=Lock())

    def verify(self, given: VerifierInput, config: RunnableConfig, **kwargs: Any) -> Verdict:
        """Read every claim together with every document; keyword arguments go to `predict`."""
        documents = documents_of(given, self.documents_key, self.get_name())
        passages = [part for text in documents for part in passages_of(text, self.passage_chars)]
        claims = [claim for claim in self.split(given["answer"]) if claim.strip()]
        if not passages:
            return Verdict(score=0.0, feedback="No document was found to rest on.", usage=None)
        if not claims:
            return Verdict(score=None, feedback=None, usage=None)
        pairs = [(passage, claim) for claim in claims for passage in passages]
        options = {"show_progress_bar": False, **kwargs}
        with self._one_at_a_time:
            rows = self.model.predict(pairs, activation_fn=identity, apply_softmax=True, **options)
        support = self._support(rows, len(claims), len(passages))
        weak = [claim.strip() for claim, share in zip(claims, support, strict=True) if share < 0.5]
        return Verdict(
            score=min(support) if self.aggregate == "min" else fmean(support),
            feedback="No document supports: " + " / ".join(weak) if weak else None,
            usage=None,
        )

    def _support(self, rows: Any, claims: int, passages: int) -> list[float]:
        table: NDArray[np.float64] = np.asarray(rows, dtype=float)
        if table.ndim != 2 or not 0 <= self.entailment < table.shape[1]:
            raise ValueError(
                f"The model of {self.get_name()} returned numbers of shape {table.shape}, which "
                f"have no column {self.entailment}: give a model that is trained on natural "
                "language inference, and entailment= as the number of its output for it."
            )
        shares = table[:, self.entailment].reshape(claims, passages)
        if not np.isfinite(shares).all():
            raise ValueError(
                f"The model of {self.get_name()} ({type(self.model).__name__}) returned NaN: load "
                "it in another number format, such as float32."
            )
        best: list[float] = shares.max(axis=1).tolist()
        return best
