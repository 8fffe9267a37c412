"""The file of a calibration: JSON that is written whole or not at all, and checked when read."""

import logging
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from langchain_markovscale.calibration.json_file import read_document, write_document
from langchain_markovscale.calibration.summary import FitSummary
from langchain_markovscale.theory.delivery import Delivered, Delivery, Played
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores
from langchain_markovscale.theory.rates import Rates

_KIND, _VERSION = "calibration", 1

# What differs between draws; the rest of each is that of the rates.
_DRAWN = (
    "weights", "initial", "repair", "corruption", "sensitivity", "specificity", "settling",
    "coincidence", "plausible_wrong", "retention",
)  # fmt: skip
# Version 0.1 wrote none of these; a field without a value there has its default.
_NEW = {
    "plausible_wrong", "scores", "keyed", "decision", "delivery", "auc_within",
    "auc_within_interval", "no_key", "plan_check",
}  # fmt: skip
_NOT_DRAWN_IN_0_1 = {"plausible_wrong", "retention"}
_PLAYED = ("at_its_word", "in_force")  # the fields of a row of delivery that are objects

logger = logging.getLogger("langchain_markovscale.calibration")


def write(calibration: Any, path: str | Path) -> None:
    """Write a `Calibration`; the file is replaced whole or not at all."""
    content = asdict(replace(calibration, draws=()))
    content["draws"] = {
        name: [getattr(draw, name) for draw in calibration.draws] for name in _DRAWN
    }
    write_document(path, _KIND, _VERSION, content)


def read(kind: type[Any], path: str | Path) -> Any:
    """Read a `Calibration`, the class given as `kind`; see `Calibration.load`."""
    content = read_document(path, _KIND, _VERSION, "calibrate again")
    try:
        given: Any = content.get("rates")
        rates = content["rates"] = _rates(given, "rates.")
        content["draws"] = _draws(rates, content.get("draws"))
        if content.get("decision") is not None:
            content["decision"] = _rates(content["decision"], "decision.")
        if content.get("fitted") is not None:
            content["fitted"] = _build(FitSummary, content["fitted"], "fitted.")
        content["delivery"] = _delivery(content.get("delivery"))
        calibration = _build(kind, content)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a valid calibration: {error}") from None
    if "plausible_wrong" in given:
        return calibration
    logger.warning(
        "%s is a calibration of version 0.1, by which a question has 1/κ wrong answers, all "
        "of them equally likely. Wrong answers agree more often than that: calibrate again.",
        path,
    )
    return replace(
        calibration,
        rates=_with_equal_wrong_answers(rates),
        draws=tuple(map(_with_equal_wrong_answers, calibration.draws)),
    )


def _rates(values: Any, prefix: str) -> Rates:
    if isinstance(values, dict) and values.get("scores") is not None:
        law = GradedScores if "quantiles" in values["scores"] else TwoValuedScores
        values = {**values, "scores": _build(law, values["scores"], f"{prefix}scores.")}
    rates: Rates = _build(Rates, values, prefix)
    return rates


def _with_equal_wrong_answers(rates: Rates) -> Rates:
    """Return rates of version 0.1 as they were meant, with M = 1/κ equally likely wrong answers."""
    return replace(rates, plausible_wrong=1 / rates.coincidence)


def _draws(rates: Rates, columns: Any) -> tuple[Rates, ...]:
    known = set(columns) if isinstance(columns, dict) else set()
    if known not in (set(_DRAWN), set(_DRAWN) - _NOT_DRAWN_IN_0_1):
        raise ValueError(
            f"draws must hold {', '.join(_DRAWN)}, each a list with one entry a draw, got "
            f"{columns!r:.80}: calibrate again."
        )
    rows = zip(*columns.values(), strict=True)
    return tuple(replace(rates, **dict(zip(columns, row, strict=True))) for row in rows)


def _delivery(values: Any) -> Delivery | None:
    if values is None:
        return None
    delivery: Delivery = _build(Delivery, values, "delivery.")
    rows = []
    for number, row in enumerate(delivery.rows):
        at = f"delivery.rows[{number}]."
        built: Delivered = _build(Delivered, row, at)
        plays = {name: _build(Played, getattr(built, name), f"{at}{name}.") for name in _PLAYED}
        rows.append(replace(built, **plays))
    return replace(delivery, rows=tuple(rows))


def _build(kind: type[Any], values: Any, prefix: str = "") -> Any:
    """Make a dataclass from the fields of a JSON object, naming what is missing or unknown."""
    if not isinstance(values, dict):
        raise ValueError(f"{prefix.rstrip('.')} must be an object, got {values!r}.")
    names = {each.name for each in fields(kind)}
    if missing := names - values.keys() - _NEW:
        raise ValueError(f"missing {', '.join(prefix + name for name in sorted(missing))}.")
    if unknown := values.keys() - names:
        raise ValueError(f"unknown {', '.join(prefix + name for name in sorted(unknown))}.")
    return kind(**{name: _frozen(value) for name, value in values.items()})


def _frozen(value: Any) -> Any:
    """Return JSON's lists as the tuples that they were."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return {name: _frozen(each) for name, each in value.items()}
    return value
