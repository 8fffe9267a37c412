"""Files of calibrations with one thing changed: any value, any field, the text itself.

```python
for text in mutations(document, seed=1, number=300):
    path.write_text(text)
    ...
```
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import langchain_markovscale
from langchain_markovscale import Calibration

PACKAGE = Path(langchain_markovscale.__file__).parent
OLD = Path(__file__).parent / "data" / "v0_1"
ORIGINALS = (
    PACKAGE / "demo" / "calibration.json",
    PACKAGE / "calibration" / "preset_files" / "code_with_tests.json",
    OLD / "calibration.json",
    OLD / "calibration_with_scores.json",
)

# What stands in place of a value, as JSON or what only looks like it.
VALUES = [
    "null", "true", "false", "0", "1", "-1", "2", "0.5", "1.5", "-0.1", "1e-320", "5e-310", "1e308",
    "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "1" + "0" * 400, "9" * 5_000, '""', '"x"',
    '"0.5"', '"\\ud83d"', '"\\u001b[31m<script>"', '"' + "long " * 20_000 + '"', "[]", "{}", "[[]]",
    "[null]", "[true]", '["x"]', "[0.5]", "[0.5, 0.5]", "[NaN]", "[1e400]", '{"x": 1}',
    "[[0.1, 0.9]]", "[[0.9, 0.1]]", "[" * 50_000 + "]" * 50_000, "[" * 700 + "]" * 700,
    '{"x":' * 50_000 + "1" + "}" * 50_000, '{"x":' * 300 + "1" + "}" * 300,
    "[" + ", ".join(["0.000005"] * 200_000) + "]", "[" + "0," * 3_000 + "0]",
]  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where a document holds a value, the containers included."""
    yield at
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places(each, (*at, name))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from places(each, (*at, index))


def mutations(document: dict[str, Any], seed: int, number: int) -> Iterator[str]:
    """Yield so many mutated texts of a document; each field is changed in turn, at random."""
    dice = random.Random(seed)
    by_field: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for at in places(document):
        field = tuple(name for name in at if isinstance(name, str))
        by_field.setdefault(field, []).append(at)
    fields = sorted(by_field)
    for index in range(number):
        at = dice.choice(by_field[fields[index % len(fields)]])
        yield _mutated(document, at, dice)


def _mutated(document: dict[str, Any], at: tuple[Any, ...], dice: random.Random) -> str:
    content = json.loads(json.dumps(document))
    way = dice.choice(["value"] * 6 + ["remove", "add", "repeat", "text"])
    if way == "text" or not at:
        return _broken(json.dumps(content), dice)
    holder = content
    for name in at[:-1]:
        holder = holder[name]
    if way == "remove":
        del holder[at[-1]]
    elif way == "repeat" and isinstance(holder, list):
        holder.insert(at[-1], holder[at[-1]])
    elif way == "add" and isinstance(holder, dict):
        holder[f"{at[-1]}2"] = holder[at[-1]]
    else:
        holder[at[-1]] = "@@"
        return json.dumps(content).replace('"@@"', dice.choice(VALUES), 1)
    return json.dumps(content)


def _broken(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text))
    length = dice.choice([1, 1, 1, 5, len(text)])
    return (
        text[:at]
        + dice.choice(["", "0", ",", "}", "]", '"', "-", "e9", "\x00"])
        + text[at + length :]
    )


def loaded(path: Path) -> Calibration | None:
    """Load a file; None where it is refused by an error that names it."""
    try:
        return Calibration.load(path)
    except ValueError as error:
        refusal = str(error)
    assert path.name in refusal
    assert len(refusal) < 2_000
    return None
