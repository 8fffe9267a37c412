"""The MAP variant's source of class weights: a predictor that reads the question.

A calibration knows what share of all questions is easy; a predictor says how likely it is that
*this* one is. It learns from the traces that the calibration was fitted to, is evaluated on
questions that it was not trained on, and where questions do not predict their class it says so and
returns the calibration's weights. Predicting needs numpy, training (`predictor_training`) torch.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike

from langchain_markovscale._extras import naming_the_extra
from langchain_markovscale._text import logger_of
from langchain_markovscale.calibration.calibration import Calibration
from langchain_markovscale.calibration.committee import (
    Committee,
    Floats,
    finite,
    standardized,
)
from langchain_markovscale.calibration.json_file import read_document, write_document
from langchain_markovscale.display.wording import counted
from langchain_markovscale.theory.mixture import check_weights
from langchain_markovscale.theory.rates import Rates
from langchain_markovscale.theory.validation import non_negative, whole
from langchain_markovscale.traces.features import Features, columns_of, encoded
from langchain_markovscale.traces.trace import Trace

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

FeatureFunction = Callable[[str], Features]

_FEWEST = 25  # questions: five for each fold
_SURE = 1.645  # standard errors by which held-out questions must gain
_KIND, _VERSION = "class predictor", 1
_NUMBERS = ("usual_weights", "questions", "gain", "gain_error")

logger = logger_of(__name__)


@dataclass(frozen=True)
class Sources:
    """Where a question's numbers come from.

    Attributes:
        embeddings: Embeds the question's text; None where it is not embedded.
        features: Makes features of the question's text; None where there are none, or they are
            given beside it.
    """

    embeddings: "Embeddings | None" = None
    features: FeatureFunction | None = None

    def records(
        self, questions: Sequence[str], given: Sequence[Features | None] | None
    ) -> Sequence[Features | None]:
        """Return the features of questions: by the function, or as they were given."""
        if self.features is not None:
            return [self.features(question) for question in questions]
        return [None] * len(questions) if given is None else given

    @property
    def names(self) -> dict[str, str | None]:
        """Names of the embeddings and the function, to recognise them when loading."""
        models = (getattr(self.embeddings, name, None) for name in ("model_name", "model"))
        model = next((each for each in models if each and isinstance(each, str)), "")
        embeddings = f"{type(self.embeddings).__name__}({model})"
        function = str(getattr(self.features, "__qualname__", type(self.features).__name__))
        return {
            "embeddings": None if self.embeddings is None else embeddings,
            "features": None if self.features is None else function,
        }


@dataclass(frozen=True)
class ClassPredictor:
    """Predicts the class weights of a question before its first attempt.

    Make one with `fit` or `load`; give it to a graph with `variant="map"`, or its weights to
    `Criterion.decide`.

    Attributes:
        usual_weights: w of the calibration, for questions of which nothing is known.
        questions: How many questions it was trained and evaluated on.
        gain: By how much it raises the log likelihood of a held-out question over that under the
            usual weights, in nats; the mean over questions.
        gain_error: Standard error of that mean.
        sources: Where embeddings and features come from.
        committee: The trained networks; None where questions do not predict their class.
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
        embeddings: "Embeddings | None" = None,
        features: FeatureFunction | None = None,
        hidden: int = 32,
        weight_decay: float = 1.0,
        seed: int = 0,
    ) -> "ClassPredictor":
        """Learn from traces how a question predicts its class.

        Small networks are trained on the marginal likelihood of what was seen,
        Σ_q ln Σ_k softmax(ln w + f(x_q))_k P(events of q | k), with early stopping on held-out
        questions; labels may be missing where the calibration could do without them.

        Args:
            traces: Also as a stream; those that the calibration was fitted to will do.
            calibration: The classes, a `Calibration` (those that it decides with) or bare `Rates`.
            embeddings: Any LangChain `Embeddings`; the question's text is embedded.
            features: A function from the question's text to its features: a stratum's name, a
                vector, or a dictionary of both. Without it and without embeddings the traces' own
                `features` are used, and `weights` must then be given those of new questions.
            hidden: Hidden units of a network.
            weight_decay: How strongly networks are pulled towards the usual weights; at least 0.
            seed: The same traces and seed give the same predictor.

        Raises:
            ValueError: If there is nothing to learn from, or an option is invalid.
            ModuleNotFoundError: If torch is not installed (extra `huggingface`).
        """
        whole("hidden", hidden, least=1)
        non_negative("weight_decay", weight_decay)
        try:
            from langchain_markovscale.calibration.predictor_training import evidence, train
        except ModuleNotFoundError as error:
            raise naming_the_extra(error) from error
        rates = calibration if isinstance(calibration, Rates) else calibration.class_rates
        questions, recorded, likelihoods = evidence(traces, rates)
        if embeddings is None and features is None and not columns_of(recorded):
            raise ValueError(
                "traces have no features to learn from: give embeddings, a function as features, "
                "or record features with the traces."
            )
        sources = Sources(embeddings, features)
        plain = cls(rates.weights, len(questions), 0.0, 0.0, sources, None)
        if len(set(questions)) < _FEWEST or rates.n_classes == 1:
            return plain
        records = sources.records(questions, recorded if embeddings is None else None)
        columns = columns_of(records)
        table, dimensions = encoded(records, columns), 0
        if embeddings is not None:
            vectors = _vectors(embeddings.embed_documents(questions), questions)
            table, dimensions = np.hstack([vectors, table]), vectors.shape[1]
        mean, scale = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
        scale[scale <= 1e-12] = 1.0
        layers, trust, gains = train(
            standardized(table, mean, scale, dimensions),
            likelihoods,
            np.array(rates.weights),
            np.unique(questions, return_inverse=True)[1],
            hidden=int(hidden),
            weight_decay=float(weight_decay),
            seed=seed,
        )
        gain, spread = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(len(gains)))
        committee = None
        if gain > _SURE * spread:
            committee = Committee(dimensions, columns, mean, scale, layers, trust)
        return replace(plain, gain=gain, gain_error=spread, committee=committee)

    @property
    def n_classes(self) -> int:
        """K, the number of classes."""
        return len(self.usual_weights)

    @property
    def informative(self) -> bool:
        """Whether questions predict their class; else all get the usual weights."""
        return self.committee is not None

    @property
    def needs_features(self) -> bool:
        """Whether it needs features that are given beside the question."""
        return self.informative and self.sources == Sources()

    @property
    def summary(self) -> str:
        """What was learned, in a sentence."""
        if self.n_classes == 1:
            return "There is one class of questions: nothing to predict."
        usual = "every question gets the calibration's weights"
        seen = counted(self.questions, "question")
        if not self.gain_error and not self.informative:
            few = counted(self.questions, "question is", "questions are")
            return f"{few} too few to learn from ({_FEWEST} do): {usual}."
        gain = f"{self.gain:+.3f} ± {self.gain_error:.3f}"
        found = f"log likelihood of a held-out question {gain}, over {seen}"
        if self.informative:
            return f"Questions predict their class ({found})."
        return f"Questions do not predict their class ({found}): {usual}."

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
        model = self.sources.embeddings if self.informative else None
        embedded = None if model is None else await model.aembed_documents([question])
        return self._predicted([question], embedded, None if features is None else [features])[0]

    def weights_of(
        self, questions: Sequence[str], features: Sequence[Features | None] | None = None
    ) -> list[list[float]]:
        """Return the class weights of many questions at once, see `weights`."""
        model = self.sources.embeddings if self.informative and questions else None
        # As documents: some models embed queries in another way than training has embedded.
        embedded = None if model is None else model.embed_documents(list(questions))
        return self._predicted(questions, embedded, features)

    def _predicted(
        self,
        questions: Sequence[str],
        embedded: ArrayLike | None,
        features: Sequence[Features | None] | None,
    ) -> list[list[float]]:
        if features is not None and len(features) != len(questions):
            raise ValueError(
                f"features must be as many as the questions ({len(questions)}), got "
                f"{len(features)}: give None for a question of which nothing is known."
            )
        if self.needs_features and features is None:
            raise ValueError(
                "features are missing: the predictor was trained on features that were recorded "
                "with the traces. Give those of the question, or train it with embeddings or a "
                "function as features."
            )
        if self.committee is None or not questions:
            return [list(self.usual_weights) for _ in questions]
        vectors = None if embedded is None else _vectors(embedded, questions)
        records = self.sources.records(questions, features)
        weights = self.committee.weights(vectors, records, np.array(self.usual_weights))
        return cast("list[list[float]]", weights.tolist())

    def save(self, path: str | Path) -> None:
        """Write the predictor as JSON; embeddings and functions are not saved, but named."""
        content = {name: getattr(self, name) for name in _NUMBERS} | self.sources.names
        content["committee"] = None if self.committee is None else self.committee.content()
        write_document(path, _KIND, _VERSION, content)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        embeddings: "Embeddings | None" = None,
        features: FeatureFunction | None = None,
    ) -> "ClassPredictor":
        """Read a predictor that `save` wrote.

        Args:
            path: The file.
            embeddings: The embeddings that it was trained with, where it was.
            features: The function that it was trained with, where it was.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If the file is not a predictor, or what it was trained with is missing.
        """
        content = read_document(path, _KIND, _VERSION, "train again")
        sources = Sources(embeddings, features)
        if content.get("committee") is not None:
            _check_sources(path, content, sources)
        try:
            numbers = {name: content[name] for name in _NUMBERS}
            numbers["usual_weights"] = tuple(check_weights(numbers["usual_weights"]).tolist())
            whole("questions", numbers["questions"])
            for name in ("gain", "gain_error"):
                finite(name, numbers[name], ())
            kept = content["committee"]
            if kept is not None:
                kept = Committee.of(kept, classes=len(numbers["usual_weights"]))
            return cls(**numbers, sources=sources, committee=kept)
        except (KeyError, TypeError, ValueError) as error:
            missing = "missing " if isinstance(error, KeyError) else ""
            raise ValueError(f"{path} is not a valid class predictor: {missing}{error}.") from None


def _vectors(embedded: ArrayLike, questions: Sequence[str]) -> Floats:
    vectors = np.asarray(embedded, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) != len(questions) or not np.isfinite(vectors).all():
        raise ValueError(
            f"embeddings must return one vector of finite numbers for each of {len(questions)} "
            f"questions, got shape {vectors.shape}: give others."
        )
    return vectors


def _check_sources(path: str | Path, content: Mapping[str, Any], sources: Sources) -> None:
    """See that a predictor gets what it was trained with."""
    for name, given in sources.names.items():
        wanted = content.get(name)
        if (wanted is None) != (given is None):
            raise ValueError(
                f"{name} must be those that the predictor in {path} was trained with, "
                f"{wanted or 'none'}, got {given or 'none'}: give the same."
            )
        if wanted != given:
            logger.warning("The predictor was trained with %s %s, not %s.", name, wanted, given)
