"""Presets: rates of public loops, each with its sources."""

import json

import pytest

from langchain_markovscale import Calibration, Criterion
from langchain_markovscale.calibration.presets import PRESETS
from langchain_markovscale.cli.loop import calibration_named
from langchain_markovscale.types import new_attempt

NAMES = sorted(path.stem for path in PRESETS.glob("*.json"))


def test_there_are_presets():
    assert "code_with_tests" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_says_where_its_rates_come_from_and_that_they_are_not_yours(name):
    preset = Calibration.preset(name)
    cells = preset.metadata["cells"]
    assert len(cells) >= 3
    assert len({cell["source"] for cell in cells}) >= 2
    assert sum(cell["ahead"] for cell in cells) > 0  # of the default prior, each left out
    assert "nothing of yours was measured" in preset.source


def test_a_program_that_fails_its_tests_is_revised_and_one_that_passes_is_returned():
    rule = Criterion(Calibration.preset("code_with_tests"), 0.02, actions=("revise",))
    assert rule.decide([new_attempt("", key="a", score=0.0)])["action"] == "revise"
    assert rule.decide([new_attempt("", key="a", score=1.0)])["action"] == "stop"


def test_the_command_takes_a_preset_by_its_name():
    assert calibration_named("preset:code_with_tests") == Calibration.preset("code_with_tests")


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match=r"'code_with_tests'.*got 'poems'"):
        Calibration.preset("poems")


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_holds_facts_and_no_texts(name):
    text = (PRESETS / f"{name}.json").read_text()
    assert len(text) < 100_000
    assert json.loads(text)["metadata"]["cells"][0]["traces"] >= 0
