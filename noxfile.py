"""The tests under every Python that is installed here: `nox`. One that is missing is skipped."""

import nox

nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["bare", "unit_tests"]

PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@nox.session(python=PYTHONS)
def bare(session: nox.Session) -> None:
    """The package without extras: it imports, and a graph runs."""
    session.install(".", "--constraint", "constraints.txt")
    session.run("python", "-W", "error", "-c", BARE)


@nox.session(python=PYTHONS)
def unit_tests(session: nox.Session) -> None:
    """The tests that need nothing but the package and its extras."""
    session.install(".[all,test]", "--constraint", "constraints.txt")
    session.run("pytest", "-n", "auto", "tests/unit_tests", *session.posargs)


BARE = """
from langchain_markovscale import create_markovscale_graph
graph = create_markovscale_graph(
    generate=lambda request: "391", actions=("generate",), verifier=lambda key: key == "391"
)
assert graph.invoke({"question": "What is 17 * 23?"})["answer"] == "391"
"""
