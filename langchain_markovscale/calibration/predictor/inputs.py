"""What the networks are told of a question: its embedding, its features, or both.

Asking for an embedding may be a call to a server, and is kept apart from the arithmetic, so that
it can be awaited.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langchain_markovscale.calibration.predictor.features import FeatureColumns, Features

Floats = NDArray[np.float64]
FeatureFunction = Callable[[str], Features]

_FARTHEST = 5.0  # standard deviations: a question unlike all others counts as one at the edge


class EmbedsTexts(Protocol):
    """The part of LangChain's `Embeddings` that is used here."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a vector for each text."""


@dataclass(frozen=True)
class Sources:
    """Where a question's numbers come from.

    Attributes:
        embeddings: Embeds the question's text; None where it is not embedded.
        features: Makes features of the question's text; None where there are none, or they are
            given beside it.
    """

    embeddings: EmbedsTexts | None = None
    features: FeatureFunction | None = None

    # Questions are embedded as documents also when they are predicted for: some models embed
    # queries in another way, and training and use have to see the same vectors.

    def vectors(self, questions: Sequence[str]) -> Floats | None:
        """Return embeddings, shape (Q, E); None without a model for them."""
        if self.embeddings is None:
            return None
        return _vectors(self.embeddings.embed_documents(list(questions)), questions)

    async def avectors(self, questions: Sequence[str]) -> Floats | None:
        """As `vectors`."""
        if self.embeddings is None:
            return None
        return _vectors(await self.embeddings.aembed_documents(list(questions)), questions)

    def records(
        self, questions: Sequence[str], given: Sequence[Features | None] | None
    ) -> Sequence[Features | None]:
        """Return the features of questions: by the function, or as they were given."""
        if self.features is not None:
            return [self.features(question) for question in questions]
        return given if given is not None else [None] * len(questions)

    @property
    def embeddings_name(self) -> str | None:
        """Class and model of the embeddings, to know them again."""
        if self.embeddings is None:
            return None
        model = next(
            (str(value) for value in map(self._attribute, ("model_name", "model")) if value), ""
        )
        return f"{type(self.embeddings).__name__}({model})"

    @property
    def features_name(self) -> str | None:
        """Name of the function, to know it again."""
        if self.features is None:
            return None
        return str(getattr(self.features, "__qualname__", type(self.features).__name__))

    def _attribute(self, name: str) -> Any:
        value = getattr(self.embeddings, name, None)
        return value if isinstance(value, str) else None


@dataclass(frozen=True)
class Inputs:
    """Which standardised numbers stand for a question.

    Attributes:
        dimensions: E, length of the embedding; 0 without one.
        columns: What follows it.
        mean: Of each number over the questions trained on, shape (D,).
        scale: Their standard deviations, 1 where a number is always the same, shape (D,).
    """

    dimensions: int
    columns: FeatureColumns
    mean: Floats
    scale: Floats

    @classmethod
    def seen_in(cls, vectors: Floats | None, records: Sequence[Features | None]) -> "Inputs":
        """Return the inputs that questions with these embeddings and features have."""
        columns = FeatureColumns.seen_in(records)
        table = _table(vectors, columns.encode(records))
        known = np.isfinite(table)
        many = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, table, 0).sum(axis=0) / many
        scale = np.sqrt(np.where(known, (table - mean) ** 2, 0).sum(axis=0) / many)
        dimensions = 0 if vectors is None else vectors.shape[1]
        return cls(dimensions, columns, mean, np.where(scale > 1e-12, scale, 1.0))

    def numbers(self, vectors: Floats | None, records: Sequence[Features | None]) -> Floats:
        """Return the numbers of some questions, 0 where unknown, shape (Q, D).

        Raises:
            ValueError: If embeddings are of another length than in training.
        """
        if vectors is not None and vectors.shape[1] != self.dimensions:
            raise ValueError(
                f"embeddings returned vectors of length {vectors.shape[1]}, but the predictor was "
                f"trained on {self.dimensions}: use the model that it was trained with."
            )
        table = (_table(vectors, self.columns.encode(records)) - self.mean) / self.scale
        known = np.clip(np.nan_to_num(table, nan=0.0), -_FARTHEST, _FARTHEST)
        return np.asarray(known * self._emphasis)

    @property
    def _emphasis(self) -> Floats:
        """Gives embedding and features the same variance in all, so that neither drowns."""
        sizes = [size for size in (self.dimensions, len(self.columns.columns)) if size]
        return np.repeat([np.sqrt(sum(sizes) / (len(sizes) * size)) for size in sizes], sizes)


def _table(vectors: Floats | None, encoded: Floats) -> Floats:
    return encoded if vectors is None else np.hstack([vectors, encoded])


def _vectors(embedded: ArrayLike, questions: Sequence[str]) -> Floats:
    vectors = np.asarray(embedded, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != len(questions) or not np.isfinite(vectors).all():
        raise ValueError(
            f"embeddings must return one vector of finite numbers for each of {len(questions)} "
            f"questions, got shape {vectors.shape}."
        )
    return vectors
