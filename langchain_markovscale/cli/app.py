"""The list of subcommands, and the one place where errors become a line and an exit code."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Annotated, ParamSpec

import typer

from langchain_markovscale.cli.calibrate import calibrate
from langchain_markovscale.cli.compare import compare
from langchain_markovscale.cli.console import BAD_INPUT, INTERRUPTED, say
from langchain_markovscale.cli.demo import demo
from langchain_markovscale.cli.plan import plan
from langchain_markovscale.cli.record import record
from langchain_markovscale.cli.report import report
from langchain_markovscale.cli.solve import solve
from langchain_markovscale.cli.wording import in_options, options_of

_Parameters = ParamSpec("_Parameters")

app = typer.Typer(
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
    """Make errors that a user can mend one line on stderr, and an exit code.

    Args:
        command: A subcommand. Its `ValueError` and `OSError` are bad input (exit code 2), a missing
            package names its extra (2), Ctrl-C ends with 130.
    """

    @wraps(command)
    def run(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> None:
        options = options_of(command)
        try:
            with _warnings_said(options):
                command(*args, **kwargs)
        except KeyboardInterrupt:
            say("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            raise  # whoever read our output has gone: nothing to say, and nobody to say it to
        except ModuleNotFoundError as error:
            from langchain_markovscale._extras import naming_the_extra

            say(f"error: {naming_the_extra(error)}", style="red")
            raise typer.Exit(BAD_INPUT) from None
        except (ValueError, OSError) as error:
            say(f"error: {in_options(str(error), options)}", style="red")
            raise typer.Exit(BAD_INPUT) from None

    return run


class _Saying(logging.Handler):
    """Says what the library warns of, as errors are said."""

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(logging.WARNING)
        self._options = options

    def emit(self, record: logging.LogRecord) -> None:
        """Say a warning."""
        say(f"warning: {in_options(record.getMessage(), self._options)}", style="yellow")


@contextmanager
def _warnings_said(options: Mapping[str, str]) -> Iterator[None]:
    logger, handler = logging.getLogger("langchain_markovscale"), _Saying(options)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


for _command in (demo, solve, plan, record, calibrate, report, compare):
    app.command()(one_line_errors(_command))
