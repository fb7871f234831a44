"""A Ray job of your own that detects in videos: one detector in each actor, and the next video for whoever is free.

python examples/ray_job.py found.csv films/*.mp4
"""

import csv
import os
import sys

import ray
from ray.util import ActorPool

from tools.batch.detector import FileDetector, Row


@ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=3)
class Finder:
    """Holds a detector, which stays loaded from one video to the next."""

    def __init__(self):
        self.detector = FileDetector("yolov3-tiny", size=320, classes=["person", "car"])

    def rows(self, path):
        """The objects in a video."""
        return list(self.detector.rows(path))


paths = [os.path.abspath(path) for path in sys.argv[2:]]
folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ray.init(runtime_env={"env_vars": {"PYTHONPATH": folder}})  # or install this project on every machine
finders = ActorPool([Finder.remote() for _ in range(int(ray.cluster_resources()["CPU"]))])
with open(sys.argv[1], "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(Row._fields)
    for found in finders.map_unordered(lambda finder, path: finder.rows.remote(path), paths):
        table.writerows(found)
