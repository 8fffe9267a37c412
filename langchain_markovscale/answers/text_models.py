"""How alike two texts are, by a model: of embeddings, or of entailment (extra `nli`).

A model that is given by its name is loaded once in a process. Calls wait for each other, because
tokenizers are not thread-safe.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import hypot, isfinite
from operator import mul
from threading import RLock
from typing import Any, Protocol

from langchain_markovscale._extras import naming_the_extra
from langchain_markovscale._text import at_revision
from langchain_markovscale.types import ArgumentError

_ENTAILMENT = "entailment"
_KEPT = 2_048  # vectors of texts
_ONE_AT_A_TIME = RLock()


class EmbeddingsLike(Protocol):
    """What is used of LangChain's `Embeddings`."""

    def embed_documents(self, texts: list[str]) -> Sequence[Sequence[float]]:
        """Return a vector for each text."""


class CrossEncoderLike(Protocol):
    """What is used of `sentence_transformers.CrossEncoder`."""

    def predict(self, inputs: Any, **kwargs: Any) -> Any:
        """Return a row of numbers, one for each label, for each pair of texts."""


class EmbeddingLikeness:
    """Likeness of two texts: the cosine of their vectors, in [−1, 1].

    Args:
        model: LangChain's embeddings, or the name or folder of a model for
            `sentence_transformers.SentenceTransformer`.
        revision: Branch, tag or commit of a model that is given by its name.

    Raises:
        ValueError: If there is a revision, and the model is not given by its name.
        TypeError: If the model has no `embed_documents`.
        ModuleNotFoundError: If `model` is a name and the extra `nli` is not installed.
        OSError: If there is no model of that name, or it cannot be fetched.
    """

    def __init__(self, model: EmbeddingsLike | str, revision: str | None = None) -> None:
        check_revision(model, revision)
        self.model, self.revision = model, revision
        if isinstance(model, str):
            _kept(_embeddings_of_process, model, revision)
        elif not callable(getattr(model, "embed_documents", None)):
            raise TypeError(
                "embeddings must have embed_documents, as LangChain's have, or be the name of a "
                f"model for SentenceTransformer, got {type(model).__name__}."
            )
        self._vector = lru_cache(_KEPT)(self._embedded)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.revision)

    def __call__(self, one: str, other: str) -> float:
        """Return the likeness of two texts."""
        left, right = self._vector(one), self._vector(other)
        lengths = hypot(*left) * hypot(*right)
        return _finite(sum(map(mul, left, right)) / lengths if lengths else 0.0, self.model)

    def _embedded(self, text: str) -> tuple[float, ...]:
        with _ONE_AT_A_TIME:
            if isinstance(self.model, str):
                model = _kept(_embeddings_of_process, self.model, self.revision)
                vector = model.encode(text, show_progress_bar=False)
            else:
                vector = self.model.embed_documents([text])[0]
        return tuple(map(float, vector))


class EntailmentLikeness:
    """Likeness of two texts: the smaller probability that one entails the other, in [0, 1].

    Args:
        model: A cross-encoder with an output for each label of inference, or the name or folder of
            one for `sentence_transformers.CrossEncoder`.
        revision: Branch, tag or commit of a model that is given by its name.

    Raises:
        ValueError: If the model does not say which output is entailment, or there is a revision and
            the model is not given by its name.
        TypeError: If the model has no `predict`.
        ModuleNotFoundError: If `model` is a name and the extra `nli` is not installed.
        OSError: If there is no model of that name, or it cannot be fetched.
    """

    def __init__(self, model: CrossEncoderLike | str, revision: str | None = None) -> None:
        check_revision(model, revision)
        self.model, self.revision = model, revision
        if not isinstance(model, str) and not callable(getattr(model, "predict", None)):
            raise TypeError(
                "entailment must be a cross-encoder with predict, or the name of one for "
                f"sentence_transformers.CrossEncoder, got {type(model).__name__}."
            )
        self._label = entailment_label(self._loaded())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.model, self.revision)

    def __call__(self, one: str, other: str) -> float:
        """Return the likeness of two texts."""
        with _ONE_AT_A_TIME:
            rows = self._loaded().predict(
                [(one, other), (other, one)],
                activation_fn=identity,
                apply_softmax=True,
                show_progress_bar=False,
            )
        return _finite(min(float(row[self._label]) for row in rows), self.model)

    def _loaded(self) -> CrossEncoderLike:
        if not isinstance(self.model, str):
            return self.model
        model: CrossEncoderLike = _kept(_cross_encoder_of_process, self.model, self.revision)
        return model


def _finite(likeness: float, model: object) -> float:
    if isfinite(likeness):
        return likeness
    raise ValueError(
        f"The model that compares answers ({model if isinstance(model, str) else type(model)}) "
        "returned NaN: load it in another number format, such as float32."
    )


def entailment_label(model: object) -> int:
    """Look up the output for entailment in a model's configuration.

    Raises:
        ValueError: If it is not there.
    """
    labels = getattr(getattr(model, "config", None), "label2id", None)
    if isinstance(labels, Mapping):
        for label, number in labels.items():
            if str(label).casefold() == _ENTAILMENT:
                return int(number)
    raise ValueError(
        "entailment must be the number of the model's output for entailment, because the labels of "
        f"its configuration do not name it, got {labels!r}."
    )


def check_revision(model: object, revision: str | None) -> None:
    """See that a revision is of a model that is loaded here.

    Raises:
        ValueError: If it is of one that is loaded already.
    """
    if revision is not None and not isinstance(model, str):
        raise ArgumentError(
            "revision",
            f"is of a model that is given by its name, got {revision!r} and a "
            f"{type(model).__name__}: load that with its revision, or give its name.",
        )


def load_cross_encoder(name: str, revision: str | None = None) -> CrossEncoderLike:
    """Load a cross-encoder.

    Args:
        name: Its name on the hub, or its folder.
        revision: Branch, tag or commit.

    Raises:
        ModuleNotFoundError: If the extra `nli` is not installed.
        OSError: If there is no model of that name, or it cannot be fetched.
    """
    try:
        from sentence_transformers import CrossEncoder
    except ModuleNotFoundError as error:
        raise naming_the_extra(error) from error
    model: CrossEncoderLike = CrossEncoder(name, **_only_if_given(revision))
    return model


def identity(logits: Any) -> Any:
    """Return the logits, which the softmax needs; a model's own activation may be a sigmoid."""
    return logits


@lru_cache
def _cross_encoder_of_process(name: str, revision: str | None) -> CrossEncoderLike:
    return load_cross_encoder(name, revision)


@lru_cache
def _embeddings_of_process(name: str, revision: str | None) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ModuleNotFoundError as error:
        raise naming_the_extra(error) from error
    return SentenceTransformer(name, **_only_if_given(revision))


def _only_if_given(revision: str | None) -> dict[str, Any]:
    return {} if revision is None else {"revision": revision}


def _kept(load: Callable[[str, str | None], Any], name: str, revision: str | None) -> Any:
    """Return a model that is loaded once, however many threads wait for it."""
    with _ONE_AT_A_TIME:
        try:
            return load(name, revision)
        except OSError as error:
            reason = str(error).strip().partition("\n")[0].rstrip(".")
            asked = at_revision(name, revision)
            raise OSError(
                f"the model {asked!r}, which compares answers, cannot be loaded ({reason}): check "
                "the connection to the hub, or give the folder of a model that is on this machine."
            ) from error
