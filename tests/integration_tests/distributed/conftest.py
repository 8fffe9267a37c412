"""A Ray cluster, which `make test-distributed` installs; without Ray there are no tests."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

collect_ignore_glob = [] if find_spec("ray") else ["test_*.py"]

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def cluster():
    import ray

    paths = os.pathsep.join([str(HERE), str(HERE.parents[1]), str(HERE.parents[2])])
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()


@pytest.fixture
def log(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    return folder
