"""Every notebook runs from top to bottom, and shows the words and numbers that are committed."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from notebook_outputs import differences

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_run_shows_what_is_committed(path, request):
    committed = nbformat.read(path, as_version=4)
    run = copy.deepcopy(committed)
    place = {"metadata": {"path": str(path.parent)}}
    NotebookClient(run, timeout=600, record_timing=False, resources=place).execute()
    if request.config.getoption("store"):
        nbformat.write(run, path)
    else:
        found = list(differences(committed, run))
        assert not found, "\n".join(found)
