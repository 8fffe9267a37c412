"""Small networks from a question's features to class weights, once they are trained.

They are applied with numpy alone, so that whoever only predicts needs no torch.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
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
