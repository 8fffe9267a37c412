"""The record on its page is data, and the data is what the rule does."""

import json
import re

import pytest
from record import BEGIN, COSTS, END, PAGE, README, RECORD, SETTINGS, split_of, summary, table

KEPT = json.loads(RECORD.read_text())


@pytest.mark.parametrize(("page", "made"), [(PAGE, table), (README, summary)])
def test_what_a_page_says_of_the_record_is_what_it_holds(page, made):
    text = page.read_text(encoding="utf-8")
    assert made(KEPT) == text.split(BEGIN)[1].split(END)[0].strip()


def test_the_readme_has_the_leads_of_the_page_losses_included():
    def rows(page):
        return [
            line.split("|")[1:-1] for line in page.read_text("utf-8").splitlines() if "|" in line
        ]

    on_page = [cells[-1].strip() for cells in rows(PAGE)[2:]]
    titles = {setting.title for setting in SETTINGS.values()}
    shown = [cells for cells in rows(README) if cells[0].strip() in titles]
    assert [cell.strip() for _, *cells in shown for cell in cells] == on_page
    assert len(shown) == len(SETTINGS)
    lost = json.loads(json.dumps(KEPT))
    for split in lost["dates"]:
        split[0]["right"] -= 0.05
    assert "| dates of BIG-bench, no judge | −5.0 |" in summary(lost)
    behind = [int(re.search(r"behind in (\d+)", summary(each))[1]) for each in (KEPT, lost)]
    assert behind[1] == behind[0] + 1


def test_every_pool_and_cost_is_in_the_record():
    assert KEPT.keys() == SETTINGS.keys()
    for splits in KEPT.values():
        assert all([row["cost"] for row in rows] == list(COSTS) for rows in splits)


@pytest.mark.parametrize("name", ["dates", "math500"])
def test_one_split_is_what_it_was(name):
    for row, kept in zip(split_of(name, 0), KEPT[name][0], strict=True):
        assert row == pytest.approx(kept, abs=1e-6)
