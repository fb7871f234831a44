"""Time app.evaluate against keras.Model.evaluate, one image at a time as in the original report.

Rivals take turns within each round, on the same images; figures are medians, ratios are taken within a round. Keras is
timed as it compiles a model by default, and without XLA, which is slow on some CPUs. Then all classify the complete
test set, and the images on which they disagree are counted.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from typing import Any, Callable, Optional, Sequence

import numpy as np
from tqdm import tqdm

from app.backends import Backend, open_backend
from app.classification.card import ClassifierCard
from app.classification.cifar100 import COARSE, SIDE, Cifar100
from app.classification.datasets import open_dataset
from app.classification.reader import Batch
from app.classifier import Classifier
from app.command import Parser, exit_code, number, print_lines
from app.errors import ModelError, UsageError, warn
from app.evaluate import run, warm_up
from app.files import write_file
from app.stop import Stop
from models.task import CIFAR100
from tools.tables import Table
from tools.train.frameworks import import_keras
from tools.train.networks import NETWORKS, builder

EXAMPLES = """examples:
  python -m tools.bench_classifier report_cnn
  python -m tools.bench_classifier nano_resnet_s --data cifar-100-binary.tar.gz
  python -m tools.bench_classifier nano_resnet_s --run runs/nano_resnet_s --images 500 --rounds 7
"""
ENGINES = (("onnx", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"))  # backends and precisions
WHOLE_BATCH = 100  # images per batch where time is not measured
BEST = 5

Rival = Callable[[], float]  # runs one turn and returns its seconds


def bench(args: argparse.Namespace) -> None:
    """Run the comparison and print its results."""
    data = open_dataset(args.data)
    if not isinstance(data, Cifar100):
        raise UsageError(f"--data {args.data}: not CIFAR-100")
    model = load(args)
    with tempfile.TemporaryDirectory() as folder:
        from models.keras_onnx import emit_onnx

        path = os.path.join(folder, args.model + ".onnx")
        write_file(path, emit_onnx(model).SerializeToString())
        rivals = keras_rivals(model, data, args.images)
        backends: dict[str, Backend] = {}
        for engine, precision in ENGINES:
            try:
                backends[f"{engine} {precision}"] = open_backend(path, engine, "cpu", precision)
            except ModelError as error:
                warn(f"not compared: {error}")
        for name, backend in backends.items():
            classifier = Classifier(backend, card(args.model, data))
            rivals[f"app.evaluate, {name}"] = evaluate_rival(classifier, data, args.images)
        print_lines([table(rounds(rivals, args.rounds), args.images)])
        whole = {name: Classifier(backend, card(args.model, data), WHOLE_BATCH) for name, backend in backends.items()}
        print_lines([differences(model, whole, data)])


def load(args: argparse.Namespace) -> Any:
    """The network, with the weights of a training run, else its initial ones."""
    import_keras()
    import keras

    from tools.train.journal import Journal
    from tools.train.network import build_model

    keras.utils.set_random_seed(0)
    model = builder(args.model)(CIFAR100)
    if args.run is not None:
        journal = Journal.read(args.run)
        if journal.options.model != args.model:
            raise UsageError(f"--run {args.run}: trained {journal.options.model}, not {args.model}")
        trained = build_model(journal.options, CIFAR100, on_gpu=False)
        journal.restore(trained)
        if journal.options.ema:
            trained.optimizer.finalize_variable_values(trained.trainable_variables)
        model.set_weights(trained.get_weights())  # into one that computes in float32
    return model


def card(name: str, data: Cifar100) -> ClassifierCard:
    """A card for a model that has none. Superclasses are not compared."""
    fine, coarse = tuple(data.fine_names), tuple(data.coarse_names)
    superclass_of = tuple(label % COARSE for label in range(len(fine)))
    return ClassifierCard(name, "", fine, coarse, superclass_of, SIDE, SIDE, 1.0, None)


def keras_rivals(model: Any, data: Cifar100, images: int) -> dict[str, Rival]:
    """`Model.evaluate` with the original report's metrics and batches of one, compiled by default and without XLA."""
    import keras

    batch: Batch = next(data.batches("test", images))
    pixels, labels = batch.images.transpose(0, 2, 3, 1).astype(np.float32), batch.fine.astype(np.int64)

    def rival(jit_compile: Any) -> Rival:
        own = keras.models.clone_model(model)
        own.compile(
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=[keras.metrics.SparseCategoricalAccuracy(), keras.metrics.SparseTopKCategoricalAccuracy(BEST)],
            jit_compile=jit_compile,
        )

        def round_of() -> float:
            began = time.perf_counter()
            own.evaluate(pixels, labels, batch_size=1, verbose=0)
            return time.perf_counter() - began

        return round_of

    return {"keras": rival("auto"), "keras, no XLA": rival(False)}


