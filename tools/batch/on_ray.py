"""Workers of a Ray cluster, or of one that is started here. Ray does a task again when its worker or node has died."""

import logging
import os
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import ray

from app.backends import physical_cores
from app.errors import NanoyoloError, SourceError
from tools.batch.plan import Settings, Task
from tools.batch.work import ATTEMPTS, Done, died, do

AHEAD = 2  # tasks a core that Ray is given, so that no node waits for this process
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def on_ray(
    settings: Settings, tasks: Sequence[Task], workers: Optional[int], address: Optional[str]
) -> Iterator[tuple[Task, Done]]:
    """Each task with what came of it, as they are done. Raises what keeps a worker from doing any.

    workers: how many tasks at once, by default one a core of the cluster. address: of the cluster; None starts one
    here. Raises SourceError where there is no cluster.
    """
    try:
        _connect(address, workers)
        remote = ray.remote(num_cpus=1, max_retries=ATTEMPTS - 1)(do)
        waiting: deque[Task] = deque(tasks)
        running: dict[Any, Task] = {}
        while waiting or running:
            # Nodes may come and go.
            most = workers or AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while waiting and len(running) < most:
                task = waiting.popleft()
                running[remote.remote(settings, task)] = task
            ready, _ = ray.wait(list(running), num_returns=1)
            for reference in ready:
                task = running.pop(reference)
                yield task, _answer(reference, task)
    finally:
        ray.shutdown()


def _connect(address: Optional[str], workers: Optional[int]) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:  # a cluster has this code installed, or is given it by RAY_RUNTIME_ENV
        options.update(num_cpus=workers or physical_cores(), include_dashboard=False)
        options["runtime_env"] = {"env_vars": {"PYTHONPATH": ROOT}}
        os.environ.setdefault(
            "RAY_USAGE_STATS_ENABLED", "0"
        )  # Ray tells its makers of its use unless it is told not to
    try:
        ray.init(address or "local", **options)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise SourceError(f"--address {address}: no Ray cluster: {error}") from error


def _answer(reference: Any, task: Task) -> Done:
    try:
        found = ray.get(reference)
    except ray.exceptions.RayTaskError:
        raise  # a bug, with its traceback
    except ray.exceptions.RayError:
        return died(task)
    if isinstance(found, NanoyoloError):
        raise found
    assert isinstance(found, Done)
    return found
