"""Ray: the same results as from processes of this machine, and a node that is killed costs its tasks again."""

import shutil

import pytest
from support.batch import real_settings, street
from support.program import ROOT, needs_model

from tools.batch.local import in_processes
from tools.batch.plan import make_tasks

ray = pytest.importorskip("ray")

from tools.batch.on_ray import on_ray  # noqa: E402

pytestmark = [pytest.mark.verify, pytest.mark.slow, needs_model]


@pytest.fixture
def tasks(tmp_path):
    street(tmp_path / "0.avi", 40)
    for number in range(1, 12):
        shutil.copy(str(tmp_path / "0.avi"), str(tmp_path / f"{number}.avi"))
    return make_tasks([str(tmp_path / f"{number}.avi") for number in range(12)], stretch=20)[0]


@pytest.fixture
def cluster(monkeypatch):
    """Three nodes of one core, in processes of this machine; the first one stays."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", ROOT)
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.others = [made.add_node(num_cpus=1) for _ in range(2)]
    yield made
    ray.shutdown()
    made.shutdown()


def test_ray_on_this_machine(tasks):
    assert dict(on_ray(real_settings(), tasks, 2, None)) == dict(in_processes(real_settings(), tasks, 1))


def test_a_node_that_is_killed(tasks, cluster):
    plain = dict(in_processes(real_settings(), tasks, 1))
    found = {}
    for task, done in on_ray(real_settings(), tasks, None, cluster.address):
        assert task not in found
        found[task] = done
        if len(found) == 3:
            cluster.remove_node(cluster.others[0], allow_graceful=False)
    assert found == plain
    assert all(done.rows for done in found.values())