def evaluate_rival(classifier: Classifier, data: Cifar100, images: int) -> Rival:
    """The work of `app.evaluate`, from the data file to the scores."""

    def round_of() -> float:
        with Stop() as stop:
            warm_up(classifier, stop)
            return run(classifier, data, "test", images, stop)[2]

    return round_of


def rounds(rivals: dict[str, Rival], count: int) -> dict[str, list[float]]:
    """Seconds of every rival in every round, after one round of warm-up."""
    seconds: dict[str, list[float]] = {name: [] for name in rivals}
    for number_of in tqdm(range(count + 1), unit=" rounds", leave=False, disable=None):
        for name, rival in rivals.items():
            taken = rival()
            if number_of:
                seconds[name].append(taken)
    return seconds


def table(seconds: dict[str, list[float]], images: int) -> str:
    """Milliseconds per image, and speed relative to the faster of the two Keras rivals in the same round."""
    fastest = [min(pair) for pair in zip(*(seconds[name] for name in seconds if name.startswith("keras")))]
    rows = []
    for name, times in seconds.items():
        ratios = [reference / own for reference, own in zip(fastest, times)]
        per_image = f"{statistics.median(times) / images * 1e3:.2f}"
        rows.append([name, per_image, f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"])
    return Table("", ["", "ms per image", "x keras"], rows).as_text()


def differences(model: Any, classifiers: dict[str, Classifier], data: Cifar100) -> str:
    """Number of test images on which a classifier is right and Keras wrong, or the reverse."""
    import keras

    differing = {name: np.zeros(2, int) for name in classifiers}
    count = data.count("test")
    with tqdm(total=count, unit=" images", leave=False, disable=None) as bar:
        for batch in data.batches("test", WHOLE_BATCH):
            pixels = batch.images.transpose(0, 2, 3, 1).astype(np.float32)
            expected = right(keras.ops.convert_to_numpy(model(pixels, training=False)), batch.fine)
            for name, classifier in classifiers.items():
                differing[name] += (right(classifier.logits(batch.images), batch.fine) != expected).sum(axis=1)
            bar.update(len(batch.fine))
    return "\n".join(
        f"{name}: of {count} images, {top1} differ from Keras in top-1 and {top5} in top-5"
        for name, (top1, top5) in differing.items()
    )


def right(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Whether each label is the largest logit, and one of the five largest: (2, n) bool."""
    ranked = np.argsort(-logits, axis=1, kind="stable") == labels[:, None]
    return np.stack([ranked[:, 0], ranked[:, :BEST].any(axis=1)])


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.bench_classifier", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    add("model", choices=tuple(NETWORKS), metavar="MODEL", help="network: " + ", ".join(NETWORKS))
    add("--run", metavar="DIR", help="use the weights of this training run (default: random ones)")
    add("--data", metavar="DIR", default="cifar-100", help="folder or archive with CIFAR-100 (default: %(default)s)")
    add("--images", type=number(int, 10, 10000, "images"), default=200, metavar="N", help="per round (default: 200)")
    add("--rounds", type=number(int, 1, 99, "rounds"), default=5, metavar="N", help="turns of each (default: 5)")
    return exit_code(lambda: bench(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(main())
