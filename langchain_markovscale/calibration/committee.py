"""The networks of a class predictor: what they compute, and how a file keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.typed_json import typed
from langchain_markovscale.theory.validation import numbers, probabilities
from langchain_markovscale.traces.features import Columns, Features, encoded

Floats = NDArray[np.float64]

_FARTHEST = 5.0  # standard deviations: a question unlike all others counts as one at the edge
_LARGEST = 1e12  # a number of a network: products of these are still numbers
_LAYERS = ("hidden", "hidden_bias", "output", "output_bias")


@dataclass(frozen=True)
class Committee:
    """F perceptrons of D inputs, H hidden units and K outputs, which together give class weights.

    Attributes:
        dimensions: E, length of the question's embedding; 0 without one.
        columns: The features that follow it among the inputs.
        mean: Of each input over the questions trained on, shape (D,).
        scale: Standard deviation of each, 1 where it is always the same, shape (D,).
        layers: Factors and biases of the hidden units and of the outputs, shapes (F, D, H),
            (F, 1, H), (F, H, K), (F, 1, K).
        trust: λ of each, shape (F,): its weights are (1 − λ) usual ones + λ its own.
    """

    dimensions: int
    columns: Columns
    mean: Floats
    scale: Floats
    layers: Sequence[NDArray[np.float32]]
    trust: Floats

    def weights(
        self, vectors: Floats | None, records: Sequence[Features | None], usual: Floats
    ) -> Floats:
        """Return the mean of all networks' weights, shape (Q, K).

        A network's own are softmax(ln usual + output): without learning, it changes nothing.
        """
        table = encoded(records, self.columns)
        if vectors is not None:
            if vectors.shape[1] != self.dimensions:
                raise ValueError(
                    f"embeddings returned vectors of length {vectors.shape[1]}, but the predictor "
                    f"was trained on {self.dimensions}: use the model that it was trained with."
                )
            table = np.hstack([vectors, table])
        hidden, hidden_bias, output, output_bias = self.layers
        numbers = standardized(table, self.mean, self.scale, self.dimensions)
        prior = np.log(np.maximum(usual, 1e-12))
        logits = np.tanh(numbers @ hidden + hidden_bias) @ output + output_bias + prior
        raised = np.exp(logits - logits.max(axis=2, keepdims=True))
        own = raised / raised.sum(axis=2, keepdims=True)
        trust = self.trust[:, None, None]
        mean = ((1 - trust) * usual + trust * own).mean(axis=0)
        return np.asarray(mean / mean.sum(axis=1, keepdims=True))

    def content(self) -> dict[str, Any]:
        """Return what a file keeps."""
        return {
            "dimensions": self.dimensions,
            "columns": self.columns,
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            # The shortest decimals that are the same single-precision numbers.
            "networks": {
                name: layer.astype(str).astype(np.float64).tolist()
                for name, layer in zip(_LAYERS, self.layers, strict=True)
            },
            "trust": self.trust.tolist(),
        }

    @classmethod
    def of(cls, content: Mapping[str, Any], *, classes: int) -> "Committee":
        """Return the networks of a file's content.

        Args:
            content: What a file keeps.
            classes: K.

        Raises:
            KeyError: If something is missing.
            TypeError: If something is of another type.
            ValueError: If numbers are not such as networks have, or do not fit together.
        """
        dimensions = typed(int, content["dimensions"], "dimensions", ())
        columns = typed(Columns, content["columns"], "columns", ())
        inputs = dimensions + len(columns)
        trust = probabilities("trust", finite("trust", content["trust"], (None,)))
        networks = content["networks"]
        hidden = finite("networks.hidden", networks["hidden"], (len(trust), inputs, None))
        units = hidden.shape[-1]
        shapes = [hidden.shape, (len(trust), 1, units), (len(trust), units, classes)]
        shapes.append((len(trust), 1, classes))
        layers = [
            finite(f"networks.{name}", networks[name], shape).astype(np.float32)
            for name, shape in zip(_LAYERS, shapes, strict=True)
        ]
        scale = finite("scale", content["scale"], (inputs,))
        if not (scale > 0).all():
            raise ValueError(f"scale must be above 0, got {scale!r:.80}.")
        return cls(
            dimensions, columns, finite("mean", content["mean"], (inputs,)), scale, layers, trust
        )


def standardized(table: Floats, mean: Floats, scale: Floats, dimensions: int) -> Floats:
    """Return what the networks see: standard deviations from the mean, 0 where unknown.

    Embedding (the first `dimensions` columns) and features get the same total variance, so that
    neither outweighs the other.
    """
    standardized = np.clip(np.nan_to_num((table - mean) / scale, nan=0.0), -_FARTHEST, _FARTHEST)
    sizes = [size for size in (dimensions, table.shape[1] - dimensions) if size]
    emphasis = [np.sqrt(sum(sizes) / (len(sizes) * size)) for size in sizes]
    return np.asarray(standardized * np.repeat(emphasis, sizes))


def finite(name: str, value: Any, shape: Sequence[int | None]) -> Floats:
    """Return an array of finite numbers, or raise naming it.

    Args:
        name: What it is.
        value: What a file has for it.
        shape: Its lengths; None where any will do.

    Raises:
        ValueError: If it holds something else, or has another shape.
    """
    array = numbers(name, value)
    fits = len(array.shape) == len(shape) and all(
        wanted in (None, length) for length, wanted in zip(array.shape, shape, strict=True)
    )
    if not fits or not (np.abs(array) <= _LARGEST).all():
        wanted = " × ".join("any number" if each is None else str(each) for each in shape)
        raise ValueError(f"{name} must be {wanted or 'one'} of finite numbers, got {value!r:.80}.")
    return array
