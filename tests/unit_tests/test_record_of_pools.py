"""The record on its page is data, and the data is what the rule does."""

import json

import pytest
from record import BEGIN, COSTS, END, PAGE, README, RECORD, SETTINGS, split_of, summary, table

KEPT = json.loads(RECORD.read_text())


@pytest.mark.parametrize(("page", "made"), [(PAGE, table), (README, summary)])
def test_what_a_page_says_of_the_record_is_what_it_holds(page, made):
    text = page.read_text(encoding="utf-8")
    assert made(KEPT) == text.split(BEGIN)[1].split(END)[0].strip()


def test_every_pool_and_cost_is_in_the_record():
    assert KEPT.keys() == SETTINGS.keys()
    for splits in KEPT.values():
        assert all([row["cost"] for row in rows] == list(COSTS) for rows in splits)


@pytest.mark.parametrize("name", ["dates", "math500"])
def test_one_split_is_what_it_was(name):
    for row, kept in zip(split_of(name, 0), KEPT[name][0], strict=True):
        assert row == pytest.approx(kept, abs=1e-6)
