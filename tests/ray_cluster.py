"""A Ray cluster of this machine, whose actors find the tests' own modules."""

import os
from contextlib import contextmanager
from pathlib import Path

TESTS = Path(__file__).parent
ACTOR_PARTS = TESTS / "integration_tests" / "distributed"


@contextmanager
def ray_cluster():
    """Start the cluster, and stop it at the end."""
    import ray

    paths = os.pathsep.join(map(str, [ACTOR_PARTS, TESTS, TESTS.parent]))
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": paths}},
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    yield ray
    ray.shutdown()
