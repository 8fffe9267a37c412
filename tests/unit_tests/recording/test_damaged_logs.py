"""Damaged logs: whatever is wrong with one, it is read or refused with a `ValueError`."""

import copy
import json
import random
from pathlib import Path

import pytest

from langchain_markovscale import traces_from

LOGS = sorted((Path(__file__).parents[2] / "data" / "logs").iterdir())
ODD = [
    *(None, True, 0, -1, 3.5, 10**30, float("nan"), float("inf"), "", "x", "\ud800", "\x00"),
    *([], {}, [[]], [{}], [None], ["a", "b"], {"a": {}}, {"type": "ai"}, "[[[[", '{"a": [1]}'),
    *({"role": "user", "content": None}, {"lc": 1, "type": "constructor", "id": []}),
]


def places(value, path=()):
    """The paths to everything in a value."""
    yield path
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[name], (*path, name))


def with_odd_values(value, chance):
    """A value in which some parts are replaced, lost or under another name."""
    every = list(places(value))[1:]
    for path in chance.sample(every, min(chance.choice([1, 1, 3, 20]), len(every))):
        try:
            inner = value
            for name in path[:-1]:
                inner = inner[name]
            part = inner[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue  # lost with an earlier one
        what = chance.random()
        if what < 0.6:
            inner[path[-1]] = copy.deepcopy(chance.choice(ODD))
        else:
            del inner[path[-1]]
            if what > 0.8 and isinstance(inner, dict) and inner:
                inner[chance.choice(list(inner))] = part
    return value


def with_odd_bytes(content, chance):
    content = bytearray(content)
    for _ in range(chance.choice([1, 3, 10])):
        start = chance.randrange(len(content) + 1)
        odd = chance.choice([b"", b"[", b'"', b",", b"\n", b"\x00", bytes([chance.randrange(256)])])
        content[start : start + chance.choice([0, 1, 40])] = odd * chance.choice([1, 1, 50])
    return bytes(content)


def damaged(path, chance):
    content = path.read_bytes()
    if path.suffix == ".json" and chance.random() < 0.7:
        return json.dumps(with_odd_values(json.loads(content), chance)).encode()
    if path.suffix == ".jsonl" and chance.random() < 0.7:
        records = [json.loads(line) for line in content.splitlines()]
        return "\n".join(map(json.dumps, with_odd_values(records, chance))).encode()
    return with_odd_bytes(content, chance)


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
def test_a_damaged_log_is_read_or_refused(path, tmp_path):
    chance = random.Random(path.name)
    outcomes = set()
    for _ in range(60):
        target = tmp_path / f"log{path.suffix}"
        target.write_bytes(damaged(path, chance))
        try:
            traces_from(target, answer_key=chance.choice([None, "last_number"]))
        except ValueError as error:
            assert str(target) in str(error)  # noqa: PT017
            outcomes.add("refused")
        else:
            outcomes.add("read")
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize("depth", [500, 900, 5_000])
@pytest.mark.parametrize("opening", ['{"messages":', '{"doc_id":0,"resps":', "[", '{"inputs":'])
def test_nesting_is_no_trap(depth, opening, tmp_path):
    path = tmp_path / "deep.json"
    closing = "]" if opening == "[" else "}"
    path.write_text(opening * depth + "1" + closing * depth)
    with pytest.raises(ValueError, match=r"deep\.json"):
        traces_from(path)
