"""What a run leaves behind, such that it can be killed at any moment and go on.

RUN/state.json          what is known after the last whole epoch; moving it into place is what ends an epoch
RUN/epoch-0012.keras    network and optimiser after that epoch; the one that state.json names, others are leftovers
RUN/log.jsonl           one line per epoch, written from state.json
RUN/curves.png          loss and accuracy
"""

import argparse
import json
import math
import os
import re
import time
import warnings
from typing import Any

import keras

from app.backends import running
from app.errors import ModelError, OutputError, UsageError
from app.files import check_writable, remove_file, write_file
from tools.train.curves import draw_curves
from tools.train.options import make_parser

STATE = "state.json"
CHECKPOINT = ".checkpoint.keras"  # while it is written
UNFINISHED = (CHECKPOINT, ".state.json.", ".log.jsonl.", ".curves.png.")


class Journal(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Writes down every epoch of a run: a callback for `model.fit`, and what `--resume` starts from.

    options: of the run. epochs: the log so far, one dictionary each. elapsed: seconds of training up to the last whole
    epoch.
    """

    def __init__(self, folder: str, options: argparse.Namespace, data_sha256: str = "") -> None:
        super().__init__()
        self.folder = folder
        self.options = options
        self.data_sha256 = data_sha256
        self.epochs: list[dict[str, Any]] = []
        self.elapsed = 0.0
        self.checkpoint = ""
        self._resumed_at = time.monotonic()
        self._cold = True

    @classmethod
    def create(cls, folder: str, options: argparse.Namespace) -> "Journal":
        """Begin a run in a folder that has none. Raises UsageError where there is one, OutputError."""
        if os.path.exists(os.path.join(folder, STATE)):
            raise UsageError(f"{folder}: has a run in it; go on with --resume {folder}, or name another --run")
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
        check_writable(os.path.join(folder, STATE))
        return cls(folder, options)

    def leave(self) -> None:
        """Remove the folder where nothing was written to it: the data were not there, say."""
        try:
            os.rmdir(self.folder)
        except OSError:
            pass  # it is not empty

    @classmethod
    def read(cls, folder: str) -> "Journal":
        """What a run left in its folder. Raises UsageError where there is none, ModelError where it is damaged."""
        path = os.path.join(folder, STATE)
        try:
            with open(path, encoding="utf-8") as file:
                state = json.load(file)
            defaults = vars(make_parser().parse_args([]))  # of options that are younger than the run
            options = argparse.Namespace(**{**defaults, **state["options"]})
            if not (options.model and options.output and options.command):
                raise ValueError("it does not say of what")
            journal = cls(folder, options, str(state["data_sha256"]))
            journal.epochs = list(state["epochs"])
            journal.elapsed = float(state["elapsed"])
            journal.checkpoint = os.path.basename(state["checkpoint"])
        except FileNotFoundError:
            raise UsageError(f"{folder}: no run that has finished an epoch; start one without --resume") from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{path}: is damaged ({error}); start the run again elsewhere") from error
        return journal

    def restore(self, model: keras.Model) -> None:
        """Give a compiled network the weights and the optimiser's state after the last whole epoch. Raises ModelError.

        Into a new network, since a loaded optimiser has forgotten which weights do not decay.
        """
        path = os.path.join(self.folder, self.checkpoint)
        model.optimizer.build(model.trainable_variables)
        with running("Keras", path), warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # what does not fit is skipped with a warning only
            model.load_weights(path)  # the optimiser's state too; no pickles

    def seconds(self) -> float:
        """Seconds of training so far, in all sessions, without what a killed one had done of its last epoch."""
        return self.elapsed + time.monotonic() - self._resumed_at

    def summary(self) -> dict[str, Any]:
        """What a card says of the run."""
        return {
            "command": self.options.command,
            "keras_backend": keras.backend.backend(),
            "seed": self.options.seed,
            "epochs": len(self.epochs),
            "seconds": round(self.elapsed),
            "data_sha256": self.data_sha256,
            "last_epoch": self.epochs[-1] if self.epochs else None,
        }

    def on_train_begin(self, logs: Any = None) -> None:
        self._resumed_at = time.monotonic()
        self._cold = True

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._cold:  # the first step of a session compiles, which is not training
            self._resumed_at, self._cold = time.monotonic(), False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        elapsed = self.seconds()
        if not all(math.isfinite(value) for value in (logs or {}).values()):
            raise ModelError(f"the loss of epoch {epoch + 1} is not a number; start again with a lower --lr")
        figures = {name: round(float(value), 5) for name, value in (logs or {}).items()}
        rate = round(float(self.model.optimizer.learning_rate), 7)
        line = {"epoch": epoch + 1, "elapsed_s": round(elapsed, 1), "lr": rate, **figures}
        previous, self.checkpoint = self.checkpoint, f"epoch-{epoch + 1:04d}.keras"
        path = os.path.join(self.folder, self.checkpoint)
        try:
            self.model.save(os.path.join(self.folder, CHECKPOINT))
            _sync(os.path.join(self.folder, CHECKPOINT))
            os.replace(os.path.join(self.folder, CHECKPOINT), path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        self.elapsed, self._resumed_at = elapsed, time.monotonic() - (self.seconds() - elapsed)
        self._write_state([*self.epochs, line])
        self.epochs.append(line)
        if previous:
            remove_file(os.path.join(self.folder, previous))
        self.publish()

    def publish(self) -> None:
        """Write the log and the curves, which only repeat what the state has. Raises OutputError."""
        lines = "".join(json.dumps(line) + "\n" for line in self.epochs)
        write_file(os.path.join(self.folder, "log.jsonl"), lines.encode())
        draw_curves(self.epochs, os.path.join(self.folder, "curves.png"), self.options.model)

    def sweep(self) -> None:
        """Remove what a kill left behind: checkpoints that no state names, and files that were not yet in place."""
        for name in os.listdir(self.folder):
            stale = re.fullmatch(r"epoch-\d{4,}\.keras", name) and name != self.checkpoint
            if stale or name.startswith(UNFINISHED):
                remove_file(os.path.join(self.folder, name))

    def _write_state(self, epochs: list[dict[str, Any]]) -> None:
        state = {
            "options": vars(self.options),
            "data_sha256": self.data_sha256,
            "checkpoint": self.checkpoint,
            "elapsed": self.elapsed,
            "epochs": epochs,
        }
        write_file(os.path.join(self.folder, STATE), (json.dumps(state, indent=1) + "\n").encode())


def _sync(path: str) -> None:
    """On the disk, before a state names it."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
