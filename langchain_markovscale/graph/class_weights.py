"""The class weights of one question: predicted before its first attempt, kept in the state.

They are plain floats under `class_weights`, so that a resumed run decides with the weights that it
began with, and the predictor is called once for each question.
"""

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.runnables import Runnable, RunnableLambda

from langchain_markovscale.calibration.predictor import ClassPredictor
from langchain_markovscale.theory.criterion import Criterion
from langchain_markovscale.theory.mixture import check_weights
from langchain_markovscale.theory.rates import Variant

PredictorLike = ClassPredictor | Runnable[Any, Any] | Callable[[str], Any]
"""A predictor, or any Runnable or function from a question's text to class weights."""

CLASS_WEIGHTS_KEY = "class_weights"
_BY_QUESTION: tuple[Variant, ...] = ("map", "gate")  # variants that use a question's own weights


def as_predictor(predictor: PredictorLike | None) -> Runnable[Any, Any] | None:
    """Return a Runnable from a question's text to its class weights.

    Raises:
        ValueError: If the predictor needs more than the question's text.
        TypeError: If it is of no accepted type.
    """
    if predictor is None or isinstance(predictor, Runnable):
        return predictor
    if isinstance(predictor, ClassPredictor):
        if predictor.needs_features:
            raise ValueError(
                "predictor was trained on features recorded with the traces, which a question does "
                "not bring along: train it with embeddings=… or with a function as features=…."
            )
        return RunnableLambda(predictor.weights, predictor.aweights, name="class_predictor")
    if not callable(predictor):
        raise TypeError(
            "predictor must be a ClassPredictor, or a Runnable or function from a question's text "
            f"to class weights, got {type(predictor).__name__}."
        )
    return RunnableLambda(predictor, name="class_predictor")


def check_predictor(predictor: PredictorLike | None, criterion: Criterion) -> None:
    """Check that predictor and variant go together.

    Raises:
        ValueError: If one is there without the other, or they have different classes.
    """
    variant = criterion.variant
    if predictor is None:
        if variant == "map":
            raise ValueError(
                "variant='map' needs a predictor of class weights: give predictor=ClassPredictor"
                ".fit(traces, calibration, embeddings=…), or leave the variant at 'mixture'."
            )
        return
    if variant not in _BY_QUESTION:
        raise ValueError(
            f"predictor is not used with variant={variant!r}: give variant='map' to decide each "
            "round by its weights, or variant='gate' to decide once whether to loop at all."
        )
    if isinstance(predictor, ClassPredictor):
        criterion.belief.prior(predictor.usual_weights)


def plain_weights(predicted: Any) -> list[float]:
    """Return predicted class weights as plain floats.

    Raises:
        ValueError: If they are not shares that sum to 1.
    """
    weights: list[float] = check_weights(predicted).tolist()
    return weights


def weights_in(
    values: Mapping[str, Any], criterion: Criterion | None, key: str = CLASS_WEIGHTS_KEY
) -> list[float] | None:
    """Return the class weights that a state holds, where the criterion uses any.

    Raises:
        ValueError: If the criterion needs them and there are none.
    """
    if criterion is None or criterion.variant not in _BY_QUESTION:
        return None
    weights: list[float] | None = values.get(key)
    if weights is None and criterion.variant == "map":
        raise ValueError(
            f"variant='map' needs the question's class weights under {key!r} of the state, and "
            "there are none: let a node write ClassPredictor.weights(question) there, as "
            "generate_node(predictor=…) does."
        )
    return weights
