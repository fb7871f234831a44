"""A folder of Parquet files, one for each finished task. All of them together are one table.

Beside them lies `_settings.json`, which readers of such folders ignore for its first letter: one folder has results of
one model and one set of options.
"""

import json
import os
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from app import __version__
from app.errors import UsageError
from app.files import make_folder, remove_file, write_file
from app.lock import lock_folder
from tools.batch.detector import Row
from tools.batch.plan import Settings, Task
from tools.batch.work import Done
from tools.json_file import read_json

TEXT = pa.dictionary(pa.int32(), pa.string())
TYPES = {"file": TEXT, "frame": pa.int64(), "time": pa.float64(), "label": TEXT}
SCHEMA = pa.schema([(name, TYPES.get(name, pa.float32())) for name in Row._fields])
ABOUT = b"nanoyolo"  # in a file's metadata: which task it is of, as JSON
UNFINISHED = re.compile(r"\..+\.[a-z0-9_]{8}")  # what `write_file` leaves when it is killed


class Results:
    """The folder, locked against a second run. A context manager."""

    def __init__(self, folder: str, settings: Settings) -> None:
        """Create the folder if there is none. Raises OutputError, and UsageError where it has other settings."""
        make_folder(folder)
        self._folder = folder
        self._settings = settings
        self._lock = lock_folder(folder)
        try:
            self._check_settings()
        except BaseException:
            self.close()
            raise

    def _check_settings(self) -> None:
        path = os.path.join(self._folder, "_settings.json")
        mine = json.loads(json.dumps(self._settings._asdict()))
        if os.path.exists(path):
            theirs = read_json(path, "the settings of results")
            if theirs != mine:
                changed = [name for name in mine if not isinstance(theirs, dict) or theirs.get(name) != mine[name]]
                raise UsageError(
                    f"--output {self._folder}: has results with another {', '.join(changed)}; name another folder"
                )
            for name in os.listdir(self._folder):
                if UNFINISHED.fullmatch(name):
                    remove_file(os.path.join(self._folder, name))
        else:
            write_file(path, (json.dumps(mine, indent=2) + "\n").encode())

    def unfinished(self, tasks: Sequence[Task]) -> tuple[list[Task], list[str]]:
        """The tasks without results; and the problems of those that have some.

        Results of the same files that no task has, since a file has changed or the tasks are others, are removed.
        """
        names = {name for name in os.listdir(self._folder) if name.endswith(".parquet")}
        mine = {task.name(self._settings): task for task in tasks}
        files = {path for task in tasks for path in task.files}
        for name in names - set(mine):
            if files.intersection(self._about(name).get("files", [])):
                remove_file(os.path.join(self._folder, name))
        problems = [line for name in sorted(names & set(mine)) for line in self._about(name).get("problems", [])]
        return [task for name, task in mine.items() if name not in names], problems

    def _about(self, name: str) -> Any:
        """What a file says of its task; nothing where it is not one of ours."""
        try:
            about = json.loads((pq.read_schema(os.path.join(self._folder, name)).metadata or {})[ABOUT])
            return about if isinstance(about, dict) else {}
        except (OSError, pa.ArrowException, KeyError, ValueError):
            return {}

    def write(self, task: Task, done: Done) -> None:
        """Write a task's results, all at once. Raises OutputError."""
        columns = zip(*done.rows) if done.rows else [[] for _ in SCHEMA]
        about = {
            "version": __version__,
            "files": task.files,
            "first": task.first,
            "stop": task.stop,
            "frames": done.frames,
            "problems": done.problems,
            "settings": self._settings._asdict(),
        }
        schema = SCHEMA.with_metadata({ABOUT: json.dumps(about).encode()})
        arrays = [pa.array(list(column), field.type) for column, field in zip(columns, schema)]
        buffer = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), buffer, compression="zstd")
        write_file(os.path.join(self._folder, task.name(self._settings)), buffer.getvalue().to_pybytes())

    def close(self) -> None:
        """Let others write to the folder. Closing twice is allowed."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> "Results":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()
