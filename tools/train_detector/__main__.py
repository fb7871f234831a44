"""The training command of detectors. A picture takes this way: labels -> check -> augmentation -> network -> loss."""

import argparse
import os
import shlex
import signal
import sys
import time
from typing import Any, Optional, Sequence

from app.backends import importing
from app.command import exit_code, print_lines
from app.errors import UsageError, say, warn
from app.files import check_writable, reject_overwrites
from app.modelcard import WEIGHTS, card_path
from tools.train.frameworks import INSTALL, import_keras
from tools.train_detector.anchors import box_sides, fit_anchors, for_heads, mean_best_iou
from tools.train_detector.dataset import DataSet, read_data
from tools.train_detector.inspection import findings, summary
from tools.train_detector.options import parse

UNLIMITED = 10**6  # epochs of a run that ends with its time budget
MOSAICS = 0.85  # share of the run with mosaics; whole pictures alone at the end, as in Ge et al. 2021 (YOLOX)
POOR_FIT = 0.1  # of mean IoU that fitted anchors gain, from which on they are recommended


def train(journal: Any, data: DataSet, resume: bool, started: float) -> Any:
    """Train until the run's end; returns the detector, with averaged weights if an average is kept."""
    import keras

    from tools.train.pace import Pace
    from tools.train.precision import has_gpu, resolve
    from tools.train.progress import Progress
    from tools.train_detector.batches import Batches
    from tools.train_detector.network import build, new_heads, read_network
    from tools.train_detector.validation import Validation

    options = journal.options
    options.precision = resolve(options.precision, has_gpu())  # a checkpoint fits one precision only
    made_of = read_network(options)
    network = new_heads(made_of, len(data.labels), chosen_anchors(made_of.network, data, options))
    detector = build(made_of, network, options, has_gpu())
    model = detector.model
    if resume:
        if data.sha256 != journal.data_sha256:
            raise UsageError(f"{options.images or options.data}: not the data that {journal.folder} was started with")
        journal.restore(model)
        journal.publish()  # the run may have been killed before that
    else:
        journal.data_sha256 = data.sha256
    journal.sweep()
    journal.size = options.size
    labelled = data.training
    batches = Batches(labelled, network, options.size, options.batch, flip=options.flip, seed=options.seed)
    pace = Pace(options, len(batches), journal)
    batches.mosaics = lambda: pace.progress() < MOSAICS
    batches.start(len(journal.epochs))
    validation = Validation(network, data.labels, made_of.resize, data.validation, options, journal, started)
    if not pace.finished(len(journal.epochs)):
        say(
            f"{len(batches)} batches of {options.batch} an epoch, {model.count_params():,} parameters, "
            f"{keras.backend.backend()}, {model.dtype_policy.name}; log, curves and checkpoints in {journal.folder}"
        )
    while not pace.finished(len(journal.epochs)):
        model.fit(
            batches,
            initial_epoch=len(journal.epochs),
            epochs=UNLIMITED if options.time_budget else options.epochs,
            callbacks=[pace, validation, journal, Progress(pace)],
            verbose=0,
            shuffle=False,  # the batches shuffle themselves
        )
    if options.ema:
        model.optimizer.finalize_variable_values(model.trainable_variables)
    return detector


def chosen_anchors(network: Any, data: DataSet, options: argparse.Namespace) -> Any:
    """Anchors of each head if they are to be fitted, else None; says how well they fit. Raises UsageError."""
    import numpy as np

    sides = box_sides(data.training, options.size)
    own = np.array(sorted({anchor for head in network.heads for anchor in head.anchors}))
    before = mean_best_iou(sides, own)
    count = sum(len(head.anchors) for head in network.heads)
    if options.anchors == "fit":
        fitted = fit_anchors(sides, count, options.seed)
        say(f"anchors fitted to {len(sides)} boxes: mean IoU {mean_best_iou(sides, fitted):.2f}, was {before:.2f}")
        return for_heads(fitted, network.heads)
    if len(np.unique(sides.round(3), axis=0)) >= count:
        after = mean_best_iou(sides, fit_anchors(sides, count, options.seed))
        if after - before > POOR_FIT:
            say(f"the anchors fit your boxes with a mean IoU of {before:.2f}; --anchors fit would have {after:.2f}")
    return None


def check(data: DataSet) -> None:
    """Say what the data are, and what is odd about them."""
    say(summary(data))
    for finding in findings(data):
        warn(finding)


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    started = time.monotonic()
    arguments = list(sys.argv[1:] if argv is None else argv)

    def work() -> None:
        args = parse(arguments)
        if args.resume is None:
            check_writable(args.output)
            read = [path for path in (args.weights, args.cfg, args.names, args.data) if path is not None]
            reject_overwrites([("--output", args.output), ("the card", card_path(args.output))], read)
            data = read_data(args)
            check(data)
            if args.check_only:
                return
        import_keras()
        with importing("pycocotools", INSTALL):  # now, and not after the first epoch
            import pycocotools.cocoeval  # noqa: F401
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        from tools.train.session import session
        from tools.train_detector.export import CONFIDENCE, export
        from tools.train_detector.journal import DetectorJournal

        if args.resume is None:
            args.command = shlex.join(["python", "-m", "tools.train_detector", *arguments])
            journal = DetectorJournal.create(args.run, args)
        else:
            journal = DetectorJournal.resume(args.resume)
        with session(journal):
            if args.resume is not None:
                data = read_data(journal.options)
            detector = train(journal, data, args.resume is not None, started)
            threshold = export(detector, data, journal)
            options = journal.options
        name = os.path.splitext(os.path.basename(options.output))[0]
        in_weights = os.path.dirname(os.path.abspath(options.output)) == WEIGHTS
        model = ["--model", name if in_weights else options.output]
        say(f"curves and predictions are in {options.run}")
        camera = ["python", "-m", "app.detect", "--cam", "0", *model]
        if threshold is not None and threshold < CONFIDENCE:  # after a short training scores are low
            camera += ["--conf", f"{threshold:.2f}"]
        print_lines([shlex.join(camera)])

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
