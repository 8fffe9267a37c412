"""A report quotes what was delivered on the traces wherever that was measured."""

import json
from dataclasses import replace

import pytest
from matplotlib import pyplot
from pages import Page

from langchain_markovscale import Calibration
from langchain_markovscale.calibration.simulate import PolicyOutcome
from langchain_markovscale.theory.delivery import COSTS, Delivered, Delivery, Played

pytestmark = pytest.mark.usefixtures("few_simulated_questions")

BOTH = ("revise", "generate")


def played(promised, delivered, *, accuracy=0.6, attempts=2.5, revisions=0.25, went_on=0.8):
    return Played(
        promised=(promised, 0.001),
        delivered=(delivered, 0.01),
        promised_net=(promised - 0.01, 0.001),
        delivered_net=(delivered - 0.015, 0.01),
        accuracy=accuracy,
        attempts=attempts,
        revisions=revisions,
        went_on=went_on,
    )


STAYS = Played((0, 0), (0, 0), (0, 0), (0, 0), 0.5, 1.0, 0.0, 0.0)


def row(cost, phi=0.8, interval=(0.5, 1.0), actions=BOTH, **fields):
    word = {"at_its_word": played(0.1, 0.08), "in_force": played(0.08, 0.08)}
    return Delivered(actions, cost, 4, phi, phi or 0.3, interval, **word | fields)


def measured(*rows):
    return Delivery(120, 240, 2, 0.9, 0.5, rows or tuple(row(cost) for cost in COSTS))


@pytest.fixture
def report_of(degrading):
    def report_of(*rows, **options):
        return replace(degrading, delivery=measured(*rows)).report(**options)

    return report_of


def section(report):
    (found,) = (
        each for each in report.document.sections if each.title == "What the criterion achieves"
    )
    return found


def words(report):
    return " ".join(section(report).words)


def test_the_headline_quotes_the_replay(report_of):
    report = report_of(cost_per_round=0.02)
    said = report.document.summary[2]
    assert said.startswith("At a cost of 2 points a round")
    assert "with 1.2 fresh draws and 0.2 revisions a question" in said
    assert "right 60% of the time instead of 50% (replayed on held-out questions)" in said
    assert report.findings.recommended == PolicyOutcome(0.6, 0.01, 2.5, 0.25)
    assert "imulat" not in report.text


def test_without_delivery_the_simulation_stays(reports):
    assert "(simulated)" in reports["degrading"].document.summary[2]


def test_promise_and_delivery_stand_side_by_side(report_of):
    table = section(report_of(cost_per_round=0.02)).table
    assert [line[0] for line in table.rows] == ["0.4", "1", "2 *", "5", "10"]
    assert table.rows[2][1:] == ("+10", "+8 [+6, +10]", "80% [50, 100]", "2.50", "60%", "57%")
    assert "120 questions of the traces" in words(report_of())
    assert "fresh draws and revisions, at most 4 attempts" in words(report_of())


def test_a_cost_that_was_not_measured_is_answered_by_the_nearest(report_of):
    said = report_of(cost_per_round=0.03).document.summary[2]
    assert said.startswith("At a cost of 2 points a round, of those measured the nearest to 3 ")
    free = report_of(cost_per_round=0.0).document.summary[2]
    assert free.startswith("At a cost of 0.4 points a round, of those measured the nearest to 0 ")


def test_where_going_on_delivers_less_than_it_costs_that_is_said(report_of):
    rows = [row(cost, phi=0.0 if cost in (0.1, 0.01) else 0.8) for cost in COSTS]
    report = report_of(*rows, cost_per_round=0.01)
    assert report.document.summary[2].endswith("the criterion stops after the first answer.")
    assert "At a cost of 1 and 10 points going on delivered less than it cost" in words(report)
    alone = report_of(*(row(cost, phi=0.0 if cost == 0.01 else 0.8) for cost in COSTS))
    assert "At a cost of 1 point going on delivered less than it cost" in words(alone)
    assert section(report).table.rows[1] == (
        *("1 *", "+10", "+8 [+6, +10]", "0%", "1.00", "50%", "50%"),
    )


