"""How the notebooks are run: `make notebooks`, or with ARGS=--store to store what they show."""


def pytest_addoption(parser):
    parser.addoption(
        "--store", action="store_true", help="store what the notebooks show, compare nothing"
    )
