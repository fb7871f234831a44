"""Progress of a run: a bar with the time left, and a line for every epoch."""

import sys
from typing import Any, Optional

import keras
from tqdm import tqdm

from tools.train.pace import Pace


class Progress(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """A bar on standard error, if that is a terminal, and the lines always."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace = pace
        self._bar: Optional[Any] = None
        self._epoch = 0

    def on_train_begin(self, logs: Any = None) -> None:
        shape = "{desc} {percentage:3.0f}% {bar} {elapsed}, {remaining} left{postfix}"
        self._bar = tqdm(
            total=1.0, initial=min(1.0, self._pace.progress()), bar_format=shape, disable=None, leave=False
        )

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self._bar is not None and not self._bar.disable:
            self._bar.set_description(f"epoch {self._epoch}", refresh=False)
            self._bar.set_postfix_str(" ".join(f"{k} {v:.3f}" for k, v in (logs or {}).items()), refresh=False)
            self._bar.update(min(1.0, self._pace.progress()) - self._bar.n)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        figures = ", ".join(_figure(name, value) for name, value in (logs or {}).items())
        tqdm.write(f"epoch {epoch + 1}: {figures}", file=sys.stderr)

    def on_train_end(self, logs: Any = None) -> None:
        if self._bar is not None:
            self._bar.close()


def _figure(name: str, value: float) -> str:
    name = name.replace("val_", "validation ")
    return f"{name} {value * 100:.2f} %" if "top" in name else f"{name} {value:.3f}"
