"""The MAP variant's source of class weights: a predictor that reads the question.

A calibration knows what share of all questions is easy; a predictor says how likely it is that
*this* one is. It learns from the traces that the calibration was fitted to, is judged on questions
that it does not know, and where it foretells nothing it says so and returns the calibration's
weights.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale._extras import naming_the_extra
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.calibration.json_file import read_document, write_document
from langchain_markovscale.calibration.predictor_inputs import (
    ClassLikelihood,
    EmbedsTexts,
    FeatureColumns,
    FeatureFunction,
    Features,
    Inputs,
    Networks,
    Sources,
)
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.validation import non_negative, whole
from langchain_markovscale.traces.trace import Trace

Floats = NDArray[np.float64]

_FEWEST = 25  # questions: five for each fold
_SURE = 1.645  # standard errors by which held-out questions must gain


@dataclass(frozen=True)
class Committee:
    """Networks that together predict class weights.

    Attributes:
        inputs: What they are told of a question.
        networks: F of them.
        trust: λ of each, shape (F,): its weights are (1 − λ) usual ones + λ its own.
    """

    inputs: Inputs
    networks: Networks
    trust: Floats

    def weights(
        self, vectors: Floats | None, records: Sequence[Features | None], usual: Floats
    ) -> Floats:
        """Return the mean of all networks' weights, shape (Q, K)."""
        own = self.networks.weights(self.inputs.numbers(vectors, records), usual)
        trust = self.trust[:, None, None]
        mean = ((1 - trust) * usual + trust * own).mean(axis=0)
        return np.asarray(mean / mean.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class ClassPredictor:
    """Predicts the class weights of a question before its first attempt.

    Make one with `fit` or `load`; give it to a graph with `variant="map"`, or its weights to
    `Criterion.decide`.

    Attributes:
        usual_weights: w of the calibration, which every question gets that nothing is known of.
        questions: How many questions it was trained and judged on.
        gain: By how much it raises the log likelihood of a held-out question over that under the
            usual weights, in nats; the mean over questions.
        gain_error: Standard error of that mean.
        sources: Where embeddings and features come from.
        committee: The trained networks; None where they foretold nothing.
    """

    usual_weights: tuple[float, ...]
    questions: int
    gain: float
    gain_error: float
    sources: Sources
    committee: Committee | None = field(repr=False)  # thousands of numbers

    @classmethod
    def fit(
        cls,
        traces: Iterable[Trace],
        calibration: Calibration | Rates,
        *,
        embeddings: EmbedsTexts | None = None,
        features: FeatureFunction | None = None,
        hidden: int = 32,
        weight_decay: float = 1.0,
        seed: int = 0,
    ) -> "ClassPredictor":
        """Learn from traces what a question says of its class.

        Small networks are trained on the marginal likelihood of what was seen,
        Σ_q ln Σ_k softmax(ln w + f(x_q))_k P(events of q | k), with early stopping on held-out
        questions; labels may be missing where the calibration could do without them. Needs the
        extra `huggingface`, for torch.

        Args:
            traces: Also as a stream; those that the calibration was fitted to will do.
            calibration: The classes, a `Calibration` or bare `Rates`.
            embeddings: Any LangChain `Embeddings`; the question's text is embedded.
            features: A function from the question's text to its features: a stratum's name, a
                vector, or a dictionary of both. Without it and without embeddings the traces' own
                `features` are used, and `weights` must then be given those of new questions.
            hidden: Hidden units of a network.
            weight_decay: How strongly networks are pulled towards the usual weights; at least 0.
            seed: The same traces and seed give the same predictor.

        Raises:
            ValueError: If there is nothing to learn from, or an option makes no sense.
            ModuleNotFoundError: If torch is not installed.
        """
        whole("hidden", hidden, least=1)
        non_negative("weight_decay", weight_decay)
        rates = calibration if isinstance(calibration, Rates) else calibration.rates
        usual, sources = np.array(rates.weights), Sources(embeddings, features)
        questions, recorded, likelihoods = _read(traces, rates)
        if embeddings is None and features is None and not any(map(_told, recorded)):
            raise ValueError(
                "traces have no features to learn from: give embeddings, a function as features, "
                "or record features with the traces."
            )
        distinct, groups = np.unique(questions, return_inverse=True)
        if len(distinct) < _FEWEST or rates.n_classes == 1:
            return cls(rates.weights, len(questions), 0.0, 0.0, sources, None)
        vectors = sources.vectors(questions)
        own = recorded if embeddings is None else None
        records = sources.records(questions, own)
        inputs = Inputs.seen_in(vectors, records)
        trained = _trainer()(
            inputs.numbers(vectors, records),
            likelihoods,
            usual,
            groups,
            hidden=int(hidden),
            weight_decay=float(weight_decay),
            seed=seed,
        )
        gain = float(trained.gains.mean())
        error = float(trained.gains.std(ddof=1) / np.sqrt(len(questions)))
        committee = None
        if gain > _SURE * error:
            committee = Committee(inputs, trained.networks, trained.trust)
        return cls(rates.weights, len(questions), gain, error, sources, committee)

    @property
    def n_classes(self) -> int:
        """K, the number of classes."""
        return len(self.usual_weights)

    @property
    def informative(self) -> bool:
        """Whether questions foretell their class; else all get the usual weights."""
        return self.committee is not None

    @property
    def needs_features(self) -> bool:
        """Whether it knows a question only by features that are given beside it."""
        given = self.sources.embeddings is None and self.sources.features is None
        return self.informative and given

    @property
    def summary(self) -> str:
        """What was learned, in a sentence."""
        if self.n_classes == 1:
            return "There is one class of questions: nothing to predict."
        if not self.gain_error and not self.informative:
            return (
                f"{self.questions} questions are too few to learn from (at least {_FEWEST}): every "
                "question gets the calibration's weights."
            )
        found = (
            f"log likelihood of a held-out question {self.gain:+.3f} ± {self.gain_error:.3f}, over "
            f"{self.questions} questions"
        )
        if self.informative:
            return f"A question foretells its class ({found})."
        return f"No question foretells its class ({found}): all get the calibration's weights."

    def weights(self, question: str, features: Features | None = None) -> list[float]:
        """Return the class weights of a question, K plain floats that sum to 1.

        Args:
            question: Its text, as in the traces.
            features: What is known of it, where the predictor was trained on the traces' own
                features; unknown ones may be left out.

        Raises:
            ValueError: If it was trained on such features and there are none.
        """
        return self.weights_of([question], None if features is None else [features])[0]

    async def aweights(self, question: str, features: Features | None = None) -> list[float]:
        """As `weights`, with the embedding awaited."""
        given = self._given([question], None if features is None else [features])
        vectors = await self.sources.avectors([question]) if self.informative else None
        return self._predicted([question], vectors, given)[0]

    def weights_of(
        self, questions: Sequence[str], features: Sequence[Features | None] | None = None
    ) -> list[list[float]]:
        """Return the class weights of many questions at once, see `weights`."""
        given = self._given(questions, features)
        vectors = self.sources.vectors(questions) if self.informative and questions else None
        return self._predicted(questions, vectors, given)

    def save(self, path: str | Path) -> None:
        """Write the predictor as JSON; embeddings and functions are not saved, but named."""
        write(self, path)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        embeddings: EmbedsTexts | None = None,
        features: FeatureFunction | None = None,
    ) -> "ClassPredictor":
        """Read a predictor that `save` wrote.

        Args:
            path: The file.
            embeddings: The embeddings that it was trained with, where it was.
            features: The function that it was trained with, where it was.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is no predictor, or what it was trained with is missing.
        """
        return read(path, Sources(embeddings, features))

    def _given(
        self, questions: Sequence[str], features: Sequence[Features | None] | None
    ) -> Sequence[Features | None] | None:
        if features is not None and len(features) != len(questions):
            raise ValueError(f"{len(questions)} questions have {len(features)} features.")
        if self.needs_features and features is None:
            raise ValueError(
                "features are missing: the predictor was trained on features that were recorded "
                "with the traces. Give those of the question, or train it with embeddings or a "
                "function as features."
            )
        return features

    def _predicted(
        self,
        questions: Sequence[str],
        vectors: Floats | None,
        given: Sequence[Features | None] | None,
    ) -> list[list[float]]:
        if self.committee is None or not questions:
            return [list(self.usual_weights) for _ in questions]
        records = self.sources.records(questions, given)
        weights = self.committee.weights(vectors, records, np.array(self.usual_weights))
        plain: list[list[float]] = weights.tolist()
        return plain


