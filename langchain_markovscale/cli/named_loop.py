"""A loop of one's own by the name of where it is: `package.module:graph` or `agent.py:graph`."""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from langchain_markovscale._text import name_of
from langchain_markovscale.types import ArgumentError

_SHOWN = 8

LoopName = Annotated[
    str | None,
    typer.Option(
        "--loop",
        help="A loop of your own in place of --model and --verifier: package.module:name or "
        "file.py:name of a compiled graph, an agent, or a function of the question.",
        show_default=False,
    ),
]
DraftsKey = Annotated[
    str | None,
    typer.Option(
        "--drafts",
        help="Of a --loop: where its state has the drafts, or the latest draft.",
        show_default="what its MarkovScaleRouter reads",
    ),
]
ScoresKey = Annotated[
    str | None,
    typer.Option("--scores", help="The same for their scores.", show_default=False),
]
AttemptsKey = Annotated[
    str | None,
    typer.Option("--attempts", help="The same for a list of attempts.", show_default=False),
]
MessagesKey = Annotated[
    str | None,
    typer.Option(
        "--messages",
        help="The same for a conversation in which every AI message is a draft.",
        show_default=False,
    ),
]
QuestionKey = Annotated[
    str | None,
    typer.Option(
        "--question",
        help="The same for the question.",
        show_default="question, or messages",
    ),
]
FixedRevisions = Annotated[
    str | None,
    typer.Option(
        "--fixed",
        help="Of a --loop that does not stop by its own rule: how often it always revises, or "
        "module:function that returns the loop for a number of revisions.",
        show_default=False,
    ),
]


def loop_named(name: str, option: str = "loop") -> Any:
    """Return what stands under a name in a module.

    Args:
        name: The module or the file, a colon, and the name within it.
        option: The option that gave it.

    Raises:
        ValueError: If there is no such module or name, or it is not a loop; the message says what
            was found.
    """
    from langchain_core.runnables import Runnable
    from langgraph.graph import StateGraph

    where, colon, attribute = name.rpartition(":")
    if not colon or not where or not attribute:
        raise ArgumentError(
            option,
            f"must be package.module:name or file.py:name, such as agent:graph, got {name!r}.",
        )
    found: Any = _module(where, option)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ArgumentError(option, f"{name}: {where} has no {part!r}. {_loops_in(found)}")
        found = getattr(found, part)
    if isinstance(found, StateGraph):
        raise ArgumentError(
            option, f"{name}: it is a graph that is not compiled: name what compile() returns."
        )
    if not isinstance(found, Runnable) and not callable(found):
        raise ArgumentError(
            option,
            f"{name}: it is of the type {type(found).__name__}, and no compiled graph, agent or "
            "function.",
        )
    return found


def fixed_named(given: str | None) -> Any:
    """Return what `--fixed` gives: a number of revisions, or a function of that number.

    Raises:
        ValueError: If it is neither.
    """
    if given is None:
        return None
    return int(given) if given.isdecimal() else loop_named(given, "fixed")


def _module(where: str, option: str) -> ModuleType:
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    is_file = where.endswith(".py")
    if is_file and not Path(where).is_file():
        raise ArgumentError(option, f"{where}: there is no such file in {name_of(folder)}.")
    try:
        return _from_file(Path(where)) if is_file else importlib.import_module(where)
    except ModuleNotFoundError as error:
        if (
            not is_file
            and error.name
            and where.split(".")[: error.name.count(".") + 1] == (error.name.split("."))
        ):
            raise ArgumentError(
                option,
                f"{where}: there is no module {error.name!r} in {name_of(folder)} or among the "
                f"installed packages.{_modules_in(Path.cwd())}",
            ) from None
        raise _failed(where, option, error) from error
    except Exception as error:
        raise _failed(where, option, error) from error


def _from_file(path: Path) -> ModuleType:
    """Import a file, with what stands beside it."""
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    is_new = sys.modules.setdefault(path.stem, module) is module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if is_new:
            del sys.modules[path.stem]
        raise
    return module


def _failed(where: str, option: str, error: Exception) -> ArgumentError:
    return ArgumentError(
        option, f"{where}: importing it failed with {type(error).__name__}: {error}"
    )


def _loops_in(found: Any) -> str:
    """Return which loops a module has."""
    from langchain_core.runnables import Runnable

    loops = [
        name
        for name, value in getattr(found, "__dict__", {}).items()
        if not name.startswith("_")
        and not isinstance(value, type)
        and (
            isinstance(value, Runnable)
            or (
                callable(value)
                and getattr(value, "__module__", None) == getattr(found, "__name__", "")
            )
        )
    ]
    return f"It has {_some(loops)}." if loops else "It has neither a graph nor a function."


def _modules_in(folder: Path) -> str:
    names = sorted(path.stem for path in folder.glob("*.py"))
    return f" Here are {_some(names)}." if names else ""


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
