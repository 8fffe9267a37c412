"""Presets: the rates of a kind of loop, where none of your own were measured.

Each is a calibration file whose metadata lists the public cells that it was made from, with their
sources, and by how much it was ahead of the default prior on each of them, that cell left out. It
is ahead in the mean of them, not on every one.

There is none for self-correction, a model that is asked to check its own answer: in the mean over
21 published cells it was ahead by 0.1 points with a standard error of 0.3, which is nothing.
"""

from pathlib import Path

from langchain_markovscale.types import ArgumentError

PRESETS = Path(__file__).parent / "preset_files"
PREFIX = "preset:"
"""What stands before a preset's name where a file may be given as well."""


def path_of(name: str) -> Path:
    """Return the file of a preset.

    Raises:
        ArgumentError: If there is none of that name.
    """
    known = sorted(path.stem for path in PRESETS.glob("*.json"))
    if name not in known:
        raise ArgumentError(
            "preset", f"must be one of {', '.join(map(repr, known))}, got {name!r:.80}."
        )
    return PRESETS / f"{name}.json"