def _read(traces: Iterable[Trace], rates: Rates) -> tuple[list[str], list[Features | None], Floats]:
    """Return questions, the features recorded with them, and likelihoods of the classes."""
    likelihood = ClassLikelihood(rates)
    questions: list[str] = []
    recorded: list[Features | None] = []
    likelihoods: list[Floats] = []
    for trace in traces:
        if trace["attempts"]:
            questions.append(trace["question"])
            recorded.append(trace.get("features"))
            likelihoods.append(likelihood(trace))
    if not questions:
        raise ValueError("traces must hold at least one attempt, got none.")
    return questions, recorded, np.array(likelihoods)


def _told(features: Features | None) -> bool:
    return features is not None and len(features) > 0


def _trainer() -> Any:
    try:
        from langchain_markovscale.calibration.predictor_training import train
    except ModuleNotFoundError as error:
        raise naming_the_extra(error) from error
    return train


logger = logging.getLogger(__name__)

_KIND, _VERSION = "class predictor", 1


def write(predictor: ClassPredictor, path: str | Path) -> None:
    """Write a predictor; the file is replaced whole or not at all."""
    committee = predictor.committee
    content = {
        "usual_weights": predictor.usual_weights,
        "questions": predictor.questions,
        "gain": predictor.gain,
        "gain_error": predictor.gain_error,
        "embeddings": predictor.sources.embeddings_name,
        "features": predictor.sources.features_name,
        "committee": None if committee is None else _written(committee),
    }
    write_document(path, _KIND, _VERSION, content)