def test_where_it_never_goes_on_there_is_nothing_to_promise(report_of):
    never = {"phi": 1.0, "interval": (0.0, 1.0), "at_its_word": STAYS, "in_force": STAYS}
    report = report_of(*(row(cost, **never) for cost in COSTS))
    for line in section(report).table.rows:
        assert line[1:] == ("–", "–", "–", "1.00", "50%", "50%")
    assert "less than it cost" not in words(report)
    assert "not modelled" not in words(report)


@pytest.mark.parametrize(
    ("interval", "delivered", "doubt"),
    [
        ((0.3, 0.7), 0.05, True),
        ((0.3, 0.8), 0.05, False),  # may be that most of it is delivered
        ((0.1, 1.0), 0.05, False),
        ((0.0, 0.4), 0.095, False),  # half a point is missing
        ((0.85, 0.95), 0.09, False),
    ],
)
def test_what_may_be_the_matter_is_said_where_clearly_much_less_is_delivered(
    report_of, interval, delivered, doubt
):
    lacking = row(0.02, 0.5, interval, at_its_word=played(0.1, delivered))
    said = words(report_of(lacking, *(row(cost) for cost in COSTS if cost != 0.02)))
    assert ("a verifier that tells questions apart better than answers" in said) == doubt
    assert ("At a cost of 2 points much less is delivered than is promised" in said) == doubt


def test_loops_with_fewer_actions_have_a_sentence(report_of):
    fewer = row(0.01, actions=("generate",)), row(0.01, phi=0.0, actions=("revise",))
    report = report_of(*fewer, *(row(cost) for cost in COSTS))
    said = "At a cost of 1 point the net gain is +6.5 points by fresh draws alone and 0 points by"
    assert f"{said} revisions alone." in words(report)
    only = report_of(*(row(cost, actions=("generate",)) for cost in COSTS))
    assert "Allowed: fresh draws, at most" in words(only)
    assert "net gain is" not in words(only)


def test_the_page_and_its_plots_show_it_too(report_of, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    report = report_of(cost_per_round=0.03)
    page = " ".join(" ".join(Page(report.html()).text).split())
    assert "replayed on held-out questions" in page
    above, below = report.plot_cost()
    assert above.get_title(loc="left") == "What the criterion achieves (replayed)"
    shown = [each.get_text() for each in below.get_xticklabels()]
    assert shown == ["0.4", "1", "2", "5", "10"]
    pyplot.close(above.figure)


def test_the_table_fits_a_terminal(report_of):
    text = report_of().text
    begin = text.index("What the criterion achieves")
    lines = text[begin : text.index("How these numbers were made")].splitlines()
    assert max(map(len, lines)) <= 80


def test_the_plan_check_is_said_where_it_was_measured(report_of):
    assert "carried out" not in words(report_of())
    checked = (row(cost, plan_check=0.97 if cost > 0.01 else None) for cost in COSTS)
    assert "carried out without deciding again delivered 97% of what" in words(report_of(*checked))
    two = words(report_of(row(0.1, plan_check=1.1), row(0.05, plan_check=0.9), row(0.01)))
    assert "delivered 90% and 110% of what they promised" in two


def test_a_file_without_a_plan_check_is_read(degrading, tmp_path):
    path = tmp_path / "calibration.json"
    calibration = replace(degrading, delivery=measured(row(0.01, plan_check=0.97)))
    calibration.save(path)
    assert Calibration.load(path) == calibration
    content = json.loads(path.read_text())
    (saved,) = content["delivery"]["rows"]
    assert saved.pop("plan_check") == 0.97
    path.write_text(json.dumps(content))
    assert Calibration.load(path).delivery.rows[0].plan_check is None
