"""A predictor in a file of plain JSON: nothing in it is executed when it is read."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from langchain_markovscale.calibration.documents import read_document, write_document
from langchain_markovscale.calibration.predictor.class_predictor import ClassPredictor, Committee
from langchain_markovscale.calibration.predictor.features import FeatureColumns
from langchain_markovscale.calibration.predictor.inputs import Inputs, Sources
from langchain_markovscale.calibration.predictor.networks import Networks

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
            None if content["committee"] is None else _read(content["committee"]),
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


def _read(content: dict[str, Any]) -> Committee:
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
