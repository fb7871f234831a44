"""Trains a CIFAR-100 classifier: options, wiring, run. The way of an image: data -> augmentation -> network -> loss."""

import argparse
import os
import shlex
import signal
import sys
from typing import Any, Optional, Sequence

from app.command import exit_code
from app.errors import UsageError, say
from app.files import check_writable
from tools.train.frameworks import import_keras
from tools.train.options import parse

UNLIMITED = 10**6  # epochs, where the time is what ends a run


def make_optimiser(options: argparse.Namespace) -> Any:
    """Keras' optimiser. Its learning rate is set before every step by the schedule."""
    from keras import optimizers

    common = {
        "learning_rate": options.lr,
        "weight_decay": options.weight_decay or None,
        "use_ema": options.ema > 0,
        "ema_momentum": options.ema or None,
    }
    optimiser = {
        "sgd": lambda: optimizers.SGD(**common),
        "momentum": lambda: optimizers.SGD(momentum=options.momentum, **common),
        "nesterov": lambda: optimizers.SGD(momentum=options.momentum, nesterov=True, **common),
        "adam": lambda: optimizers.Adam(**common),
        "adamw": lambda: optimizers.AdamW(**{**common, "weight_decay": options.weight_decay}),
        "rmsprop": lambda: optimizers.RMSprop(momentum=options.momentum, **common),
        "adagrad": lambda: optimizers.Adagrad(**common),
        "nadam": lambda: optimizers.Nadam(**common),
    }[options.optimiser]()
    if options.weight_decay:
        optimiser.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimiser


def build_model(options: argparse.Namespace, on_gpu: bool) -> Any:
    """The network, compiled, with weights by the seed."""
    import keras

    from models.cifar import NETWORKS

    keras.utils.set_random_seed(options.seed)
    precision = options.precision
    keras.mixed_precision.set_dtype_policy(precision if precision == "float32" else "mixed_" + precision)
    dropout = {} if options.dropout is None else {"dropout": options.dropout}
    model = NETWORKS[options.model](**dropout)
    model.compile(
        make_optimiser(options),
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=options.label_smoothing),
        metrics=[keras.metrics.CategoricalAccuracy("top1"), keras.metrics.TopKCategoricalAccuracy(5, "top5")],
        # With TensorFlow on a CPU, XLA's convolutions are many times slower than its own; JAX has nothing else.
        jit_compile=False if keras.backend.backend() == "tensorflow" and not on_gpu else "auto",
    )
    return model


def train(journal: Any, resume: bool) -> tuple[Any, Any]:
    """Train until the run's end; the network, with the average of its weights where one is kept, and the data."""
    import keras

    from tools.train.data import load_data
    from tools.train.pace import Pace
    from tools.train.precision import has_gpu, resolve
    from tools.train.progress import Progress

    options = journal.options
    data = load_data(options, epoch=len(journal.epochs))
    options.precision = resolve(options.precision, has_gpu())  # a state for one does not fit another
    model = build_model(options, has_gpu())
    if resume:
        if data.sha256 != journal.data_sha256:
            raise UsageError(f"{options.data}: is not the data that {journal.folder} was started with")
        journal.restore(model)
        journal.publish()  # a kill may have come before that
    else:
        journal.data_sha256 = data.sha256
    journal.sweep()
    pace = Pace(options, data.steps, journal)
    averages = [keras.callbacks.SwapEMAWeights()] if options.ema else []
    if not pace.finished(len(journal.epochs)):
        epochs = UNLIMITED if options.time_budget else options.epochs
        say(
            f"{options.model}: {model.count_params():,} parameters, {keras.backend.backend()}, "
            f"{model.dtype_policy.name}; log, curves and checkpoints in {journal.folder}"
        )
        model.fit(
            data.training,
            validation_data=data.validation,
            initial_epoch=len(journal.epochs),
            epochs=epochs,
            callbacks=[pace, *averages, journal, Progress(pace)],
            verbose=0,
            shuffle=False,  # the data shuffle themselves
        )
    elif options.ema:  # else fit() has done it
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return model, data


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)

    def work() -> None:
        args = parse(arguments)
        import_keras()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from tools.train.export import export
        from tools.train.journal import Journal

        if args.resume is None:
            folder = args.run or os.path.join("runs", args.model)
            if args.output is not None:
                check_writable(args.output)
            args.output = args.output or os.path.join(folder, args.model + ".onnx")
            args.command = shlex.join(["python", "-m", "tools.train", *arguments])
            journal = Journal.create(folder, args)
        else:
            journal = Journal.read(args.resume)
        try:
            model, data = train(journal, resume=args.resume is not None)
        except KeyboardInterrupt:
            done = len(journal.epochs)
            if done:
                say(f"stopped after epoch {done}; go on with: python -m tools.train --resume {journal.folder}")
            raise
        finally:
            journal.leave()
        export(model, journal.options.output, journal.options.data, data.superclass_of, journal.summary())
        say(f"measure it with: python -m app.evaluate --model {journal.options.output} --data {journal.options.data}")

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
