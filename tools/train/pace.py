"""How far a run has come, and the learning rate that belongs there."""

import argparse
from typing import Any

import keras

from tools.train.schedules import STEPS, make_schedule


class Pace(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Sets the learning rate before every step, and ends a run whose time is over.

    A run is as long as its epochs, or as its time budget. journal: has the seconds that training has taken so far.
    """

    def __init__(self, options: argparse.Namespace, steps: int, journal: Any) -> None:
        super().__init__()
        self._budget = options.time_budget
        self._epochs = options.epochs
        self._steps = steps
        self._journal = journal
        self._step = len(journal.epochs) * steps
        total = STEPS if self._budget else steps * options.epochs
        self._rate = make_schedule(
            options.schedule,
            options.lr,
            total,
            options.decay_rate,
            options.boundaries,
            # Of an unknown number of epochs, a quarter of the time stands for what is said in epochs.
            0.25 if self._budget else options.step_epochs / options.epochs,
            options.warm_up,
            anneal=self._budget is not None,
        )

    def finished(self, epochs: int) -> bool:
        """Whether a run with so many whole epochs is at its end."""
        if self._budget:
            return bool(self._journal.elapsed >= self._budget)
        return bool(epochs >= self._epochs)

    def progress(self) -> float:
        """From 0 to 1."""
        if self._budget:
            return float(self._journal.seconds() / self._budget)
        return float(self._step / (self._steps * self._epochs))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._step = epoch * self._steps

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()  # or the trainer's own copy of the rate would be used until the epoch's end
        self.model.optimizer.learning_rate = self._rate(self.progress())

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._step += 1
        if self._budget and self.progress() >= 1:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self._budget and self.progress() >= 1:  # while it was validated
            self.model.stop_training = True
