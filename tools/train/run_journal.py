"""The files of a run, written so that it can be killed at any moment and resumed.

RUN/state.json          the state after the last complete epoch; an epoch is complete when this file is in place
RUN/epoch-0012.keras    network and optimiser after that epoch; state.json names the valid one, others are leftovers
RUN/snapshot-1.keras    network after the first cycle of --snapshots, and so on; state.json names the valid ones
RUN/log.jsonl           one line per epoch, written from state.json
RUN/curves.png          loss and accuracy

`RunJournal` does not know what is trained. What it has to know of a command's options, a subclass tells it.
"""

import argparse
import contextlib
import json
import math
import os
import time
from collections.abc import Iterator
from typing import Any

import keras

from app.errors import ModelError, UsageError
from app.files import check_writable, make_folder, remove_file, write_file
from app.lock import lock_folder
from app.modelcard import card_path
from tools.train.checkpoint import averaged, load_network, remove_leftovers, save_network
from tools.train.snapshots import check_present

STATE, LOG, CURVES = "state.json", "log.jsonl", "curves.png"
RUNNING = "name another --run, or wait until it ends"


class RunJournal(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Records every epoch of a run: a callback for `model.fit`, and what `--resume` starts from.

    options: those of the run. epochs: the log, a dictionary per epoch. elapsed: seconds of training up to the last
    complete epoch. size: height and width of the pictures in training. snapshots: the files of those so far. reserve:
    seconds of a time budget that something else than the training needs.
    """

    module = ""  # of the command, as people type it
    required: tuple[str, ...] = ("output", "command")  # options that no run is without

    @staticmethod
    def default_options() -> dict[str, Any]:
        """The options' defaults, for those that are newer than a run."""
        raise NotImplementedError

    def snapshot_names(self, epochs: int) -> list[str]:
        """The files in the folder that hold the run's snapshots after that number of epochs."""
        return []

    def outputs(self) -> list[str]:
        """The .onnx files that the run will write."""
        return [self.options.output]

    def draw(self, path: str) -> None:
        """Write the curves. Raises OutputError."""
        raise NotImplementedError

    def __init__(self, folder: str, options: argparse.Namespace, data_sha256: str = "") -> None:
        super().__init__()
        self.folder = folder
        self.options = options
        self.data_sha256 = data_sha256
        self.epochs: list[dict[str, Any]] = []
        self.elapsed = 0.0
        self.checkpoint = ""
        self.snapshots: list[str] = []
        self.size = 0
        self.reserve = 0.0
        self._lock: int | None = None
        self._resumed_at = time.monotonic()
        self._cold = True

    @classmethod
    def create(cls, folder: str, options: argparse.Namespace) -> "RunJournal":
        """Start a run in a folder that has none, and lock it. Raises UsageError if it has one, and OutputError."""
        make_folder(folder)
        journal = cls(folder, options)
        with journal._locking():
            if os.path.exists(os.path.join(folder, STATE)):
                raise UsageError(
                    f"{folder}: already has a run; continue it with --resume {folder}, or choose another --run"
                )
            check_writable(os.path.join(folder, STATE))
        return journal

    @classmethod
    def resume(cls, folder: str) -> "RunJournal":
        """The run in a folder, and lock it. Raises as `read` does, and OutputError if a training is running there."""
        journal = cls.read(folder)
        with journal._locking():
            return journal

    @contextlib.contextmanager
    def _locking(self) -> Iterator[None]:
        """Lock the folder until `close`, or until what follows fails."""
        try:
            self._lock = lock_folder(self.folder, RUNNING)
            yield
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let other trainings run there."""
        held, self._lock = self._lock, None
        if held is not None:
            os.close(held)

    def remove_if_empty(self) -> None:
        """Remove the folder if nothing was written to it, for example because there are no data."""
        with contextlib.suppress(OSError):  # it is not empty
            os.rmdir(self.folder)

    @classmethod
    def read(cls, folder: str) -> "RunJournal":
        """The run in a folder. Raises UsageError if there is none, ModelError if it is damaged."""
        path = os.path.join(folder, STATE)
        try:
            with open(path, encoding="utf-8") as file:
                state = json.load(file)
            options = argparse.Namespace(**{**cls.default_options(), **state["options"]})
            if not all(getattr(options, name) for name in cls.required):
                raise ValueError("options are missing")
            journal = cls(folder, options, str(state["data_sha256"]))
            journal.epochs = list(state["epochs"])
            journal.elapsed = float(state["elapsed"])
            journal.checkpoint = os.path.basename(state["checkpoint"])
            journal.snapshots = [os.path.basename(name) for name in state.get("snapshots", [])]
        except FileNotFoundError:
            raise UsageError(f"{folder}: has no run with a finished epoch; start one without --resume") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path}: damaged ({error}); start again with another --run") from error
        return journal

    def restore(self, model: keras.Model) -> None:
        """Load the weights and the optimiser's state after the last complete epoch into a compiled network.

        The network is the one of the run's options: one that Keras loads as a whole has forgotten which weights do not
        decay. Raises ModelError.
        """
        check_present(self.folder, self.snapshots)
        model.optimizer.build(model.trainable_variables)
        load_network(model, os.path.join(self.folder, self.checkpoint))

    def seconds(self) -> float:
        """Seconds of training so far, in all sessions; of a killed session up to its last complete epoch."""
        return self.elapsed + time.monotonic() - self._resumed_at

    def summary(self, count: int | None = None) -> dict[str, Any]:
        """The card's record of the run, or of its first `count` epochs."""
        epochs = self.epochs[:count]
        return {
            "command": self.options.command,
            "keras_backend": keras.backend.backend(),
            "seed": self.options.seed,
            "epochs": len(epochs),
            "seconds": round(self.elapsed if count is None else epochs[-1]["elapsed_s"]),
            "data_sha256": self.data_sha256,
            "last_epoch": epochs[-1] if epochs else None,
        }

    def on_train_begin(self, logs: Any = None) -> None:
        self._resumed_at = time.monotonic()
        self._cold = True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._cold:  # the first step of a session compiles, which does not count as training
            self._resumed_at, self._cold = time.monotonic(), False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        elapsed = self.seconds()
        if not all(math.isfinite(value) for value in (logs or {}).values()):
            raise ModelError(
                f"the loss of epoch {epoch + 1} is not a number; start again with a lower --lr and another --run"
            )
        figures = {name: round(float(value), 5) for name, value in (logs or {}).items()}
        rate = round(float(self.model.optimizer.learning_rate), 7)
        line = {"epoch": epoch + 1, "elapsed_s": round(elapsed, 1), "lr": rate, "size": self.size, **figures}
        self.elapsed, self._resumed_at = elapsed, time.monotonic() - (self.seconds() - elapsed)
        self.keep(self.model, line)
        self.publish()

    def keep(self, model: keras.Model, *line: dict[str, Any]) -> None:
        """Write network and state, with the line of an epoch that is now complete, if any. Raises OutputError."""
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        epochs = [*self.epochs, *line]
        snapshots = self.snapshot_names(len(epochs))
        if len(snapshots) > len(self.snapshots):
            with averaged(model) as network:
                save_network(network, os.path.join(self.folder, snapshots[-1]))
        checkpoint = f"epoch-{len(epochs):04d}.keras"
        save_network(model, os.path.join(self.folder, checkpoint))
        state = {
            "options": vars(self.options),
            "data_sha256": self.data_sha256,
            "checkpoint": checkpoint,
            "snapshots": snapshots,
            "elapsed": self.elapsed,
            "epochs": epochs,
        }
        write_file(os.path.join(self.folder, STATE), (json.dumps(state, indent=1) + "\n").encode())
        previous, self.checkpoint, self.epochs, self.snapshots = self.checkpoint, checkpoint, epochs, snapshots
        if previous:
            remove_file(os.path.join(self.folder, previous))

    def publish(self) -> None:
        """Write the log and the curves from the state. Raises OutputError."""
        lines = "".join(json.dumps(line) + "\n" for line in self.epochs)
        write_file(os.path.join(self.folder, LOG), lines.encode())
        self.draw(os.path.join(self.folder, CURVES))

    def sweep(self) -> None:
        """Remove leftovers of a kill: networks that the state does not name, and unfinished files."""
        files = [os.path.join(self.folder, name) for name in (STATE, LOG, CURVES)]
        files += [path for output in self.outputs() for path in (output, card_path(output))]
        remove_leftovers(self.folder, [self.checkpoint, *self.snapshots], files)
