"""A Ray cluster, which `make test-distributed` installs; without Ray there are no tests."""

from importlib.util import find_spec

import pytest
from ray_cluster import ray_cluster

collect_ignore_glob = [] if find_spec("ray") else ["test_*.py"]


@pytest.fixture(scope="session")
def cluster():
    with ray_cluster() as ray:
        yield ray


@pytest.fixture
def log(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    return folder
