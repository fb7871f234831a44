"""What a sweep has measured so far, in its folder: a sweep that was stopped at any moment continues from there.

sweep.json          what is swept, and on which machine
measurements.jsonl  one line per measurement, added when it is done
truth.json          the labels in COCO's format, if there are any
detections/         what was found in the labelled images, as COCO results: per combination one file of all detections
                    and one of those that are shown
pictures/           one picture with its detections per combination
"""

import contextlib
import json
import os
from typing import IO, Any, Iterator, List, Optional, Sequence, Set

from app import __version__
from app.errors import OutputError, UsageError, warn
from app.files import make_folder, remove_file, write_file
from app.lock import lock
from tools.json_file import Json, expecting, read_json
from tools.sweep.grid import ACCURACY, Combination, Task, as_json, from_json

FORMAT = 1
WHAT = "a sweep's folder as tools.sweep writes it"
OTHER_RUN = "name another --run, or remove it"
MEASUREMENTS = "measurements.jsonl"
RUNNING = "name another --run, or wait until it ends"


@contextlib.contextmanager
def _writing(path: str) -> Iterator[str]:
    """Raise OutputError, with the path, for what fails."""
    try:
        yield path
    except OSError as error:
        raise OutputError(f"{path}: cannot write: {error.strerror}") from error


