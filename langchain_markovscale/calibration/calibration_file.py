"""The file of a calibration: JSON that is written whole or not at all, and checked when read."""

import reprlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from langchain_markovscale._text import logger_of
from langchain_markovscale.calibration.json_file import read_document, write_document
from langchain_markovscale.calibration.typed_json import made, typed
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

logger = logger_of("langchain_markovscale.calibration")


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
        rates = made(Rates, given, "rates.", _NEW)
        columns = content.pop("draws", None)
        calibration = made(kind, {**content, "rates": rates, "draws": []}, "", _NEW)
        calibration = replace(calibration, draws=_draws(rates, columns))  # takes longest
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
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


def _with_equal_wrong_answers(rates: Rates) -> Rates:
    """Return rates of version 0.1 as they were meant, with M = 1/κ equally likely wrong answers."""
    return replace(rates, plausible_wrong=1 / rates.coincidence)


def _draws(rates: Rates, columns: Any) -> tuple[Rates, ...]:
    known = set(columns) if isinstance(columns, dict) else set()
    if known not in (set(_DRAWN), set(_DRAWN) - _NOT_DRAWN_IN_0_1):
        raise ValueError(
            f"draws must hold {', '.join(_DRAWN)}, each a list with one entry a draw, got "
            f"{reprlib.repr(columns)}: calibrate again."
        )
    columns = {name: typed(tuple[Any, ...], of, f"draws.{name}") for name, of in columns.items()}
    rows = zip(*columns.values(), strict=True)
    return tuple(replace(rates, **dict(zip(columns, row, strict=True))) for row in rows)
