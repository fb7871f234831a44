"""A process that times one kind of loader on one backend.

The spec is `kind`, `backend`, `model`, `data`, `batch` (or null), `limit` (images) and `steps`. Answers with `batch`,
`batches` of an epoch and `precision`; then to

  {"what": "load", "workers": N}   `seconds` of an epoch that only loads
  {"what": "step"}                 `seconds` of a training step on a batch that is in memory
  {"what": "train", "workers": N}  `seconds` of a training step on batches that are loaded meanwhile
"""

import sys
import time
from typing import Any

import numpy as np

from app.classification.datasets import open_dataset
from app.errors import UsageError
from models.task import CIFAR100, Task
from tools.bench_training.process import Handler, serve
from tools.bench_training.step import repeated, time_steps
from tools.json_file import Json
from tools.train.augmentation import make_augmentation
from tools.train.frameworks import import_keras
from tools.train.options import parse


def begin(spec: Json) -> tuple[Json, Handler]:
    """Read the images and build the network; the first answer, and what answers the questions."""
    import_keras()
    from tools.bench_loader.loaders import make_batches, make_loader
    from tools.train.network import build_model
    from tools.train.precision import has_gpu, resolve

    options = parse([spec["model"], *(["--batch", str(spec["batch"])] if spec["batch"] else [])])
    options.small_first = None  # pictures of the full size only
    batch, steps = options.batch, spec["steps"]
    if spec["limit"] < batch * (steps + 1):
        raise UsageError(f"--limit {spec['limit']}: fewer than {steps + 1} batches of {batch}; type a larger one")
    source = open_dataset(spec["data"], None)
    part = next(source.batches("train", spec["limit"]))
    images, labels = np.ascontiguousarray(part.images.transpose(0, 2, 3, 1)), part.fine
    classes, augment = len(source.labels), make_augmentation(options)
    options.precision = resolve("auto", has_gpu())
    task = Task(source.height, source.width, source.channels, classes, CIFAR100.mean, CIFAR100.deviation)
    if source.channels == 1:
        task = task._replace(mean=task.mean[:1], deviation=task.deviation[:1])
    model, nothing = build_model(options, task, has_gpu()), idle()
    whole = make_batches(images, labels, classes, batch, augment)
    count = batch * (steps + 1)  # the first step is not timed
    few = make_batches(images[:count], labels[:count], classes, batch, augment)

    def seconds_of(question: Json) -> Json:
        if question["what"] == "step":
            return {"seconds": time_steps(model, repeated(*few[0], steps + 1)) / steps}
        if question["what"] == "train":
            loader = make_loader(spec["kind"], few, question["workers"], options.crop)
            return {"seconds": time_steps(model, loader) / steps}
        loader = make_loader(spec["kind"], whole, question["workers"], options.crop)
        began = time.perf_counter()
        nothing.fit(loader, epochs=1, verbose=0, shuffle=False)
        return {"seconds": time.perf_counter() - began}

    return {"batch": batch, "batches": len(whole), "precision": options.precision}, seconds_of


def idle() -> Any:
    """A compiled model whose training step does nothing, so that `fit` only loads."""
    import keras

    class Idle(keras.Model):  # type: ignore[misc]  # Keras has no types
        def train_step(self, *_: Any) -> dict[str, Any]:
            return {"loss": keras.ops.zeros(())}  # TensorFlow's trainer wants something

    model = Idle()
    model.built = True
    model.compile(jit_compile=False)
    return model


if __name__ == "__main__":
    sys.exit(serve(begin))
