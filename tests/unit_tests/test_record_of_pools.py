"""The record in README.md is data, and the data is what the rule does."""

import json

import pytest
from record import BEGIN, COSTS, END, README, RECORD, SETTINGS, split_of, table

KEPT = json.loads(RECORD.read_text())


def test_the_table_in_the_readme_is_that_of_the_record():
    text = README.read_text()
    assert table(KEPT) == text.split(BEGIN)[1].split(END)[0].strip()


def test_every_pool_and_cost_is_in_the_record():
    assert KEPT.keys() == SETTINGS.keys()
    for splits in KEPT.values():
        assert all([row["cost"] for row in rows] == list(COSTS) for rows in splits)


@pytest.mark.parametrize("name", ["dates", "math500"])
def test_one_split_is_what_it_was(name):
    for row, kept in zip(split_of(name, 0), KEPT[name][0], strict=True):
        assert row == pytest.approx(kept, abs=1e-6)
