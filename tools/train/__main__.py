"""The training command. An image takes this way: data -> augmentation -> network -> loss."""

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

UNLIMITED = 10**6  # epochs of a run that ends with its time budget


def train(journal: Any, resume: bool) -> tuple[Any, Any]:
    """Train until the run's end; returns the network, with averaged weights if an average is kept, and the data."""
    import keras

    from tools.train.data import load_data
    from tools.train.network import build_model, prepare
    from tools.train.pace import Pace
    from tools.train.precision import has_gpu, resolve
    from tools.train.probe import probe
    from tools.train.progress import Progress

    options = journal.options
    data = load_data(options, epoch=len(journal.epochs))
    options.precision = resolve(options.precision, has_gpu())  # a checkpoint fits one precision only
    model = build_model(options, data.task, has_gpu())
    if resume:
        if data.sha256 != journal.data_sha256:
            raise UsageError(f"{options.data}: not the data that {journal.folder} was started with")
        journal.restore(model)
        journal.publish()  # the run may have been killed before that
    else:
        journal.data_sha256 = data.sha256
        prepare(model, options, data.training.images, data.task)
        if options.probe:
            probe(model, options, data)
            journal.keep(model)  # so that it need not be done again
    journal.sweep()
    pace = Pace(options, len(data.training), journal)
    averages = [keras.callbacks.SwapEMAWeights()] if options.ema else []
    if not pace.finished(len(journal.epochs)):
        say(
            f"{options.model}: {model.count_params():,} parameters, {keras.backend.backend()}, "
            f"{model.dtype_policy.name}; log, curves and checkpoints in {journal.folder}"
        )
    while not pace.finished(len(journal.epochs)):
        data.training.start(len(journal.epochs))
        data.training.size = journal.size = pace.picture_size(data.task.height)
        model.fit(
            data.training,
            validation_data=data.validation,
            initial_epoch=len(journal.epochs),
            epochs=UNLIMITED if options.time_budget else options.epochs,
            callbacks=[pace, *averages, journal, Progress(pace)],
            verbose=0,
            shuffle=False,  # the batches shuffle themselves
        )
        journal.restore(model)  # fit() has ended with averaged weights, and may go on with larger pictures
    if options.ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return model, data


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)

    def work() -> None:
        args = parse(arguments)
        import_keras()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from tools.train.ensemble import export_snapshots
        from tools.train.export import export
        from tools.train.journal import Journal
        from tools.train.session import session

        if args.resume is None:
            folder = args.run or os.path.join("runs", args.model)
            if args.output is not None:
                check_writable(args.output)
            args.output = args.output or os.path.join(folder, args.model + ".onnx")
            args.command = shlex.join(["python", "-m", "tools.train", *arguments])
            journal = Journal.create(folder, args)
        else:
            journal = Journal.resume(args.resume)
        with session(journal):
            model, data = train(journal, resume=args.resume is not None)
            export(model, journal.options.output, data, journal.summary(), journal.options.half)
            if journal.options.snapshots:
                export_snapshots(model, journal, data)
        words = ["--model", journal.options.output, "--data", journal.options.data]
        say(f"evaluate it with: {shlex.join(['python', '-m', 'app.evaluate', *words])}")

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
