"""A calibration in a file that can be read, compared, and checked into a repository."""

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langchain_markovscale.calibration.documents import read_document, write_document
from langchain_markovscale.calibration.summary import FitSummary
from langchain_markovscale.theory.rates import Rates

if TYPE_CHECKING:
    from langchain_markovscale.calibration.calibration import Calibration

_KIND, _VERSION = "calibration", 1

# What differs between draws; the rest of each is that of the rates.
_DRAWN = (
    "weights", "initial", "repair", "corruption", "sensitivity", "specificity", "settling",
    "coincidence",
)  # fmt: skip


def write(calibration: "Calibration", path: str | Path) -> None:
    """Write a calibration; the file is replaced whole or not at all."""
    content = asdict(calibration)
    content["draws"] = {
        name: [getattr(draw, name) for draw in calibration.draws] for name in _DRAWN
    }
    write_document(path, _KIND, _VERSION, content)


def read(kind: type["Calibration"], path: str | Path) -> "Calibration":
    """Read a calibration, see `Calibration.load`."""
    content = read_document(path, _KIND, _VERSION, "calibrate again")
    try:
        rates = content["rates"] = _build(Rates, content.get("rates"), "rates.")
        content["draws"] = _draws(rates, content.get("draws"))
        if content.get("fitted") is not None:
            content["fitted"] = _build(FitSummary, content["fitted"], "fitted.")
        calibration: Calibration = _build(kind, content)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a valid calibration: {error}") from None
    return calibration


def _draws(rates: Rates, columns: Any) -> tuple[Rates, ...]:
    if not isinstance(columns, dict) or set(columns) != set(_DRAWN):
        raise ValueError(f"draws must hold {', '.join(_DRAWN)}, each a list with one entry a draw.")
    rows = zip(*(columns[name] for name in _DRAWN), strict=True)
    return tuple(replace(rates, **dict(zip(_DRAWN, row, strict=True))) for row in rows)


def _build(kind: type[Any], values: Any, prefix: str = "") -> Any:
    """Make a dataclass from the fields of a JSON object, naming what is missing or unknown."""
    if not isinstance(values, dict):
        raise ValueError(f"{prefix.rstrip('.')} must be an object, got {values!r}.")
    names = {each.name for each in fields(kind)}
    if missing := names - values.keys():
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
