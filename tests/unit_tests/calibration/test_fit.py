"""What a calibration says of loops whose rates are known."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from simulated_loops import Loop

from langchain_markovscale import Calibration, Criterion, read_traces, write_traces
from langchain_markovscale.calibration.calibration import DECISION_DRAWS
from langchain_markovscale.theory.rates import training_free_rates

ARITHMETIC = Path(__file__).parents[2] / "data" / "arithmetic.jsonl"


def test_rates_of_a_known_mixture_come_back():
    loop = Loop()
    calibration = Calibration.fit(loop.table(8000, 2, 3, seed=1), n_bootstrap=0)
    rates = calibration.rates
    assert rates.n_classes == 2
    # Four standard errors at this size, by the bootstrap of the same fit.
    assert rates.initial == pytest.approx(loop.initial, abs=0.05)
    assert rates.repair == pytest.approx(loop.repair, abs=0.10)
    assert rates.corruption == pytest.approx(loop.corruption, abs=0.04)
    assert rates.weights == pytest.approx(loop.weights, abs=0.06)
    assert rates.settling == 1


def test_only_many_traces_rule_settling_out():
    few, many = (
        Calibration.fit(Loop().table(n, 2, 3, seed=1), n_bootstrap=0).rates.settling
        for n in (60, 4000)
    )
    assert few < 0.99
    assert many == 1


def test_settling_comes_back():
    calibration = Calibration.fit(
        Loop(settling=0.5, repair=(0.6, 0.4)).table(6000, 2, 3, seed=2), n_bootstrap=0
    )
    assert calibration.rates.settling == pytest.approx(0.5, abs=0.05)


def test_traces_and_their_table_give_the_same_chains():
    traces = Loop().traces(150, 2, 2, seed=3)
    table = np.array(
        [[[a["correct"] for a in t["attempts"][i : i + 3]] for i in (0, 3)] for t in traces]
    )
    for trace in traces:  # a table has no keys, by which a wrong answer comes back or moves
        trace["attempts"] = [{**attempt, "key": None} for attempt in trace["attempts"]]
    by_traces = Calibration.fit(traces, n_bootstrap=0, delivery=False).rates
    by_table = Calibration.fit(table.astype(float), n_bootstrap=0).rates
    assert by_traces.initial == pytest.approx(by_table.initial, abs=1e-3)
    assert by_traces.repair == pytest.approx(by_table.repair, abs=1e-3)


def test_more_classes_are_used_only_where_held_out_questions_ask_for_them():
    two = Calibration.fit(Loop().table(1500, 2, 3, seed=4), n_bootstrap=0)
    three = Calibration.fit(
        Loop(
            weights=(0.4, 0.3, 0.3),
            initial=(0.97, 0.5, 0.03),
            repair=(0.9, 0.5, 0.02),
            corruption=(0.02, 0.5, 0.6),
        ).table(3000, 3, 3, seed=5),
        n_bootstrap=0,
    )
    assert two.rates.n_classes == 2
    assert three.rates.n_classes == 3


def test_traces_without_a_single_revision_are_no_error():
    calibration = Calibration.fit(Loop().traces(80, 3, 0, seed=20), delivery=False)
    assert calibration.fitted.drift == ()
    assert calibration.mixture.accuracy(0) == pytest.approx(0.575, abs=0.12)


def test_the_number_of_classes_can_be_asked_for():
    table = Loop().table(300, 2, 2, seed=6)
    assert Calibration.fit(table, n_classes=1, n_bootstrap=0).rates.n_classes == 1
    assert Calibration.fit(table, n_classes=3, n_bootstrap=0).rates.n_classes == 3


def test_one_class_without_settling_is_counting():
    table = Loop().table(500, 1, 1, seed=7).astype(bool)
    rates = Calibration.fit(table.astype(float), n_classes=1, settling=False, n_bootstrap=0).rates
    first, second = table[:, 0, 0], table[:, 0, 1]
    assert rates.initial[0] == pytest.approx((first.sum() + 0.5) / (len(first) + 1), abs=1e-4)
    assert rates.repair[0] == pytest.approx(
        ((~first & second).sum() + 0.5) / ((~first).sum() + 1), abs=1e-4
    )
    assert rates.corruption[0] == pytest.approx(
        ((first & ~second).sum() + 0.5) / (first.sum() + 1), abs=1e-4
    )


def test_verifier_and_coincidences_are_measured():
    loop = Loop()
    rates = Calibration.fit(loop.traces(800, 3, 2, seed=8), n_bootstrap=0, delivery=False).rates
    assert rates.sensitivity == pytest.approx((0.85, 0.85), abs=0.02)
    assert rates.specificity == pytest.approx((0.80, 0.80), abs=0.02)
    assert rates.coincidence == pytest.approx(1 / 4, abs=0.03)
    assert rates.retention == pytest.approx((1 / 4, 1 / 4), abs=0.05)
    assert rates.verdict_correlation < 0.1


def test_verdicts_that_repeat_are_recognised():
    rates = Calibration.fit(
        Loop(sticky=True).traces(300, 3, 2, seed=9), n_bootstrap=0, delivery=False
    ).rates
    assert rates.verdict_correlation > 0.95


@pytest.mark.parametrize("labelled", [0.15, 0.0])
def test_missing_labels_are_made_up_for_by_agreement(labelled):
    loop = Loop(initial=(0.9, 0.4), repair=(0.6, 0.15), corruption=(0.05, 0.15))
    traces = loop.traces(300, 3, 2, seed=10, labelled=labelled)
    calibration = Calibration.fit(traces, n_classes=2, n_bootstrap=0, delivery=False)
    warned = any(
        "assume that answers which agree are right" in w for w in calibration.fitted.warnings
    )
    assert warned == (labelled == 0)
    rates = calibration.rates
    truth = sum(w * p for w, p in zip(loop.weights, loop.initial, strict=True))
    found = sum(w * p for w, p in zip(rates.weights, rates.initial, strict=True))
    assert found == pytest.approx(truth, abs=0.05)
    assert rates.sensitivity[0] == pytest.approx(0.85, abs=0.04)
    assert rates.specificity[0] == pytest.approx(0.80, abs=0.08)


def test_unlabelled_traces_that_identify_nothing_are_refused():
    with pytest.raises(ValueError, match=r"no labels.*label some attempts.*two fresh starts"):
        Calibration.fit(Loop().traces(200, 1, 3, seed=11, labelled=0.0))


@pytest.mark.parametrize("labelled", [0.0, 0.005])
def test_unlabelled_traces_whose_wrong_answers_agree_are_refused(labelled):
    # Of two possible answers each could be the right one. The fit missed accuracy by .2 and more.
    traces = Loop(wrong_answers=1).traces(150, 2, 2, seed=1, labelled=labelled)
    with pytest.raises(ValueError, match=r"labels.*two wrong answers are the same.*fewer than 30"):
        Calibration.fit(traces, n_classes=2, n_bootstrap=0)


def test_real_traces_without_their_labels_are_refused():
    traces = [
        {**trace, "attempts": [{**attempt, "correct": None} for attempt in trace["attempts"]]}
        for trace in read_traces(ARITHMETIC)
    ]
    with pytest.raises(ValueError, match=r"no labels.*label some attempts"):
        Calibration.fit(traces[:60], n_bootstrap=0)


def test_a_label_or_two_do_not_take_the_place_of_keys():
    traces = Loop().traces(100, 2, 2, seed=2, labelled=0.0)
    for trace in traces:
        trace["attempts"] = [{**attempt, "key": None} for attempt in trace["attempts"]]
    traces[0]["attempts"][0]["correct"] = True
    with pytest.raises(ValueError, match=r"labels for only 1 of 100 questions.*fewer than 30"):
        Calibration.fit(traces)


def test_a_few_questions_do_not_ask_for_more_than_two_classes():
    for seed in range(6):
        table = Loop().table(2, 2, 3, seed=seed)
        assert Calibration.fit(table, n_bootstrap=0).rates.n_classes == 2


def test_a_verifier_no_better_than_chance_gets_no_weight_and_is_named():
    traces = Loop(sensitivity=0.5, specificity=0.5).traces(300, 2, 2, seed=12)
    calibration = Calibration.fit(traces, n_bootstrap=0, delivery=False)
    assert calibration.rates.sensitivity == (0.5, 0.5)
    assert any("no better than chance" in warning for warning in calibration.fitted.warnings)


def test_one_fresh_start_is_warned_of():
    calibration = Calibration.fit(Loop().table(200, 1, 3, seed=13), n_bootstrap=0)
    assert any("one fresh start" in warning for warning in calibration.fitted.warnings)


def test_the_same_seed_gives_the_same_calibration():
    traces = Loop().traces(120, 2, 2, seed=14)
    one, again, other = (
        Calibration.fit(traces, seed=n, n_bootstrap=20, delivery=False) for n in (3, 3, 4)
    )
    assert one == again
    assert one != other


def test_doubt_shrinks_as_traces_grow():
    def spread(questions):
        draws = Calibration.fit(Loop().table(questions, 2, 2, seed=15), n_classes=2).draws
        return np.std([draw.initial[0] for draw in draws])

    assert spread(2000) < spread(60) / 2


def test_decisions_are_made_with_many_draws():
    calibration = Calibration.fit(Loop().traces(30, 2, 2, seed=16), n_classes=2)
    pooled = calibration.decision_rates
    assert pooled.n_classes == 2 * DECISION_DRAWS
    assert pooled.initial[:2] == calibration.draws[0].initial
    assert math.isclose(sum(pooled.weights), 1)
    assert Criterion(calibration).rates == pooled


def test_held_out_accuracy_is_forecast():
    fitted = Calibration.fit(Loop().table(1500, 2, 3, seed=17)).fitted
    seen = np.array(fitted.right) / np.array(fitted.total)
    assert fitted.held_out == pytest.approx(seen, abs=0.02)


def test_drift_counts_every_revision_once():
    table = Loop().table(200, 2, 3, seed=18).astype(bool)
    fitted = Calibration.fit(table.astype(float), n_bootstrap=0).fitted
    for t, (wrong, repaired, expected, right, corrupted, _) in enumerate(fitted.drift):
        before, after = table[:, :, t], table[:, :, t + 1]
        assert wrong == pytest.approx((~before).sum())
        assert repaired == pytest.approx((~before & after).sum())
        assert right == pytest.approx(before.sum())
        assert corrupted == pytest.approx((before & ~after).sum())
        assert expected == pytest.approx(repaired, rel=0.4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_classes": 0}, "n_classes must be a whole number of at least 1, or 'auto', got 0"),
        ({"n_classes": "two"}, "n_classes must be .* or 'auto', got 'two'"),
        ({"n_classes": 2.0}, "n_classes must be .* got 2.0"),
        ({"n_classes": True}, "n_classes must be .* got True"),
        ({"level": 1.5}, "level must lie between 0 and 1, got 1.5"),
        ({"n_bootstrap": -1}, "n_bootstrap must be a whole number of at least 0, got -1"),
    ],
)
def test_options_that_make_no_sense_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Calibration.fit(Loop().table(20, 1, 1, seed=0), **arguments)


def test_traces_that_hold_nothing_are_named():
    with pytest.raises(ValueError, match="at least one attempt"):
        Calibration.fit([])
    with pytest.raises(ValueError, match="table of 0 and 1"):
        Calibration.fit(np.array([[0.5, 1.0]]))


def test_a_fitted_calibration_survives_its_file(tmp_path):
    traces = Loop().traces(60, 2, 2, seed=19)
    calibration = Calibration.fit(traces, n_bootstrap=20, metadata={"model": "m"}, delivery=False)
    calibration.save(tmp_path / "calibration.json")
    assert Calibration.load(tmp_path / "calibration.json") == calibration


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.update(version=2), r"version 2, but this release reads version 1"),
        (lambda content: content.update(format="?"), r"not a calibration: its 'format'"),
        (lambda content: content["rates"].pop("repair"), r"missing rates\.repair"),
        (lambda content: content["rates"].update(extra=1), r"unknown rates\.extra"),
        (lambda content: content["rates"].update(repair=[1.5]), r"repair must be a probability"),
        (lambda content: content.pop("source"), r"missing source"),
    ],
)
def test_a_broken_calibration_file_names_the_file_and_the_field(tmp_path, change, message):
    path = tmp_path / "calibration.json"
    Calibration(training_free_rates(), "test").save(path)
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message) as error:
        Calibration.load(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_no_json_is_named(tmp_path):
    path = tmp_path / "calibration.json"
    for content, found in ((b"{", "holds no JSON"), (b"\x80", "holds no text")):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=found):
            Calibration.load(path)


def test_a_file_that_an_editor_has_marked_as_utf_8_is_read(tmp_path):
    path = tmp_path / "calibration.json"
    Calibration.training_free().save(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert Calibration.load(path) == Calibration.training_free()


def test_a_rate_of_which_nothing_was_seen_is_not_known():
    """Thirty questions, all right and never broken: of repair nothing is known."""
    perfect = Loop(initial=(1.0, 1.0), corruption=(0.0, 0.0))
    traces = perfect.traces(30, 2, 3, seed=1)
    draws = Calibration.fit(traces, n_classes=1, settling=False).draws
    repair = np.array([draw.repair[0] for draw in draws])
    assert np.quantile(repair, 0.05) < 0.15
    assert np.quantile(repair, 0.95) > 0.85
    # The rule of three, with the question as the unit: a question's six revisions may be alike.
    corruption = np.array([draw.corruption[0] for draw in draws])
    assert np.quantile(corruption, 0.95) == pytest.approx(3 / 30, rel=0.3)
    assert np.quantile(corruption, 0.05) < 0.01


def test_a_loop_of_which_no_revision_was_recorded_does_not_revise():
    calibration = Calibration.fit(Loop().traces(40, 3, 0, seed=2))
    criterion = Criterion(calibration, 0.0, actions=("revise",))
    attempt = {**Loop().traces(1, 1, 0, seed=3)[0]["attempts"][0], "key": None, "score": 0.0}
    assert criterion.decide([attempt])["action"] == "stop"
    assert any("no revision was recorded" in said for said in calibration.fitted.warnings)


@pytest.mark.usefixtures("few_simulated_questions")
@pytest.mark.parametrize(
    "loop",
    [Loop(initial=(1.0, 1.0), corruption=(0.0, 0.0)), Loop(initial=(0.0, 0.0), repair=(0.0, 0.0))],
    ids=["all right", "all wrong"],
)
def test_odd_data_leave_no_nan_in_what_is_said(loop):
    calibration = Calibration.fit(loop.traces(30, 2, 2, seed=4))
    assert "nan" not in calibration.report().text.lower()
    assert any("could not be measured" in said for said in calibration.fitted.warnings)


def test_without_draws_the_doubt_is_said_not_to_count():
    fitted = Calibration.fit(Loop().traces(20, 2, 1, seed=5), n_classes=2, n_bootstrap=0).fitted
    assert any("treat them as certain" in each for each in fitted.warnings)


def test_a_path_will_do(tmp_path):
    traces = Loop().traces(30, 2, 1, seed=6)
    write_traces(traces, tmp_path / "traces.jsonl")
    by_path = Calibration.fit(tmp_path / "traces.jsonl", n_bootstrap=0)
    assert by_path == Calibration.fit(traces, n_bootstrap=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": float("nan")}, r"traces\[0\].*score"),
        ({"score": -1.0}, r"traces\[0\].*score"),
        ({"correct": "yes"}, r"traces\[0\].*correct"),
        ({"key": 7}, r"traces\[0\].*key"),
    ],
)
def test_traces_in_memory_are_checked_like_files(change, message):
    trace = Loop().traces(1, 1, 1, seed=7)[0]
    trace["attempts"][1].update(change)
    with pytest.raises(ValueError, match=message):
        Calibration.fit([trace])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("n_classes", {"n_classes": [1, 2]}),
        ("settling", {"settling": "yes"}),
        ("level", {"level": 1.0}),
    ],
)
def test_bad_options_are_refused_by_name(name, arguments):
    with pytest.raises(ValueError, match=name):
        Calibration.fit(np.ones((3, 2)), **arguments)


def test_nothing_to_fit_is_refused_by_name():
    with pytest.raises(ValueError, match=r"traces must be .* got None"):
        Calibration.fit(None)


def test_a_calibration_that_cannot_be_written_says_why(tmp_path):
    calibration = Calibration.training_free()
    with pytest.raises(FileNotFoundError, match=r"no folder .*missing"):
        calibration.save(tmp_path / "missing" / "calibration.json")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        calibration.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_lists_that_are_no_traces_are_refused_by_name():
    with pytest.raises(ValueError, match=r"traces\[0\].*an array of 0 and 1"):
        Calibration.fit([[1, 0, 1], [0, 0, 1]])
