"""Figures with their limits: collected while the benchmarks run, shown as a table and kept."""

import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import pytest


class Figure(NamedTuple):
    """A measured value, and the limit that it has to keep."""

    name: str
    value: float
    unit: str
    at_most: float | None
    at_least: float | None

    @property
    def holds(self) -> bool:
        above = self.at_most is not None and self.value > self.at_most
        below = self.at_least is not None and self.value < self.at_least
        return not (above or below)

    @property
    def limit(self) -> str:
        bounds = (("≤", self.at_most), ("≥", self.at_least))
        return " ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)

    def __str__(self) -> str:
        return f"{self.name}: {self.value:.4g} {self.unit} (limit {self.limit or 'none'})"


FIGURES = pytest.StashKey[list[Figure]]()
TRIES, PAUSE = 6, 5  # seconds: slow spells of a machine that others use as well last longer


def pytest_configure(config):
    config.stash[FIGURES] = []


@pytest.fixture
def figure(request) -> Callable[..., None]:
    """Records a figure for the table, then fails where it breaks its limit.

    ``figure("import beyond Python's start", 4.1, "ms", at_most=30)``

    In place of the value it takes what measures it, and then does so again, up to six times, while
    the limit is broken: whatever else a machine does can only make a time longer.
    """

    def record(
        name: str,
        value: float | Callable[[], float],
        unit: str,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        taken = value() if callable(value) else value
        measured = Figure(name, float(taken), unit, at_most, at_least)
        for _ in range(TRIES - 1 if callable(value) else 0):
            if measured.holds:
                break
            time.sleep(PAUSE)
            measured = measured._replace(value=min(measured.value, float(value())))
        request.config.stash[FIGURES].append(measured)
        print(measured, flush=True)  # for whoever watches with pytest's -s
        assert measured.holds, str(measured)

    return record


def pytest_terminal_summary(terminalreporter, config):
    figures = config.stash[FIGURES]
    if not figures:
        return
    text = table(figures)
    target = config.rootpath / "build" / "benchmarks.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")
    terminalreporter.section("figures")
    terminalreporter.write(text)
    terminalreporter.write_line(f"kept in {target.relative_to(config.rootpath)}")


def table(figures: list[Figure]) -> str:
    """The figures as aligned columns, under a line that says where and when they were taken."""
    rows = [("figure", "value", "limit", "")]
    rows += [
        (one.name, f"{one.value:.4g} {one.unit}", one.limit, "" if one.holds else "BROKEN")
        for one in figures
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}".rstrip()
        for row in rows
    ]
    taken = (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Python {platform.python_version()}, "
        f"{platform.machine()}, {os.cpu_count()} cores"
    )
    return "\n".join([taken, "", *lines, ""])