class Journal:
    """A sweep's folder. plan: sweep.json. measurements: dicts with `key`, `combination`, `round` and the results of
    `tools.sweep.measure`. A context manager if it was started: no other sweep can run in the folder meanwhile.
    """

    def __init__(self, folder: str, plan: Json, measurements: List[Json]) -> None:
        self.folder = folder
        self.plan = plan
        self.measurements = measurements
        self._lock: Optional[IO[bytes]] = None

    @classmethod
    def start(cls, folder: str, options: Json, grid: Sequence[Combination], machine: Json, dataset: Json) -> "Journal":
        """The sweep of these options in `folder`: the one started there, or a new one.

        options: everything that decides what is measured. dataset: the labels, {} without. Raises UsageError if the
        folder has another sweep, OutputError if one is running there or it is not writable.
        """
        for part in ("detections", "pictures"):
            make_folder(os.path.join(folder, part))
        with _writing(os.path.join(folder, MEASUREMENTS)) as path:
            held = open(path, "ab")  # noqa: SIM115
        try:
            lock(held.fileno(), path, RUNNING)
            journal = cls._begin(folder, options, grid, machine, dataset)
        except BaseException:
            held.close()
            raise
        journal._lock = held
        return journal

    @classmethod
    def _begin(cls, folder: str, options: Json, grid: Sequence[Combination], machine: Json, dataset: Json) -> "Journal":
        truth_path = os.path.join(folder, "truth.json")
        if os.path.exists(os.path.join(folder, "sweep.json")):
            journal = cls.read(folder)
            journal._drop_partial_line()
            if journal.measurements:  # else nothing is lost by starting again, even with other options
                journal._check(options, machine, dataset)
                return journal
        if os.path.getsize(os.path.join(folder, MEASUREMENTS)):
            raise UsageError(f"{folder}: has measurements, but no sweep.json; {OTHER_RUN}")
        if dataset:
            write_file(truth_path, json.dumps(dataset).encode())
        else:
            remove_file(truth_path)
        plan = {"kind": "sweep", "version": __version__, "format": FORMAT, "options": options, "machine": machine}
        plan["grid"] = [as_json(combination) for combination in grid]
        write_file(os.path.join(folder, "sweep.json"), (json.dumps(plan, indent=2) + "\n").encode())
        return cls(folder, dict(plan, grid=list(grid)), [])

    def _check(self, options: Json, machine: Json, dataset: Json) -> None:
        """Raise UsageError if the folder was measured with other options or labels; warn about another machine."""
        then = self.plan["options"]
        if then != options:
            differing = ", ".join(sorted(key for key in {*then, *options} if then.get(key) != options.get(key)))
            raise UsageError(f"{self.folder}: has another sweep (it differs in: {differing}); {OTHER_RUN}")
        if dataset and read_json(os.path.join(self.folder, "truth.json"), WHAT) != dataset:
            raise UsageError(f"{self.folder}: the images or their labels have changed since; {OTHER_RUN}")
        if self.plan["machine"].get("processor") != machine.get("processor"):
            warn(f"{self.folder}: was started on another machine; the figures are not comparable")

    @classmethod
    def read(cls, folder: str) -> "Journal":
        """The sweep in `folder`, without a last line that was not written to its end. Raises SourceError."""
        path = os.path.join(folder, "sweep.json")
        plan = read_json(path, WHAT)
        with expecting(path, WHAT):
            if plan["kind"] != "sweep" or plan["format"] != FORMAT:
                raise ValueError("it is of another kind or format")
            if not isinstance(plan["options"], dict) or not isinstance(plan["machine"], dict):
                raise ValueError("its options or its machine are damaged")
            plan["grid"] = [from_json(fields) for fields in plan["grid"]]
        path = os.path.join(folder, MEASUREMENTS)
        measurements: List[Json] = []
        with expecting(path, WHAT):
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    measurements = [json.loads(line) for line in file if line.endswith("\n")]
            for measurement in measurements:
                measurement["combination"] = from_json(measurement["combination"])
                measurement["key"] = Task(measurement["combination"], measurement["round"]).key
                if not isinstance(measurement.get("backend", ""), str):
                    raise ValueError(f"the backend of {measurement['key']}")
        return cls(folder, plan, measurements)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def close(self) -> None:
        """Let other sweeps run there. What was read stays."""
        if self._lock is not None:
            self._lock.close()

    def _drop_partial_line(self) -> None:
        """Cut off a last line that was not written to its end, so that the next one starts a new line."""
        with _writing(os.path.join(self.folder, MEASUREMENTS)) as path:
            if os.path.exists(path):
                with open(path, "r+b") as file:
                    file.truncate(file.read().rfind(b"\n") + 1)

    def done(self) -> Set[str]:
        """The keys of the tasks that were measured, without those of accuracy whose detections are missing."""
        return {one["key"] for one in self.measurements if one["round"] != ACCURACY or self._has_found(one)}

    def _has_found(self, measurement: Json) -> bool:
        combination = measurement["combination"]
        return all(map(os.path.exists, (self.detections_path(combination), self.shown_path(combination))))

    def check_backend(self, named: str, description: str, size: Optional[int] = None) -> None:
        """Raise UsageError if the backend, or its version, is not the one that earlier measurements were made with.

        named: as in the options, such as `auto`. description: what it is now, or how that begins. size: of the
        network, if only measurements of one size count.
        """
        for earlier in self.measurements:
            combination, then = earlier["combination"], earlier.get("backend", description)
            if combination.backend != named or size not in (None, combination.size) or then.startswith(description):
                continue
            raise UsageError(
                f"{self.folder}: was started with {then} as backend {named}, which is now {description}; install the "
                "former, or name another --run"
            )

    def add(self, task: Task, result: Json) -> None:
        """Keep the result of a task. Raises OutputError, and UsageError if it was measured with another backend than
        the earlier ones.
        """
        if "backend" in result:
            self.check_backend(task.combination.backend, result["backend"], task.combination.size)
        line = dict(key=task.key, combination=as_json(task.combination), round=task.round, **result)
        with _writing(os.path.join(self.folder, MEASUREMENTS)) as path:
            with open(path, "ab") as file:
                file.write((json.dumps(line) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())
        self.measurements.append(dict(line, combination=task.combination))

    def detections_path(self, combination: Combination) -> str:
        return os.path.join(self.folder, "detections", combination.key + ".json")

    def shown_path(self, combination: Combination) -> str:
        """The file of those that the program shows: the likeliest label of each box, if it is likely enough."""
        return os.path.join(self.folder, "detections", combination.key + ".shown.json")

    def picture_path(self, combination: Combination) -> str:
        return os.path.join(self.folder, "pictures", combination.key + ".jpg")
