"""What every test runs under: nothing leaves this machine, and equal runs give equal results."""

import gc
import os
import signal
from collections import Counter

import hypothesis
import pytest

# Before any test module imports the libraries that read them.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LANGSMITH_TRACING"] = "false"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # a worker has one core; more threads wait for each other
for name in ("LANGCHAIN_TRACING_V2", "LANGSMITH_API_KEY"):
    os.environ.pop(name, None)

# A suite that was started in the background ignores Ctrl-C, and so would the processes that tests
# start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The examples of hypothesis' own profile for CI: seeded by the test, without a time limit.
hypothesis.settings.load_profile("ci")


@pytest.fixture(autouse=True)
def no_script_runs_out():
    """An error that the loop turned into an answer must not hide that a test asks for too much."""
    from fakes import OVERRUN

    yield
    overrun = OVERRUN.copy()
    OVERRUN.clear()
    assert overrun == []


@pytest.fixture(scope="session")
def one_torch_thread():
    """Small models gain little from more, and lose much where others want the cores too."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look at no library and no test for garbage: they stay, and looking takes a tenth of a run.

    Afterwards it is looked for seldom: as often as in a program, it took 7 % of agents' tests.
    """
    gc.disable()
    result = yield
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    gc.enable()
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give workers that share the tests (pytest -n) whole files, for the fixtures of a module.

    One of them gets all of the folder with the real model, which takes a while to load, and one all
    that is asked of the same reports.
    """
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            together = (prefix for prefix in TOGETHER if nodeid.startswith(prefix))
            return next(together, nodeid.split("::")[0])

    return ByFile(config, log)


TOGETHER = ("tests/integration_tests/local/", "tests/unit_tests/calibration/test_report")

LEFT_OUT = pytest.StashKey[Counter[str]]()
"""How many tests of each file are left out for want of a server."""


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config, items):
    result = yield  # -k makes its choice
    left_out = [] if os.environ.get("TEST_POSTGRES") else list(filter(_over_postgres, items))
    files = (item.path.relative_to(config.rootpath) for item in left_out)
    config.stash[LEFT_OUT] = Counter(map(str, files))
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    return result


def _over_postgres(item):
    if item.path.parent.name != "persistence" or not hasattr(item, "callspec"):
        return False
    return "postgres" in item.callspec.params.values()


def pytest_sessionfinish(session):
    worker = getattr(session.config, "workeroutput", None)
    if worker is not None:  # only the process that started the workers writes a summary
        worker["left_out"] = dict(session.config.stash.get(LEFT_OUT, {}))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[LEFT_OUT] = Counter(getattr(node, "workeroutput", {}).get("left_out"))


def pytest_terminal_summary(terminalreporter, config):
    if files := config.stash.get(LEFT_OUT, None):
        which = ", ".join(f"{file} ({count})" for file, count in files.items())
        terminalreporter.write_line(
            f"Left out: {files.total()} tests over PostgreSQL, because TEST_POSTGRES names "
            f"no server ('.ci/with-postgres make test' runs them): {which}",
            yellow=True,
        )
