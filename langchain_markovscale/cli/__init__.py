"""The `markovscale` command (extra `cli`): one module per subcommand, heavy imports inside them."""


def main() -> None:
    """Run the command line; the console entry point `markovscale`."""
    try:
        from langchain_markovscale.cli.app import app
    except ModuleNotFoundError as error:
        from langchain_markovscale._extras import naming_the_extra

        raise SystemExit(f"markovscale: {naming_the_extra(error)}") from None
    app()
