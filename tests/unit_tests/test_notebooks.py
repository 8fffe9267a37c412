"""The notebooks as they lie in the repository: run to the end, and readable where shown."""

import json
import re
from pathlib import Path

import pytest

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
