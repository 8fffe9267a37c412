"""The package as a whole: what importing it costs, what it offers, and who may import whom."""

import ast
import importlib.util
import json
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import langchain_markovscale
from langchain_markovscale import _MODULE_OF, _NEEDED
from langchain_markovscale._extras import extra_with, naming_the_extra

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "langchain_markovscale"


class Room(NamedTuple):
    """A module or folder of the package; the rooms above it and their libraries are open to it."""

    name: str
    libraries: tuple[str, ...] = ()
    """Libraries that it adds to those of the rooms above."""
    inside_functions: tuple[str, ...] = ()
    """Libraries of extras, imported only where they are used."""


ROOMS = (
    Room("_extras"),
    Room("_files"),
    Room("_text"),
    Room("types", ("typing_extensions",)),
    Room("answers", (), ("math_verify", "sentence_transformers", "sympy")),
    Room("theory", ("numpy",)),
    Room("display", (), ("matplotlib",)),
    Room("traces", (), ("zstandard",)),
    Room("replay", ("scipy",)),
    Room("calibration", (), ("matplotlib",)),
    Room("_messages", ("langchain_core",)),
    Room("_meter"),
    Room("_models", ("pydantic",), ("langchain",)),
    Room("verifiers", (), ("deepeval", "langsmith", "ragas")),
    Room("graph", ("langgraph",)),
    Room("calibration/predictor_training", ("torch",)),
    Room("agents", ("langchain",)),
    Room(
        "local",
        (
            "accelerate",
            "gguf",
            "huggingface_hub",
            "langchain_huggingface",
            "psutil",
            "torch",
            "transformers",
        ),
    ),
    Room("integrations"),
    Room("recording", ("langsmith", "tqdm")),
    Room("batches"),
    Room("distributed", (), ("fsspec", "ray")),
    Room("comparison", (), ("matplotlib",)),
    Room("demo"),
    Room("cli", ("rich", "typer")),
)


def modules_loaded_by(statement: str) -> set[str]:
    """Packages outside the standard library that a fresh interpreter loads for a statement."""
    script = (
        "import sys; before = set(sys.modules)\n"
        f"{statement}\n"
        "import json; print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True
    )
    loaded = {module.partition(".")[0] for module in json.loads(done.stdout)}
    return loaded - sys.stdlib_module_names


def test_import_loads_nothing_but_the_package_itself():
    assert modules_loaded_by("import langchain_markovscale") == {"langchain_markovscale"}


def test_closed_forms_load_numpy_alone():
    loaded = modules_loaded_by("from langchain_markovscale import TwoStateChain, ChainMixture")
    assert loaded - {"typing_extensions"} == {"langchain_markovscale", "numpy"}


def test_a_run_of_a_graph_never_imports_scipy():
    data = "tests/data/v0_1/calibration_with_scores.json"
    run = f"""
import logging
from langchain_markovscale import Calibration, create_markovscale_graph, show
logging.disable()
for calibration in (None, Calibration.load({data!r}), Calibration.preset("code_with_tests")):
    graph = create_markovscale_graph(
        generate=lambda request: "391", revise=lambda request: "391",
        verifier=lambda key: 0.3, answer_key="last_number", calibration=calibration, max_rounds=4,
    )
    show(graph.invoke({{"question": "What is 17 * 23?"}}), graph).html()
"""
    loaded = modules_loaded_by(run)
    assert "langgraph" in loaded
    assert "scipy" not in loaded


@pytest.mark.parametrize("name", langchain_markovscale.__all__)
def test_public_name_resolves(name):
    assert getattr(langchain_markovscale, name) is not None


def test_no_public_name_is_hidden_by_a_module_of_the_same_name():
    modules = {each.stem for each in PACKAGE.iterdir()}
    assert not modules & set(langchain_markovscale.__all__)


def test_star_import_brings_every_public_name():
    names = {}
    exec("from langchain_markovscale import *", names)
    assert set(langchain_markovscale.__all__) <= set(names)


