"""What `make` installs: the versions of constraints.txt, or the lowest of pyproject.toml."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "constraints.txt").read_text().splitlines()
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


def required(*extras: str) -> dict[str, Requirement]:
    """What the package asks for with these extras and those that they name, but for torch."""
    lines, names = list(PROJECT["dependencies"]), list(extras)
    while names:
        for line in PROJECT["optional-dependencies"][names.pop()]:
            if line.startswith(PROJECT["name"]):
                names += Requirement(line).extras
            else:
                lines.append(line)
    return {each.name: each for each in map(Requirement, lines) if each.name != "torch"}


def locked_for(python: str, system: str) -> dict[str, Version]:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    found = {}
    for line in map(Requirement, LOCK):
        if line.marker is None or line.marker.evaluate(environment):
            assert line.name not in found, f"{line.name} is locked twice for Python {python}"
            (pin,) = line.specifier
            found[line.name] = Version(pin.version)
    return found


def test_the_lock_has_names_versions_and_markers_alone():
    assert [
        line for line in LOCK if not re.fullmatch(r"[a-z0-9-]+==[\w.+!]+( ; [^@#:\\]+)?", line)
    ] == []


def test_the_lock_leaves_torch_to_its_variable():
    about_torch = ("torch", "triton", "nvidia", "cuda")
    assert [line for line in LOCK if line.startswith(about_torch)] == []


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_the_package_asks_for(python, system):
    locked = locked_for(python, system)
    for name, requirement in required("all", "dev").items():
        assert requirement.specifier.contains(locked[name]), f"make lock: {requirement}"


def test_the_lock_is_for_every_python_that_the_package_names():
    named = [each.rpartition(" :: ")[2] for each in PROJECT["classifiers"] if " 3." in each]
    assert named == ["3.11"]  # those that the whole suite has passed
    assert set(named) <= set(PYTHONS)


def test_what_is_not_known_of_the_project_is_not_made_up():
    assert not {"authors", "maintainers", "urls"} & set(PROJECT)


def test_the_lowest_versions_are_those_that_the_package_allows():
    command = [sys.executable, ROOT / ".ci/floors"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lowest = dict(line.split("==") for line in said.splitlines())
    for name, requirement in required("all", "test").items():
        floors = [pin.version for pin in requirement.specifier if pin.operator == ">="]
        assert [lowest.get(name)] == floors, f"{requirement} and its floor"
    assert "torch" not in lowest
