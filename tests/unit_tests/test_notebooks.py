"""The notebooks as they lie in the repository: run to the end, and readable where shown."""

import json
import re
from pathlib import Path

import pytest
from notebook_outputs import VARIES, differences, same

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
IDS = [path.stem for path in NOTEBOOKS]
OF_A_MACHINE = re.compile(r"/(?:home|tmp|root|work|Users)/|0x[0-9a-f]{8}")


def cells(path, kind):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_words_are_markdown_and_not_comments(path):
    for cell in cells(path, "markdown"):
        lines = "".join(cell["source"]).splitlines()
        assert not any(line == "#" or line.startswith("# #") for line in lines)
        assert len(lines) == 1 or not all(line.startswith("#") for line in lines)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_code_was_run_from_top_to_bottom(path):
    counts = [cell["execution_count"] for cell in cells(path, "code")]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_outputs_hold_no_warning_and_nothing_of_the_machine(path):
    for cell in cells(path, "code"):
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            assert output.get("name") != "stderr"
            shown = [output.get("text", ""), *output.get("data", {}).values()]
            words = "".join("".join(each) for each in shown if isinstance(each, (str, list)))
            assert not OF_A_MACHINE.search(re.sub(r"[A-Za-z0-9+/=]{200,}", "", words))


def test_no_run_of_the_quickstart_ends_at_the_cap():
    outputs = json.dumps([cell["outputs"] for cell in cells(NOTEBOOKS[0], "code")])
    assert "gain_below_cost" in outputs
    assert "max_rounds" not in outputs
    assert "attempts allowed had been made" not in outputs


def notebook(text, **metadata):
    output = {"output_type": "stream", "name": "stdout", "text": text}
    return {"cells": [{"cell_type": "code", "metadata": metadata, "outputs": [output]}]}


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("right 54.8%", "right 54.9%"),
        ("gain 0.0034599", "gain 0.0034699"),
        ("4 of 4", "4 of 5"),
        ("1,300 tokens", "1,301 tokens"),
        ("-0.7 points", "+0.7 points"),
        ("\u22120.7 points", "0.7 points"),
        ("Revising helps: 3", "Revising hurts: 3"),
        ("1 and 2", "1"),
        ("1e-3", "1e-4"),
    ],
)
def test_another_number_or_another_word_is_a_difference(before, now):
    assert not same(before, now)
    assert len(list(differences(notebook(before), notebook(now)))) == 1
    varying = notebook(before, tags=[VARIES]), notebook(now, tags=[VARIES])
    assert list(differences(*varying)) == []


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("belief 0.443334261113143", "belief 0.4433342611131433"),
        ("cost 0.02", "cost 0.019999999999999997"),
        ("error 2.4e-15", "error 2.9e-15"),
    ],
)
def test_rounding_is_no_difference(before, now):
    assert same(before, now)


def test_pages_are_compared_by_what_a_reader_reads():
    def page(html):
        shown = {"output_type": "display_data", "data": {"text/html": html}}
        return {"cells": [{"cell_type": "code", "metadata": {}, "outputs": [shown]}]}

    before = page(
        "<style>p {top: 1px}</style><p id=a1>right <b>52%</b></p><svg><path d='M1'/></svg>"
    )
    assert not list(differences(before, page("<p id=a2>right <b>52%</b></p>")))
    assert list(differences(before, page("<p id=a1>right <b>53%</b></p>")))
