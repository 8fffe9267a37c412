"""What the networks are told of a question: its embedding, its features, or both.

Asking for an embedding may be a call to a server, and is kept apart from the arithmetic, so that
it can be awaited.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from langchain_markovscale.calibration import em
from langchain_markovscale.calibration.latent_labels import Evidence, all_events
from langchain_markovscale.calibration.sufficient_statistics import collect
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.traces.trace import Trace

Floats = NDArray[np.float64]

Features = Mapping[str, Any] | Sequence[float] | str
"""A stratum's name, a vector, or both under names of their own."""


@dataclass(frozen=True)
class FeatureColumns:
    """Which numbers stand for a question's features.

    Attributes:
        columns: For each column the feature's name and, where it indicates a stratum, the stratum.
    """

    columns: tuple[tuple[str, str | None], ...]

    @classmethod
    def seen_in(cls, records: Iterable[Features | None]) -> "FeatureColumns":
        """Return a column for every number and every stratum that the records have."""
        found = {
            (name, value if isinstance(value, str) else None)
            for record in records
            for name, value in _named(record)
        }
        return cls(tuple(sorted(found, key=lambda column: (column[0], column[1] or ""))))

    def encode(self, records: Sequence[Features | None]) -> Floats:
        """Return the records as numbers, NaN where unknown, shape (Q, columns)."""
        place = {column: index for index, column in enumerate(self.columns)}
        strata: dict[str, list[int]] = {}
        for (name, stratum), index in place.items():
            if stratum is not None:
                strata.setdefault(name, []).append(index)
        table = np.full((len(records), len(place)), np.nan)
        for row, record in zip(table, records, strict=True):
            for name, value in _named(record):
                column = place.get((name, value if isinstance(value, str) else None))
                if column is None:
                    continue
                if isinstance(value, str):
                    row[strata[name]] = 0.0
                    row[column] = 1.0
                else:
                    row[column] = value
        return table


def _named(features: Any, name: str = "") -> list[tuple[str, float | str]]:
    """Return every number and every stratum's name, each under a name of its own."""
    if features is None:
        return []
    if isinstance(features, str):
        return [(name, features)]
    if isinstance(features, Mapping):
        return [one for key, value in features.items() for one in _named(value, f"{name}.{key}")]
    if isinstance(features, np.ndarray):
        features = features.tolist()
    if isinstance(features, Sequence):
        return [one for i, value in enumerate(features) for one in _named(value, f"{name}[{i}]")]
    try:
        number = float(features)
    except (TypeError, ValueError):
        number = float("nan")
    if not isfinite(number):
        raise ValueError(
            f"features{name} must be a stratum's name, a finite number, or a list or dictionary of "
            f"them, got {features!r:.80}."
        )
    return [(name, number)]


Singles = NDArray[np.float32]


class Networks(NamedTuple):
    """F perceptrons of one hidden layer with D inputs, H hidden units and K outputs.

    Attributes:
        hidden: Shape (F, D, H).
        hidden_bias: Shape (F, 1, H).
        output: Shape (F, H, K).
        output_bias: Shape (F, 1, K).
    """

    hidden: Singles
    hidden_bias: Singles
    output: Singles
    output_bias: Singles

    def weights(self, features: Floats, usual: Floats) -> Floats:
        """Return softmax(ln usual + network), so that a network without a say changes nothing.

        Args:
            features: Shape (Q, D).
            usual: The class weights to begin from, shape (K,).

        Returns:
            Class weights by each network, shape (F, Q, K).
        """
        active = np.tanh(features @ self.hidden + self.hidden_bias)
        logits = active @ self.output + self.output_bias + log_weights(usual)
        raised = np.exp(logits - logits.max(axis=2, keepdims=True))
        return np.asarray(raised / raised.sum(axis=2, keepdims=True))


def log_weights(weights: Floats) -> Floats:
    """Return ln of class weights, finite also for a class that has none."""
    return np.asarray(np.log(np.maximum(weights, 1e-12)))


_EDGE = 1e-6  # rates stay this far inside (0, 1), so that logarithms are finite


class ClassLikelihood:
    """P(events of a question | class), by the rates of a calibration.

    Missing labels are summed over, as in the fit.

    Args:
        rates: The classes; their weights play no part.
    """

    def __init__(self, rates: Rates) -> None:
        n_classes = rates.n_classes
        self._classes = em.Parameters(
            np.full((1, n_classes), 1 / n_classes),
            _inside(rates.initial),
            _inside(rates.repair),
            _inside(rates.corruption),
            np.array([rates.settling]),
        )
        sensitivity, specificity = np.clip(
            np.dot([rates.sensitivity, rates.specificity], rates.weights), _EDGE, 1 - _EDGE
        )
        self._evidence = Evidence(
            coincidence=rates.coincidence,
            retention=float(np.clip(rates.retention, _EDGE, 1.0)),
            sensitivity=float(sensitivity),
            specificity=float(specificity),
            accept_threshold=rates.accept_threshold,
            correlation=rates.verdict_correlation,
        )

    def __call__(self, trace: Trace) -> Floats:
        """Return the likelihood of each class, shape (K,), scaled to sum to 1.

        Raises:
            ValueError: If the trace has no attempts, a parent is no earlier attempt, or answers
                without keys and labels are too many.
        """
        events, _ = all_events(collect([trace]), self._evidence)
        # Under equal weights the posterior over classes is the likelihood, up to its scale.
        return np.asarray(em.responsibilities(events, self._classes)[0].sum(axis=0))


def _inside(rate: tuple[float, ...]) -> Floats:
    return np.asarray(np.clip(np.array([rate]), _EDGE, 1 - _EDGE))


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
