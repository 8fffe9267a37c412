"""The `markovscale` command (extra `cli`): one module per subcommand, heavy imports inside them."""

import sys
from traceback import format_exception


def main() -> None:
    """Run the command line; the console entry point `markovscale`."""
    try:
        from langchain_markovscale.cli.app import app
    except ModuleNotFoundError as error:
        from langchain_markovscale._extras import naming_the_extra

        raise SystemExit(f"markovscale: {naming_the_extra(error)}") from None
    try:
        app()
    except Exception as error:  # that no command expects: shown as by Python, but harmless
        from langchain_markovscale._text import harmless

        sys.stderr.write(harmless("".join(format_exception(error))))
        raise SystemExit(1) from None
