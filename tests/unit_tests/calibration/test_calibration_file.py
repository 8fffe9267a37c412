"""What a file keeps of a calibration, and what version 0.1 meant by one."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from mutations import ORIGINALS, loaded, mutations
from simulated_loops import IMPROVING

from langchain_markovscale import Calibration, Criterion, Rates
from langchain_markovscale.theory.intercept import GradedScores, TwoValuedScores
from langchain_markovscale.types import new_attempt

OLD = Path(__file__).parents[2] / "data" / "v0_1"
RATES = Rates((0.4, 0.6), (0.9, 0.3), (0.3, 0.1), (0.1, 0.2), 0.8, 0.7, retention=(0.2, 0.9))
GRADED = GradedScores(0.5, -0.5, 0.8, 0.9, 0.1, 0.6, (0.1, 0.4, 0.9), (-1.2, 0.0, 1.2))
TWO_VALUED = TwoValuedScores(1.5, -1.0, 0.2, 0.7)


@pytest.mark.parametrize("law", [GRADED, TWO_VALUED], ids=["graded", "two-valued"])
def test_scores_and_the_rates_of_decisions_are_kept(law, tmp_path, caplog):
    decision = replace(RATES, weights=(0.1, 0.9), scores=law, coincidence=0.4)
    draws = (RATES, replace(RATES, retention=(0.5, 0.6), coincidence=0.3, plausible_wrong=5.0))
    calibration = Calibration(RATES, "test", draws=draws, decision=decision)
    calibration.save(tmp_path / "calibration.json")
    loaded = Calibration.load(tmp_path / "calibration.json")
    assert loaded == calibration
    assert loaded.decision_rates == decision
    assert not caplog.records


def test_a_file_of_0_1_means_equally_likely_wrong_answers_and_says_so_once(caplog):
    with caplog.at_level(logging.WARNING, logger="langchain_markovscale.calibration"):
        calibration = Calibration.load(OLD / "calibration.json")
    (record,) = caplog.records
    assert record.name == "langchain_markovscale.calibration"
    assert "calibrate again" in record.getMessage()
    for rates in (calibration.rates, calibration.decision_rates, *calibration.draws):
        assert rates.plausible_wrong == pytest.approx(1 / rates.coincidence)
    assert len({draw.coincidence for draw in calibration.draws}) > 1


def test_a_file_of_0_1_that_is_saved_again_is_a_new_one(tmp_path, caplog):
    calibration = Calibration.load(OLD / "calibration.json")
    calibration.save(tmp_path / "again.json")
    caplog.clear()
    assert Calibration.load(tmp_path / "again.json") == calibration
    assert not caplog.records


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["decision"].pop("weights"), r"missing decision\.weights"),
        (lambda content: content["decision"]["scores"].pop("right"), r"missing decision\.scores"),
        (lambda content: content["draws"].pop("repair"), "draws must hold"),
        (lambda content: content.update(draws=[]), "draws must hold"),
    ],
)
def test_what_is_broken_is_named(change, message, tmp_path):
    path = tmp_path / "calibration.json"
    Calibration(RATES, "test", decision=replace(RATES, scores=GRADED)).save(path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        Calibration.load(path)


def test_known_wrong_answers_are_equally_likely_or_drawn_from_an_urn():
    urn, alike = (
        Calibration.from_rates(
            initial=0.5, repair=0.2, corruption=0.1, coincidence=0.25, plausible_wrong=many
        ).rates.urn
        for many in (None, 4)
    )
    assert urn.concentration == pytest.approx(3)
    # After one draw the next is the same with chance κ; after nine it is so in an urn alone.
    nine = [(1, None)] * 9
    assert alike.log_chance([*nine, (1, None)]) - alike.log_chance(nine) == pytest.approx(
        -1.3863, abs=1e-4
    )
    assert urn.log_chance([*nine, (1, None)]) - urn.log_chance(nine) > -0.3
    with pytest.raises(ValueError, match="plausible_wrong must be at least 1/coincidence = 4"):
        Calibration.from_rates(
            initial=0.5, repair=0.2, corruption=0.1, coincidence=0.25, plausible_wrong=3
        )


def test_a_file_without_counts_of_missing_keys_is_read(tmp_path):
    calibration = Calibration.fit(IMPROVING.traces(30, 2, 2, seed=0), n_bootstrap=0, delivery=False)
    path = tmp_path / "calibration.json"
    calibration.save(path)
    content = json.loads(path.read_text())
    del content["fitted"]["no_key"]
    path.write_text(json.dumps(content))
    assert Calibration.load(path) == calibration


@pytest.mark.parametrize("original", ORIGINALS, ids=lambda path: path.stem)
def test_a_file_with_anything_in_it_is_read_cleanly_or_refused(original, tmp_path):
    path, again = tmp_path / "calibration.json", tmp_path / "again.json"
    document = json.loads(original.read_text(encoding="utf-8"))
    for text in mutations(document, seed=2, number=60):
        path.write_text(text, encoding="utf-8")
        calibration = loaded(path)
        if calibration is None:
            continue
        calibration.save(again)
        assert Calibration.load(again) == calibration
        assert str(calibration.summary())
        drafts = [new_attempt("a", key="a"), new_attempt("b", key="b")]
        assert Criterion(calibration, 0.01, 4).decide(drafts)["attempts"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(source=3), "source must be a string, got 3"),
        (lambda content: content.update(metadata=[]), "metadata must be an object"),
        (lambda content: content["fitted"].update(level=2), "level must lie between 0 and 1"),
        (lambda content: content["fitted"].update(keyed=1), r"fitted\.keyed must be true or false"),
        (
            lambda content: content["fitted"].update(right=["x"]),
            r"right\[0\] must be a fin",
        ),
        (
            lambda content: content["fitted"].update(band=[[0, 1, 2]]),
            r"band\[0\] must have 2 ",
        ),
        (lambda content: content["fitted"]["right"].pop(), "right and total must have as many"),
        (lambda content: content["fitted"]["intervals"]["repair"].pop(), "intervals.repair must"),
        (lambda content: content["rates"].update(weights=[5e-6] * 200_000), "at most 100,000 entr"),
        (lambda content: content["draws"].update(repair=3), "draws.repair must be a list"),
    ],
)
def test_a_field_of_another_form_is_named(change, message, tmp_path):
    path = tmp_path / "calibration.json"
    content = json.loads(ORIGINALS[0].read_text(encoding="utf-8"))
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=rf"calibration\.json is not a valid .*{message}"):
        Calibration.load(path)
