"""A process that times the training step of one configuration: forward, backward, update, as `tools.train` does it.

The spec is a Configuration's fields, `model`, `batch` and `size` (pixels, or null). Answers with `macs` of an image and
`parameters`; then to `{"steps": N}` with `seconds` of N steps. Every step is on the same batch, which costs nothing to
read.
"""

import sys
import time
from typing import Any, Optional

import numpy as np

from models.task import CHARACTERS, CIFAR100, Task
from tools.bench_training.process import Handler, serve
from tools.json_file import Json
from tools.train.frameworks import import_keras
from tools.train.networks import NETWORKS
from tools.train.options import parse


def begin(spec: Json) -> tuple[Json, Handler]:
    """Build the network; the first answer, and what answers the questions."""
    import_keras()
    import keras

    from tools.bench_training.macs import count_macs

    model, task = build(spec)
    shape = (task.height, task.width, task.channels)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (spec["batch"], *shape)).astype(np.float32)
    labels = np.eye(task.classes, dtype=np.float32)[rng.integers(0, task.classes, spec["batch"])]

    def seconds_of(question: Json) -> Json:
        return {"seconds": time_steps(model, repeated(images, labels, question["steps"] + spec["steps"]))}

    # Counted with channels last, which not every backend can otherwise.
    facts = {"macs": count_macs(model, shape), "parameters": model.count_params(), "keras": keras.__version__}
    return facts, seconds_of


def build(spec: Json) -> tuple[Any, Task]:
    """The compiled network of the spec, and its task."""
    from tools.train.network import build_model
    from tools.train.precision import has_gpu

    arguments = [spec["model"], "--precision", spec["precision"], "--batch", str(spec["batch"])]
    options = parse(arguments + (["--size", str(spec["size"])] if spec["size"] else []))
    task = CIFAR100 if NETWORKS[options.model].data == "cifar-100" else CHARACTERS
    on_gpu = has_gpu()
    model = build_model(options, task, on_gpu)
    if spec["channels"] == "first":
        model = channels_first(model, options, on_gpu)
    model.steps_per_execution = spec["steps"]
    model.jit_compile = spec["jit"]
    return model, task


def channels_first(model: Any, options: Any, on_gpu: bool) -> Any:
    """The same network, compiled, which computes with the channels before height and width from its entrance on."""
    import keras

    from tools.train.network import compile_model

    inside = False  # behind the entrance, whose rescaling is by the last axis

    def clone(layer: Any) -> Any:
        nonlocal inside
        settings = layer.get_config()
        if inside:
            if "data_format" in settings:
                settings["data_format"] = "channels_first"
            if isinstance(layer, keras.layers.BatchNormalization):
                settings["axis"] = 1
        inside = inside or layer.name == "normalise"
        return type(layer).from_config(settings)

    def call(layer: Any, *args: Any, **settings: Any) -> Any:
        y = layer(*args, **settings)
        return keras.layers.Permute((3, 1, 2))(y) if layer.name == "normalise" else y

    first = keras.models.clone_model(model, clone_function=clone, call_function=call)
    compile_model(first, options, on_gpu)
    return first


def repeated(images: np.ndarray, labels: np.ndarray, times: int) -> Any:
    """The same batch, several times, as Keras takes what `tools.train` reads."""
    import keras

    class Repeated(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no types
        def __len__(self) -> int:
            return times

        def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
            return images, labels

    return Repeated()


def time_steps(model: Any, data: Any) -> float:
    """Seconds of all steps of an epoch but those of the first execution, in which everything starts."""
    import keras

    ends: list[float] = []

    class Clock(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
        def on_train_batch_end(self, batch: int, logs: Optional[dict[str, Any]] = None) -> None:
            for value in (logs or {}).values():
                float(value)  # waits for a backend that computes behind the program's back
            ends.append(time.perf_counter())

    model.fit(data, epochs=1, verbose=0, shuffle=False, callbacks=[Clock()])
    return ends[-1] - ends[0]


if __name__ == "__main__":
    sys.exit(serve(begin))
