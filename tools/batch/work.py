"""What a worker does with a task, wherever it runs. It keeps its detector from one task to the next."""

from functools import lru_cache
from typing import NamedTuple, Union

from app.errors import ModelError, NanoyoloError
from app.modelcard import find_model, read_card
from tools.batch.detector import FileDetector, Row, rows_of
from tools.batch.plan import Settings, Task

ATTEMPTS = 3  # at a task whose workers die, before it counts as failed: it may be what kills them


class Done(NamedTuple):
    """What came of a task. frames: how many were looked at. problems: the files that could not be read, or not to
    their end, one line each.
    """

    rows: list[Row]
    frames: int
    problems: list[str]


def do(settings: Settings, task: Task) -> Union[Done, NanoyoloError]:
    """Detect in a task's files. An error that would meet every task is returned, so that it ends the run."""
    try:
        detector = _load(settings)
    except NanoyoloError as error:
        return error
    done = Done([], 0, [])
    for path in task.files:
        try:
            for frame in detector.frames(path, task.first, task.stop):
                done.rows.extend(rows_of(frame, path))
                done = done._replace(frames=done.frames + 1)
        except NanoyoloError as error:
            done.problems.append(str(error))
        except Exception as error:  # one file that meets a bug should not cost the others
            done.problems.append(f"{path}: {type(error).__name__}: {error}")
    return done


def died(task: Task) -> Done:
    """What comes of a task that no worker survives."""
    return Done([], 0, [f"{task.files[0]}: its worker died {ATTEMPTS} times; it may lack memory"])


@lru_cache(maxsize=1)
def _load(settings: Settings) -> FileDetector:
    found = read_card(find_model(settings.model)).sha256
    if found != settings.sha256:
        raise ModelError(f"{settings.model}: a worker's machine has another file of this name; copy the same one there")
    return FileDetector(settings.model, **settings.options())
