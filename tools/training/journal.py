"""What a run leaves behind, such that it can be killed at any moment and go on.

RUN/state.json          what is known after the last whole epoch; moving it into place is what ends an epoch
RUN/epoch-0012.keras    network and optimiser after that epoch; the one that state.json names, others are leftovers
RUN/log.jsonl           one line per epoch, written from state.json
RUN/curves.png          loss and accuracy
"""

import argparse
import json
import os
import time
from typing import Any

import keras

from app.errors import ModelError, OutputError, UsageError
from app.files import remove_file, write_file
from tools.training.curves import draw_curves

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

    @classmethod
    def create(cls, folder: str, options: argparse.Namespace) -> "Journal":
        """Begin a run in a folder that has none. Raises UsageError where there is one, OutputError."""
        if os.path.exists(os.path.join(folder, STATE)):
            raise UsageError(f"{folder}: has a run in it; go on with --resume {folder}, or name another --run")
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{folder}: cannot be made: {error.strerror}") from error
        return cls(folder, options)

    @classmethod
    def read(cls, folder: str) -> "Journal":
        """What a run left in its folder. Raises UsageError where there is none, ModelError where it is damaged."""
        path = os.path.join(folder, STATE)
        try:
            with open(path, encoding="utf-8") as file:
                state = json.load(file)
            journal = cls(folder, argparse.Namespace(**state["options"]), str(state["data_sha256"]))
            journal.epochs = list(state["epochs"])
            journal.elapsed = float(state["elapsed"])
            journal.checkpoint = os.path.basename(state["checkpoint"])
        except FileNotFoundError:
            raise UsageError(f"{folder}: no run that has finished an epoch; start one without --resume") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: is damaged ({error}); start the run again elsewhere") from error
        journal._write_log()
        return journal

    def load_model(self) -> keras.Model:
        """The network and the optimiser after the last whole epoch. Raises ModelError."""
        path = os.path.join(self.folder, self.checkpoint)
        try:
            return keras.models.load_model(path)  # no pickles, and safe_mode forbids code of its own
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ModelError(f"{path}: cannot be loaded: {str(error).splitlines()[0]}") from error

    def restore(self, model: keras.Model) -> None:
        """Give a compiled network the weights and the optimiser's state after the last whole epoch. Raises ModelError.

        Into a new network, since a loaded optimiser has forgotten which weights do not decay.
        """
        saved = self.load_model()
        model.optimizer.build(model.trainable_variables)
        try:
            model.set_weights(saved.get_weights())
            for variable, value in zip(model.optimizer.variables, saved.optimizer.variables, strict=True):
                variable.assign(value)
        except (ValueError, AttributeError) as error:
            raise ModelError(f"{self.folder}: its checkpoint is not one of its options' network") from error

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

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        elapsed = self.seconds()
        figures = {name: round(float(value), 5) for name, value in (logs or {}).items()}
        rate = round(float(self.model.optimizer.learning_rate), 7)
        self.epochs.append({"epoch": epoch + 1, "elapsed_s": round(elapsed, 1), "lr": rate, **figures})
        previous, self.checkpoint = self.checkpoint, f"epoch-{epoch + 1:04d}.keras"
        path = os.path.join(self.folder, self.checkpoint)
        try:
            self.model.save(os.path.join(self.folder, CHECKPOINT))
            os.replace(os.path.join(self.folder, CHECKPOINT), path)
        except OSError as error:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        self.elapsed, self._resumed_at = elapsed, time.monotonic() - (self.seconds() - elapsed)
        self._write_state()
        if previous:
            remove_file(os.path.join(self.folder, previous))
        self._write_log()
        draw_curves(self.epochs, os.path.join(self.folder, "curves.png"), self.options.model)

    def sweep(self) -> None:
        """Remove what a kill left behind: checkpoints that no state names, and files that were not yet in place."""
        for name in os.listdir(self.folder):
            stale = name.startswith("epoch-") and name.endswith(".keras") and name != self.checkpoint
            if stale or name.startswith(UNFINISHED):
                remove_file(os.path.join(self.folder, name))

    def _write_state(self) -> None:
        state = {
            "options": vars(self.options),
            "data_sha256": self.data_sha256,
            "checkpoint": self.checkpoint,
            "elapsed": self.elapsed,
            "epochs": self.epochs,
        }
        write_file(os.path.join(self.folder, STATE), (json.dumps(state, indent=1) + "\n").encode())

    def _write_log(self) -> None:
        lines = "".join(json.dumps(line) + "\n" for line in self.epochs)
        write_file(os.path.join(self.folder, "log.jsonl"), lines.encode())