def test_star_import_without_extras_brings_the_names_that_need_none():
    missing = ["transformers", "langchain", "matplotlib", "math_verify", "rich", "typer", "tqdm"]
    script = f"""
import json
from importlib.machinery import PathFinder

find_spec = PathFinder.find_spec
PathFinder.find_spec = lambda name, path=None, target=None: (
    None if name.partition(".")[0] in {missing} else find_spec(name, path, target)
)
from langchain_markovscale import *
print(json.dumps(sorted(globals())))
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    brought = set(json.loads(done.stdout))
    lost = set(langchain_markovscale.__all__) - brought
    assert {_MODULE_OF[name].partition(".")[0] for name in lost} == {
        "agents",
        "local",
    }
    assert {"Calibration", "create_markovscale_graph", "JudgeVerifier", "show"} <= brought


@pytest.mark.parametrize(
    ("folder", "library"),
    [(folder, each) for folder, all_of in _NEEDED.items() for each in all_of],
)
def test_star_import_leaves_out_what_needs_a_library_that_is_missing(monkeypatch, folder, library):
    every = {*_MODULE_OF, "__version__"}
    lost = {name for name in every if _MODULE_OF.get(name, "").startswith(f"{folder}.")}
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == library else found(name)
    )
    assert set(langchain_markovscale.__all__) == every - lost


def test_dir_lists_every_public_name():
    assert set(langchain_markovscale.__all__) <= set(dir(langchain_markovscale))


def test_unknown_name_is_an_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match=r"'langchain_markovscale' .* 'TwoStateChian'"):
        _ = langchain_markovscale.TwoStateChian


def test_version_is_that_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert langchain_markovscale.__version__ == project["version"]


def test_type_checkers_see_the_names_that_load():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    seen = {
        alias.asname: node.module.removeprefix("langchain_markovscale.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == _MODULE_OF


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("torch.nn", "huggingface"),
        ("langchain_huggingface", "huggingface"),
        ("langchain.agents", "agents"),
        ("matplotlib.pyplot", "plot"),
        ("typer", "cli"),
        ("math_verify", "math"),
        ("sentence_transformers", "nli"),
        ("numpy", None),
        ("langchain_core", None),
        ("no_such_package", None),
    ],
)
def test_optional_package_is_found_in_its_extra(module, extra):
    assert extra_with(module) == extra


def test_public_name_without_its_extra_says_what_to_install(monkeypatch, tmp_path):
    (tmp_path / "needs_torch.py").write_text("import torch\n\nName = object()\n")
    monkeypatch.setattr(
        langchain_markovscale, "__path__", [*langchain_markovscale.__path__, str(tmp_path)]
    )
    monkeypatch.setitem(_MODULE_OF, "Name", "needs_torch")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"'torch'.*pip install 'langchain-markovscale\[huggingface\]'"
    ):
        _ = langchain_markovscale.Name


def test_error_of_a_package_outside_the_extras_stays_as_it_is():
    with pytest.raises(ModuleNotFoundError) as raised:
        importlib.import_module("no_such_package")
    assert naming_the_extra(raised.value) is raised.value


class Import(NamedTuple):
    """One import statement of the package."""

    file: Path
    line: int
    module: str
    at_top: bool

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def room(self) -> str | None:
        """The room that is imported, None for another package."""
        if self.top != "langchain_markovscale":
            return None
        path = "/".join(self.module.split(".")[1:])
        within = [room.name for room in ROOMS if f"{path}/".startswith(f"{room.name}/")]
        return max(within, key=len, default=path.partition("/")[0] or "the package itself")

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


@cache
def imports_of(file: Path) -> tuple[Import, ...]:
    """Every import that runs, wherever it stands and with relative ones spelled out."""
    return tuple(_imports_of(file))


def _imports_of(file: Path) -> Iterator[Import]:
    for node, at_top in _statements(ast.parse(file.read_text()).body):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = file.relative_to(ROOT).parent.parts
            parents = package[: len(package) - node.level + 1] if node.level else ()
            origin = ".".join([*parents, *([node.module] if node.module else [])])
            ours = origin.partition(".")[0] == PACKAGE.name  # then it may be a module of a folder
            modules = [f"{origin}.{alias.name}" for alias in node.names] if ours else [origin]
        else:
            continue
        for module in modules:
            yield Import(file, node.lineno, module, at_top)


def _statements(body: list[ast.stmt], at_top: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement that runs, and whether it does so when the file is imported."""
    for node in body:
        yield node, at_top
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        outside = at_top and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                yield from _statements([child], outside)
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                yield from _statements(child.body, outside)


def files_of(room: str) -> list[Path]:
    """The files of a room, less those that are a room of their own within it."""
    files = {*PACKAGE.glob(f"{room}.py"), *PACKAGE.glob(f"{room}/**/*.py")}
    within = [other.name for other in ROOMS if other.name.startswith(f"{room}/")]
    return sorted(files.difference(*map(files_of, within)))


def modules_by_name() -> dict[str, Path]:
    """The modules of the package but the package itself, which imports its names on demand."""
    names = {}
    for file in PACKAGE.rglob("*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    del names[PACKAGE.name]
    return names


def test_no_modules_import_each_other_in_a_circle():
    """Neither within a room nor inside functions; what type checkers alone read does not count."""
    modules = modules_by_name()

    def imported(found: Import) -> str | None:
        name = found.module
        while name and name not in modules:
            name = name.rpartition(".")[0]
        return name or None

    graph = {
        name: {imported(found) for found in imports_of(file)} - {None, name}
        for name, file in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


SHARED_NAMES = {"__init__", "report", "plots", "sections"}
"""What files of several folders may be called; a command's file is called as the command is."""


def test_no_file_is_called_as_another_one():
    names = Counter(
        file.stem
        for file in PACKAGE.rglob("*.py")
        if file.stem not in SHARED_NAMES and file.parent != PACKAGE / "cli"
    )
    assert [name for name, many in names.items() if many > 1] == []


@pytest.mark.parametrize(("folder", "most"), [(PACKAGE, 400), (ROOT / "tests", 500)])
def test_no_file_is_longer_than_somebody_reads_at_once(folder, most):
    lines = {file: len(file.read_text().splitlines()) for file in folder.rglob("*.py")}
    assert {str(file.relative_to(ROOT)) for file, many in lines.items() if many > most} == set()


def test_every_file_lies_in_a_room():
    inside = {file for room in ROOMS for file in files_of(room.name)}
    assert set(PACKAGE.rglob("*.py")) - inside == {PACKAGE / "__init__.py"}


@pytest.mark.parametrize("index", range(len(ROOMS)), ids=[room.name for room in ROOMS])
def test_room_imports_only_rooms_above_it_and_libraries_it_may(index):
    room = ROOMS[index]
    above = {other.name for other in ROOMS[: index + 1]}
    libraries = {library for other in ROOMS[: index + 1] for library in other.libraries}
    libraries |= sys.stdlib_module_names

    def allowed(found: Import) -> bool:
        if found.room is not None:
            own_part = found.room.startswith(f"{room.name}/") and not found.at_top
            return found.room in above or own_part or found.room == "__version__"
        return found.top in libraries or (found.top in room.inside_functions and not found.at_top)

    wrong = [
        str(found)
        for file in files_of(room.name)
        for found in imports_of(file)
        if not allowed(found)
    ]
    assert wrong == []
