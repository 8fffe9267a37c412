"""The rates of the demo are what its traces say, by the code as it is."""

import json
from pathlib import Path
from typing import Any

import pytest

from langchain_markovscale import Calibration, read_traces
from langchain_markovscale.demo import setting

TRACES = Path(__file__).parents[2] / "data" / "demo_traces.jsonl"


def saved(calibration: Calibration, path: Path) -> dict[str, Any]:
    calibration.save(path)
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def assert_alike(one: Any, other: Any) -> None:
    """Compare what was saved, numbers to eight digits: libraries for arrays differ in the last."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_alike(value, other[key])
    elif isinstance(one, list):
        assert len(one) == len(other)
        for each, its in zip(one, other, strict=True):
            assert_alike(each, its)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-8, abs=1e-8)
    else:
        assert one == other


def test_the_rates_of_the_demo_are_the_fit_to_its_traces(tmp_path: Path) -> None:
    shipped = setting.calibration()
    anew = Calibration.fit(read_traces(TRACES), source=shipped.source, metadata=shipped.metadata)
    assert_alike(saved(anew, tmp_path / "anew"), saved(shipped, tmp_path / "shipped"))


def test_its_traces_answer_the_questions_that_it_is_measured_on() -> None:
    asked = [json.loads(line)["question"] for line in setting.questions_to_measure()]
    assert sorted(trace["question"] for trace in read_traces(TRACES)) == sorted(asked)
