"""Every rule that promises a gain has what it delivered beside it, on all outputs."""

import json
from math import inf

import pytest
from pages import Page
from pools import recorded
from worlds import Band, World

from langchain_markovscale import Calibration, Criterion, compare_strategies
from langchain_markovscale.replay.strategies import SelfConsistency

WORLD = World((Band(0.4, 0.6, 0.03), Band(0.2, 0.5, 0.05)), 0.9, 0.9)
KNOWN = Calibration(WORLD.rates(), "rates of the world")
VARIANTS = ("mixture", "gate", "training_free")
COSTS = (0.02, 0.1, 0.3)


@pytest.fixture(scope="module")
def compared():
    rules = {
        "self-consistency of 3": SelfConsistency(3),
        "a criterion of mine": Criterion(KNOWN, 0.02, 4, delivery=False),
        "one that never goes on": Criterion(KNOWN, 0.02, 1),
    }
    return compare_strategies(
        recorded(WORLD, questions=60, seed=1),
        rules,
        COSTS,
        variants=VARIANTS,
        repeats=1,
        n_bootstrap=50,
        calibration=KNOWN,
    )


def section(comparison, title):
    (found,) = (each for each in comparison.document.sections if each.title == title)
    return found


def in_points(gain):
    shown = f"{100 * gain:+.1f}".removesuffix(".0").replace("-", "−")
    return "0" if shown in ("+0", "−0") else shown


def cell(row):
    return f"{in_points(row.promised)} → {in_points(row.delivered)}"


def test_every_variant_has_a_column_and_every_cost_a_row(compared):
    table = section(compared, "Promise and delivery").table
    assert table.headings[1:] == ("mixture", "gate", "training-free")
    assert [line[0] for line in table.rows] == ["30", "10", "2"]
    single = compared.findings.rules[0].accuracy.value
    for column, variant in enumerate(VARIANTS, 1):
        curve = [row for row in compared.findings.curve(variant) if row.rule.cost != inf]
        assert [line[column] for line in table.rows] == [cell(row) for row in curve]
        assert all(row.delivered == pytest.approx(row.accuracy.value - single) for row in curve)
        assert curve[-1].promised > 0
    believed = compared.findings.curve("mixture")[-1]
    assert believed.promised == pytest.approx(believed.delivered, abs=0.12)  # ends after 3 draws


def test_rules_of_the_user_that_promise_have_rows_and_others_have_none(compared):
    rows = {row.rule.name: row for row in compared.findings.rules}
    mine = rows["a criterion of mine"]
    assert mine.promised > 0
    table = section(compared, "Promise and delivery of other rules").table
    assert table.rows == (("a criterion of mine", cell(mine)),)
    assert rows["self-consistency of 3"].promised is None
    assert rows["single pass"].delivered == 0


def test_where_no_other_rule_promises_there_is_no_empty_table(compared):
    only = compare_strategies(
        recorded(WORLD, questions=20, seed=1),
        {"self-consistency of 2": SelfConsistency(2)},
        (0.02,),
        variants=("mixture",),
        repeats=1,
        n_bootstrap=20,
        calibration=KNOWN,
    )
    titles = [each.title for each in only.document.sections]
    assert "Promise and delivery" in titles
    assert "Promise and delivery of other rules" not in titles


def test_the_terminal_the_page_and_the_json_have_them_too(compared):
    cells = [
        shown
        for title in ("Promise and delivery", "Promise and delivery of other rules")
        for line in section(compared, title).table.rows
        for shown in line[1:]
    ]
    page = " ".join(" ".join(Page(compared.html()).text).split())
    for shown in cells:
        assert shown in compared.text
        assert shown in page
    begin = compared.text.index("Promise and delivery")
    end = compared.text.index("Variants beside")
    assert max(map(len, compared.text[begin:end].splitlines())) <= 80
    plain = json.loads(json.dumps(compared.as_dict()))["rows"]
    for row, found in zip(plain, compared.findings.rows, strict=True):
        assert (row["promised"], row["delivered"]) == (found.promised, found.delivered)
