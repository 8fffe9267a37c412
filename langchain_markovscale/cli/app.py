"""The list of subcommands, and the one place where errors become a line and an exit code."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from typing import Annotated, Any, ParamSpec

import typer
from typer.core import TyperGroup
from typer.models import OptionInfo

from langchain_markovscale._text import harmless
from langchain_markovscale.cli.calibrate import calibrate
from langchain_markovscale.cli.check import check
from langchain_markovscale.cli.compare import compare
from langchain_markovscale.cli.console import BAD_INPUT, INTERRUPTED, say
from langchain_markovscale.cli.demo import demo
from langchain_markovscale.cli.diff import diff
from langchain_markovscale.cli.drift import drift
from langchain_markovscale.cli.label import label
from langchain_markovscale.cli.plan import plan
from langchain_markovscale.cli.record import record
from langchain_markovscale.cli.report import report
from langchain_markovscale.cli.solve import solve
from langchain_markovscale.types import ArgumentError

_Parameters = ParamSpec("_Parameters")


@contextmanager
def _said_harmlessly() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if hasattr(error, "format_message"):  # what typer shows of an error about arguments
            shown = harmless(error.format_message())
            error.format_message = lambda: shown
        raise


class _Commands(TyperGroup):
    """The subcommands. Errors about arguments repeat them, and are made harmless."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        with _said_harmlessly():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        with _said_harmlessly():
            return super().invoke(ctx)


app = typer.Typer(
    cls=_Commands,
    help="Reflect-and-revise loops that stop when another round is not worth its cost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(asked: bool) -> None:
    if asked:
        from langchain_markovscale import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Take the options that stand before a subcommand."""


def one_line_errors(command: Callable[_Parameters, None]) -> Callable[_Parameters, None]:
    """Turn errors that a user can correct into one line on stderr and an exit code.

    Args:
        command: A subcommand. Its `ValueError` and `OSError` are bad input (exit code 2), a missing
            package names its extra (2), Ctrl-C ends with 130.
    """

    @wraps(command)
    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
        try:
            with _warnings_on_stderr():
                command(*args, **kwargs)
        except KeyboardInterrupt:
            say("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            raise  # the reader of our output has gone
        except ModuleNotFoundError as error:
            from langchain_markovscale._extras import naming_the_extra

            say(f"error: {naming_the_extra(error)}", style="red")
            raise typer.Exit(BAD_INPUT) from None
        except (ValueError, OSError) as error:
            say(f"error: {_message(error, command)}", style="red")
            raise typer.Exit(BAD_INPUT) from None

    return run


def _message(error: Exception, command: Callable[..., Any]) -> str:
    """Return what an error says, with the option in place of the argument that it is about."""
    if not isinstance(error, ArgumentError):
        return str(error)
    return f"{_options_of(command).get(error.name, error.name)} {error.problem}"


def _options_of(command: Callable[..., Any]) -> dict[str, str]:
    """Return the options of a command by its parameters, which are called as in the library."""
    options = {}
    for name, parameter in signature(command).parameters.items():
        (declared,) = getattr(parameter.annotation, "__metadata__", (None,))
        if isinstance(declared, OptionInfo):
            # Typer takes the first name for a default until it reads the annotation.
            names = (declared.default, *(declared.param_decls or ()))
            given = [each for each in names if isinstance(each, str) and each.startswith("--")]
            options[name] = (given or [f"--{name.replace('_', '-')}"])[0].partition("/")[0]
    return options


class _OnStderr(logging.Handler):
    """Shows what the library warns of, as errors are shown."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show a warning."""
        say(f"warning: {record.getMessage()}", style="yellow")


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    logger, handler = logging.getLogger("langchain_markovscale"), _OnStderr(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


_COMMANDS = (
    demo,
    solve,
    plan,
    record,
    label,
    check,
    calibrate,
    report,
    compare,
    diff,
    drift,
)

for _command in _COMMANDS:
    app.command()(one_line_errors(_command))
