"""The progress of a run, and the learning rate for it."""

import argparse
from typing import Any

import keras

from tools.train.schedules import STEPS, make_schedule


class Pace(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Sets the learning rate before every step, and ends `fit` when the time budget is used up or pictures grow.

    The length of a run is its number of epochs or its time budget, less what the journal reserves of it for something
    else. journal: tells the seconds of training so far.
    """

    def __init__(self, options: argparse.Namespace, steps: int, journal: Any) -> None:
        super().__init__()
        self._budget = options.time_budget
        self._epochs = options.epochs
        self._steps = steps
        self._journal = journal
        self._step = len(journal.epochs) * steps
        self._small, self._small_share = options.small_first, options.small_share
        self._size = self._full = 0
        total = STEPS if self._budget else steps * options.epochs
        self._rate = make_schedule(
            options.schedule,
            options.lr,
            steps=total,
            decay_rate=options.decay_rate,
            boundaries=options.boundaries,
            # With a time budget the number of epochs is unknown: the rate falls every quarter of the time.
            step_share=0.25 if self._budget else options.step_epochs / options.epochs,
            warm_up=options.warm_up,
            anneal=self._budget is not None,
            cycles=options.snapshots or 1,
        )

    def _seconds(self) -> float:
        """How long a run with a time budget may train; at least half of the budget."""
        return float(max(self._budget / 2, self._budget - self._journal.reserve))

    def finished(self, epochs: int) -> bool:
        if self._budget:
            return bool(self._journal.elapsed >= self._seconds())
        return bool(epochs >= self._epochs)

    def progress(self) -> float:
        """Progress of the run, from 0 to 1."""
        if self._budget:
            return float(self._journal.seconds() / self._seconds())
        return float(self._step / (self._steps * self._epochs))

    def picture_size(self, full: int) -> int:
        """Height and width of the next epoch's pictures. full: those of the data."""
        self._full = full
        done = self._journal.elapsed / self._seconds() if self._budget else self.progress()
        self._size = self._small if self._small and done < self._small_share else full
        return self._size

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._step = epoch * self._steps

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # or the trainer would use its own copy of the rate until the end of the epoch
        self.model.optimizer.learning_rate = self._rate(self.progress())

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step += 1
        if self._budget and self.progress() >= 1:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._budget and self.progress() >= 1:  # the time ran out during validation
            self.model.stop_training = True
        if self._small and self._size < self._full and self.progress() >= self._small_share:
            self.model.stop_training = True  # fit() goes on with pictures of the full size
