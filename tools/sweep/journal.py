"""What a sweep has measured so far, in its folder: a sweep that was stopped at any moment goes on from there.

sweep.json          what is swept, and on what machine
measurements.jsonl  one line per measurement, added when it is done
truth.json          the labels, in COCO's format, where there are any
detections/         what was found in the labelled images, in COCO's results format: per combination a file of all
                    and one of what is shown
pictures/           one picture with its detections per combination
"""

import fcntl
import json
import os
from typing import IO, Any, Dict, List, Optional, Sequence, Set

from app import __version__
from app.errors import OutputError, SourceError, UsageError, warn
from app.files import remove_file, write_file
from tools.sweep.grid import ACCURACY, Combination, Task, as_json, from_json

Json = Dict[str, Any]

FORMAT = 1


class Journal:
    """A sweep's folder. plan: sweep.json. measurements: what was measured, dicts with `key`, `combination`, `round` and
    what `tools.sweep.measure` gave. A context manager where it was started: nobody else can measure there meanwhile.
    """

    def __init__(self, folder: str, plan: Json, measurements: List[Json]) -> None:
        self.folder = folder
        self.plan = plan
        self.measurements = measurements
        self._lock: Optional[IO[bytes]] = None

    @classmethod
    def start(cls, folder: str, options: Json, grid: Sequence[Combination], machine: Json, dataset: Json) -> "Journal":
        """The sweep of these options in `folder`: the one begun there, or a new one.

        options: all that decides what is measured. dataset: the labels, {} without. Raises UsageError where the folder
        has another sweep, or one that is running, OutputError where it cannot be written.
        """
        try:
            for part in ("detections", "pictures"):
                os.makedirs(os.path.join(folder, part), exist_ok=True)
            lock = open(os.path.join(folder, "measurements.jsonl"), "ab")  # noqa: SIM115
        except OSError as error:
            raise OutputError("{}: cannot be made: {}".format(folder, error.strerror)) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            journal = cls._begin(folder, options, grid, machine, dataset)
        except BlockingIOError as error:
            lock.close()
            raise UsageError("{}: a sweep is running there; name another --run, or wait".format(folder)) from error
        except BaseException:
            lock.close()
            raise
        journal._lock = lock
        return journal

    @classmethod
    def _begin(cls, folder: str, options: Json, grid: Sequence[Combination], machine: Json, dataset: Json) -> "Journal":
        truth_path = os.path.join(folder, "truth.json")
        if os.path.exists(os.path.join(folder, "sweep.json")):
            journal = cls.read(folder)
            journal._drop_partial_line()
            if journal.measurements:  # else nothing is lost by beginning again, with other options too
                journal._check(options, machine, dataset)
                return journal
        if os.path.getsize(os.path.join(folder, "measurements.jsonl")):
            raise UsageError("{}: has measurements, but no sweep.json; name another --run, or remove it".format(folder))
        if dataset:
            write_file(truth_path, json.dumps(dataset).encode())
        else:
            remove_file(truth_path)
        plan = {"kind": "sweep", "version": __version__, "format": FORMAT, "options": options, "machine": machine}
        plan["grid"] = [as_json(combination) for combination in grid]
        write_file(os.path.join(folder, "sweep.json"), (json.dumps(plan, indent=2) + "\n").encode())
        return cls(folder, dict(plan, grid=list(grid)), [])

    def _check(self, options: Json, machine: Json, dataset: Json) -> None:
        """Raise UsageError where what was measured is not of these options and labels; warn of another machine."""
        then = self.plan["options"]
        if then != options:
            differing = ", ".join(sorted(key for key in {*then, *options} if then.get(key) != options.get(key)))
            raise UsageError(
                "{}: has another sweep (it differs in: {}); name another --run, or remove it".format(
                    self.folder, differing
                )
            )
        if dataset and read_json(os.path.join(self.folder, "truth.json")) != dataset:
            raise UsageError(
                "{}: the images or their labels have changed since; name another --run, or remove it".format(
                    self.folder
                )
            )
        if self.plan["machine"].get("processor") != machine.get("processor"):
            warn("{}: was begun on another machine; its figures do not compare".format(self.folder))

    @classmethod
    def read(cls, folder: str) -> "Journal":
        """The sweep that is in `folder`. A line that was not written to its end is left out. Raises SourceError."""
        path = os.path.join(folder, "sweep.json")
        plan = read_json(path)
        try:
            if plan["kind"] != "sweep" or plan["format"] != FORMAT:
                raise ValueError("it is of another kind or version")
            if not isinstance(plan["options"], dict) or not isinstance(plan["machine"], dict):
                raise ValueError("its options or its machine are damaged")
            plan["grid"] = [from_json(fields) for fields in plan["grid"]]
            path = os.path.join(folder, "measurements.jsonl")
            measurements = []
            if os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    measurements = [json.loads(line) for line in file if line.endswith("\n")]
            for measurement in measurements:
                measurement["combination"] = from_json(measurement["combination"])
                measurement["key"] = Task(measurement["combination"], measurement["round"]).key
                if not isinstance(measurement.get("backend", ""), str):
                    raise ValueError("the backend of {}".format(measurement["key"]))
        except OSError as error:
            raise SourceError("{}: {}".format(path, error.strerror)) from error
        except (ValueError, LookupError, TypeError, ArithmeticError, RecursionError) as error:
            raise SourceError("{}: not what tools.sweep writes ({})".format(path, error)) from error
        return cls(folder, plan, measurements)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def close(self) -> None:
        """Let others measure there. What was read stays."""
        if self._lock is not None:
            self._lock.close()

    def _drop_partial_line(self) -> None:
        """Cut off a last line that was not written to its end, so that the next one does not continue it."""
        path = os.path.join(self.folder, "measurements.jsonl")
        try:
            if os.path.exists(path):
                with open(path, "r+b") as file:
                    file.truncate(file.read().rfind(b"\n") + 1)
        except OSError as error:
            raise OutputError("{}: cannot be written: {}".format(path, error.strerror)) from error

    def done(self) -> Set[str]:
        """The keys of the tasks that were measured; but not those of accuracy whose detections are there no more."""
        return {one["key"] for one in self.measurements if one["round"] != ACCURACY or self._has_found(one)}

    def _has_found(self, measurement: Json) -> bool:
        combination = measurement["combination"]
        return all(map(os.path.exists, (self.detections_path(combination), self.shown_path(combination))))

    def check_backend(self, named: str, description: str, size: Optional[int] = None) -> None:
        """Raise UsageError where the backend is not the one, or of the version, that was measured with before.

        named: in the options, as `auto`. description: what it is now; its beginning will do. size: of the network, if
        only measurements of one count.
        """
        for earlier in self.measurements:
            combination, then = earlier["combination"], earlier.get("backend", description)
            if combination.backend != named or size not in (None, combination.size) or then.startswith(description):
                continue
            raise UsageError(
                "{}: was begun with {} for the backend {}, which is {} now; install what it was begun with, or name "
                "another --run".format(self.folder, then, named, description)
            )

    def add(self, task: Task, result: Json) -> None:
        """Keep what a task has measured. Raises OutputError, and UsageError where it was with another backend than
        what is there.
        """
        if "backend" in result:
            self.check_backend(task.combination.backend, result["backend"], task.combination.size)
        line = dict(key=task.key, combination=as_json(task.combination), round=task.round, **result)
        path = os.path.join(self.folder, "measurements.jsonl")
        try:
            with open(path, "ab") as file:
                file.write((json.dumps(line) + "\n").encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OutputError("{}: cannot be written: {}".format(path, error.strerror)) from error
        self.measurements.append(dict(line, combination=task.combination))

    def detections_path(self, combination: Combination) -> str:
        """Where the detections of a combination in the labelled images are."""
        return os.path.join(self.folder, "detections", combination.key + ".json")

    def shown_path(self, combination: Combination) -> str:
        """Where those of them are that the program shows: of a box its likeliest label, if it is likely enough."""
        return os.path.join(self.folder, "detections", combination.key + ".shown.json")

    def picture_path(self, combination: Combination) -> str:
        """Where a picture with a combination's detections is."""
        return os.path.join(self.folder, "pictures", combination.key + ".jpg")


def read_json(path: str) -> Any:
    """What one of the files holds. Raises SourceError."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except OSError as error:
        raise SourceError("{}: {}".format(path, error.strerror)) from error
    except (ValueError, RecursionError) as error:
        raise SourceError("{}: not what tools.sweep writes ({})".format(path, error)) from error
