"""Presets: rates of public loops, each with its sources."""

import json
from dataclasses import replace
from statistics import mean, stdev

import pytest
from docs_pages import DOCS

from langchain_markovscale import (
    Calibration,
    Criterion,
    MarkovScaleRouter,
    create_markovscale_graph,
)
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
    ahead = [cell["ahead"] for cell in cells]  # of the default prior, each left out
    assert mean(ahead) > stdev(ahead) / len(ahead) ** 0.5
    assert "nothing of yours was measured" in preset.source


def test_a_program_that_fails_its_tests_is_revised_and_one_that_passes_is_returned():
    rule = Criterion(Calibration.preset("code_with_tests"), 0.02, actions=("revise",))
    assert rule.decide([new_attempt("", key="a", score=0.0)])["action"] == "revise"
    assert rule.decide([new_attempt("", key="a", score=1.0)])["action"] == "stop"


def test_the_command_takes_a_preset_by_its_name():
    assert calibration_named("preset:code_with_tests") == Calibration.preset("code_with_tests")


def test_the_page_on_presets_names_each_and_says_why_there_is_none_for_self_correction():
    page = (DOCS / "tasks" / "code.md").read_text(encoding="utf-8")
    assert all(f"`markovscale solve --calibration preset:{name}`" in page for name in NAMES)
    assert ("There is no `self_correction`" in page) == ("self_correction" not in NAMES)


def test_an_unknown_preset_is_refused():
    with pytest.raises(ValueError, match=r"'code_with_tests'.*got 'poems'"):
        Calibration.preset("poems")


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_holds_facts_and_no_texts(name):
    text = (PRESETS / f"{name}.json").read_text()
    assert len(text) < 100_000
    assert json.loads(text)["metadata"]["cells"][0]["traces"] >= 0


def program(score, parent=None, key=None):
    action = "generate" if parent is None else "revise"
    return {"text": "…", "key": key, "score": score, "action": action, "parent": parent}


def test_a_program_without_a_key_is_believed_by_its_tests():
    decide = Criterion(Calibration.preset("code_with_tests"), 0.01, 4).decide
    passed, failed = decide([program(1.0)]), decide([program(0.0)])
    assert (passed["action"], failed["action"]) == ("stop", "generate")
    assert passed["belief"] > 0.7
    assert failed["belief"] < 0.05


@pytest.mark.parametrize("keys", [(None, None), ("a", "b")])
def test_a_part_of_the_tests_is_a_rejection(keys):
    decide = Criterion(Calibration.preset("code_with_tests"), 0.01, 4).decide
    attempts = [program(0.67, key=keys[0]), program(1.0, 0, keys[1])]
    assert decide(attempts)["best"] == 1
    assert decide(attempts[:1])["belief"] == decide([program(0.0, key=keys[0])])["belief"]


def test_a_loop_without_keys_does_not_take_their_lack_for_a_sign():
    keyed = Calibration(replace(Calibration.preset("code_with_tests").rates, keyed=True), "test")
    graph = create_markovscale_graph(
        generate=lambda request: "pass", revise=lambda request: "pass",
        verifier=lambda answer: 1.0, calibration=keyed,
    )  # fmt: skip
    assert graph.invoke({"question": "?"})["decision"]["belief"] > 0.7
    router = MarkovScaleRouter(keyed, answers_key="drafts", scores_key="scores")
    assert router.decide({"drafts": ["pass"], "scores": [1.0]})["belief"] > 0.7
