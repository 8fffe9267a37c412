"""Networks that learn class weights from the likelihood of what was seen: the extra `huggingface`.

The classes of questions are never observed, so that the weights are learned through the marginal
likelihood: Σ_q ln Σ_k softmax(ln w + f(x_q))_k · P(events of q | k). This is a latent class model
with concomitant variables (Dayton and Macready, 1988), its logits from a small network.

Questions are dealt into five folds and five networks trained side by side. Each trains on three
folds, is stopped by a fourth, which also sets how far it is trusted, and is
evaluated on the fifth, which it has not seen. All five together make the predictor.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from langchain_markovscale.calibration import em
from langchain_markovscale.calibration.latent_labels import Evidence, all_events
from langchain_markovscale.calibration.sufficient_statistics import collect
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.traces.features import Features
from langchain_markovscale.traces.trace import Trace

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

FOLDS = 5
_LEARNING_RATE = 3e-3
_BATCH = 256
_PATIENCE = 30  # epochs without a better one
_MOST_EPOCHS = 500
_WORTHWHILE = 1e-4  # nats by which an epoch must be better
_TRUST = np.linspace(0, 1, 21)
_EDGE = 1e-6  # rates stay this far inside (0, 1), so that logarithms are finite


def evidence(
    traces: Iterable[Trace], rates: Rates
) -> tuple[list[str], list[Features | None], Floats]:
    """Return Q questions with their features, and the likelihood of each of the K classes.

    Args:
        traces: Those without attempts are skipped.
        rates: The classes; their weights play no part.

    Returns:
        The questions, the features recorded with them, and P(events of a question | class), scaled
        to sum to 1 and with missing labels summed over as in the fit, shape (Q, K).

    Raises:
        ValueError: If no trace has an attempt, or one cannot be used to fit a calibration.
    """
    events_of, classes = _evidence(rates), _classes(rates)
    questions: list[str] = []
    recorded: list[Features | None] = []
    likelihoods: list[Floats] = []
    for trace in traces:
        if trace["attempts"]:
            events, _ = all_events(collect([trace]), events_of)
            questions.append(trace["question"])
            recorded.append(trace.get("features"))
            # Under equal weights the posterior over classes is the likelihood, up to its scale.
            likelihoods.append(em.responsibilities(events, classes)[0].sum(axis=0))
    if not questions:
        raise ValueError("traces must hold at least one attempt, got none.")
    return questions, recorded, np.array(likelihoods)


def _classes(rates: Rates) -> em.Parameters:
    """Return the classes with equal weights, their rates inside (0, 1)."""
    by_class = np.clip(
        [[rates.initial], [rates.repair], [rates.corruption], [rates.retention]], _EDGE, 1 - _EDGE
    )
    weights = np.full((1, rates.n_classes), 1 / rates.n_classes)
    return em.Parameters(*(weights, *by_class, np.array([rates.settling])))


def _evidence(rates: Rates) -> Evidence:
    sensitivity, specificity = np.clip(
        np.dot([rates.sensitivity, rates.specificity], rates.weights), _EDGE, 1 - _EDGE
    )
    return Evidence(
        urn=rates.urn,
        sensitivity=float(sensitivity),
        specificity=float(specificity),
        accept_threshold=rates.accept_threshold,
        correlation=rates.verdict_correlation,
    )


class Trained(NamedTuple):
    """Trained networks, and how far each is trusted.

    Attributes:
        layers: Factors and biases of a network for each fold, as `Committee` has them.
        trust: λ in [0, 1] for each: class weights are (1 − λ) usual ones + λ the network's.
        gains: For each question, by how much the network that had not seen it raised its log
            likelihood over that under the usual weights, shape (Q,).
    """

    layers: list[NDArray[np.float32]]
    trust: Floats
    gains: Floats


def train(
    features: Floats,
    likelihoods: Floats,
    usual: Floats,
    groups: NDArray[np.int64],
    *,
    hidden: int,
    weight_decay: float,
    seed: int,
) -> Trained:
    """Train and evaluate one network for each fold.

    Args:
        features: Standardised, shape (Q, D).
        likelihoods: P(events of a question | class), up to a factor for each question, (Q, K).
        usual: The class weights without a predictor, shape (K,).
        groups: Number of the group of each question, from 0; a group stays in one fold.
        hidden: H, hidden units.
        weight_decay: Pull of the networks towards the usual weights, as in AdamW.
        seed: Seed of folds, first parameters and batches.
    """
    fold = (np.random.default_rng(seed).permutation(groups.max() + 1) % FOLDS)[groups]
    tested = fold == np.arange(FOLDS)[:, None]
    stops = np.roll(tested, -1, axis=0)
    with _one_thread():
        layers, own = _train(
            features, likelihoods, usual, tested, stops, hidden, weight_decay, seed
        )
    ratios = (own * likelihoods).sum(axis=2) / (likelihoods @ usual)  # (F, Q)
    mixed = np.log1p(_TRUST[:, None, None] * (ratios - 1))
    best = (mixed * stops).sum(axis=2).argmax(axis=0)
    gains = mixed[best, np.arange(FOLDS)][fold, np.arange(len(fold))]
    return Trained(layers, _TRUST[best], gains)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread: on networks this small, more only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train(
    features: Floats,
    likelihoods: Floats,
    usual: Floats,
    tested: Masks,
    stops: Masks,
    hidden: int,
    weight_decay: float,
    seed: int,
) -> tuple[list[NDArray[np.float32]], Floats]:
    """Return the layers of all networks, and their class weights for all questions, (F, Q, K)."""
    x, log_usual = _tensor(features), _tensor(np.log(np.maximum(usual, 1e-12)))
    log_likelihoods = _tensor(np.log(np.maximum(likelihoods, 1e-30)))
    learning, stopping = torch.tensor(~(tested | stops)), torch.tensor(stops)
    generator = torch.Generator().manual_seed(seed)
    network = _first(features.shape[1], hidden, len(usual), generator)
    optimizer = torch.optim.AdamW(network, _LEARNING_RATE, weight_decay=weight_decay)

    def gain(rows: Tensor, among: Tensor) -> Tensor:
        """Mean log likelihood of some questions over those that count, by network."""
        chances = _log_chances(network, x[rows], log_usual)
        each = torch.logsumexp(chances + log_likelihoods[rows], dim=2)
        counts = among[:, rows]
        return (each * counts).sum(dim=1) / counts.sum(dim=1).clamp(min=1)

    everything = torch.arange(len(x))
    best = torch.full((FOLDS,), -torch.inf)
    kept = [parameter.detach().clone() for parameter in network]
    idle = 0
    for _ in range(_MOST_EPOCHS):
        with torch.no_grad():
            now = gain(everything, stopping)
            better = now > best + _WORTHWHILE
            best = torch.where(better, now, best)
            kept = [
                torch.where(better[:, None, None], new, old)
                for new, old in zip(network, kept, strict=True)
            ]
        idle = 0 if better.any() else idle + 1
        if idle > _PATIENCE:
            break
        order = torch.randperm(len(x), generator=generator)
        for rows in (order[begin : begin + _BATCH] for begin in range(0, len(x), _BATCH)):
            optimizer.zero_grad()
            loss: Tensor = -gain(rows, learning).sum()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    own = _log_chances(kept, x, log_usual).exp().numpy().astype(np.float64)
    return [parameter.numpy() for parameter in kept], own


def _first(inputs: int, hidden: int, outputs: int, generator: torch.Generator) -> list[Tensor]:
    """Return networks without effect yet: their last layer is zero."""
    scale = max(inputs, 1) ** -0.5
    shapes = ((inputs, hidden), (1, hidden), (hidden, outputs), (1, outputs))
    network = [torch.zeros(FOLDS, *shape) for shape in shapes]
    network[0] = scale * torch.randn(FOLDS, inputs, hidden, generator=generator)
    return [parameter.requires_grad_() for parameter in network]


def _log_chances(network: list[Tensor], x: Tensor, log_usual: Tensor) -> Tensor:
    """Logarithms of what `Committee.weights` calls a network's own weights, with gradients."""
    hidden, hidden_bias, output, output_bias = network
    active = torch.tanh(x @ hidden + hidden_bias)
    return torch.log_softmax(active @ output + output_bias + log_usual, dim=2)


def _tensor(values: Floats) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)