def read(path: str | Path, sources: Sources) -> ClassPredictor:
    """Read a predictor, see `ClassPredictor.load`."""
    content = read_document(path, _KIND, _VERSION, "train again")
    if content.get("committee") is not None:
        _check_sources(path, content, sources)
    try:
        return ClassPredictor(
            tuple(content["usual_weights"]),
            content["questions"],
            content["gain"],
            content["gain_error"],
            sources,
            None if content["committee"] is None else _read_committee(content["committee"]),
        )
    except KeyError as error:
        raise ValueError(f"{path} is not a valid class predictor: missing {error}.") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a valid class predictor: {error}") from None


def _check_sources(path: str | Path, content: dict[str, Any], sources: Sources) -> None:
    """See that the predictor gets what it was trained with."""
    for name in ("embeddings", "features"):
        wanted, given = content.get(name), getattr(sources, f"{name}_name")
        if (wanted is None) != (given is None):
            raise ValueError(
                f"{name} must be those that the predictor in {path} was trained with, "
                f"{wanted or 'none'}, got {given or 'none'}."
            )
        if wanted != given:
            logger.warning(
                "The predictor was trained with %s %s and is given %s: it foretells only if both "
                "are the same.",
                name,
                wanted,
                given,
            )


def _written(committee: Committee) -> dict[str, Any]:
    inputs = committee.inputs
    return {
        "dimensions": inputs.dimensions,
        "columns": inputs.columns.columns,
        "mean": inputs.mean.tolist(),
        "scale": inputs.scale.tolist(),
        "networks": {name: _digits(each) for name, each in committee.networks._asdict().items()},
        "trust": committee.trust.tolist(),
    }


def _read_committee(content: dict[str, Any]) -> Committee:
    inputs = Inputs(
        content["dimensions"],
        FeatureColumns(tuple((name, stratum) for name, stratum in content["columns"])),
        np.array(content["mean"], dtype=np.float64),
        np.array(content["scale"], dtype=np.float64),
    )
    networks = {
        name: np.array(content["networks"][name], dtype=np.float32) for name in Networks._fields
    }
    return Committee(inputs, Networks(**networks), np.array(content["trust"], dtype=np.float64))


def _digits(values: NDArray[np.float32]) -> Any:
    """Return nested lists of the shortest decimals that are the same single-precision numbers."""
    if values.ndim:
        return [_digits(each) for each in values]
    return float(str(values))
