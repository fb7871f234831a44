"""A fake of `python -m tools.train`: its options, its folder, its lock and its log, with figures made of the options.

    fake_trainer.py [--pause SECONDS] [--fail-at BATCH] [--full-at BATCH] TRAINING'S OPTIONS...

It is as strict as the original, whose parser it uses. Each epoch takes `--pause` seconds. Every start is a line in
starts.txt, beside the run's folder. The value after each epoch depends on the options alone, so that two runs of one
command line agree, however often they were interrupted.
"""

import json
import os
import signal
import sys
import time
import zlib

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from app.command import Parser, exit_code  # noqa: E402
from app.errors import ModelError, OutputError, UsageError  # noqa: E402
from app.files import make_folder, write_file  # noqa: E402
from app.lock import lock_folder  # noqa: E402
from tools.train.options import parse  # noqa: E402


def figure(options, epoch):
    """The made-up accuracy of these options after an epoch, 0..1."""
    told = [options["model"], options["batch"], options["momentum"], options["lr"], options["seed"]]
    scatter = zlib.crc32(repr(told).encode()) % 1000 / 1000
    return round((0.2 + 0.7 * scatter) * epoch / (epoch + 1), 5)


def train(fake, folder, options, epochs):
    """Write an epoch after the other, as the original's journal does."""
    while len(epochs) < (options["epochs"] or 1):
        time.sleep(fake.pause)
        if options["batch"] == fake.fail_at:
            raise ModelError("the loss of epoch 1 is not a number; start again with a lower --lr")
        if options["batch"] == fake.full_at:
            raise OutputError(f"{folder}/state.json: cannot be written: No space left on device")
        number = len(epochs) + 1
        epochs.append({"epoch": number, "elapsed_s": number * fake.pause, "val_top1": figure(options, number)})
        state = {"options": options, "epochs": epochs}
        write_file(os.path.join(folder, "state.json"), json.dumps(state).encode())
        write_file(os.path.join(folder, "log.jsonl"), "".join(json.dumps(line) + "\n" for line in epochs).encode())


def main():
    parser = Parser()
    parser.add_argument("--pause", type=float, default=0.05)
    parser.add_argument("--fail-at", type=int)
    parser.add_argument("--full-at", type=int)
    fake, rest = parser.parse_known_args()

    def work():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        args = parse(rest)
        folder = args.resume or args.run
        make_folder(folder)
        lock = lock_folder(folder, "name another --run, or wait until it ends")
        path = os.path.join(folder, "state.json")
        with open(os.path.join(os.path.dirname(folder), "starts.txt"), "a") as starts:
            starts.write("{} {}\n".format(os.path.basename(folder), "resumed" if args.resume else "new"))
        if args.resume:
            with open(path) as file:
                state = json.load(file)
            train(fake, folder, state["options"], state["epochs"])
        elif os.path.exists(path):
            raise UsageError(f"{folder}: already has a run")
        else:
            train(fake, folder, vars(args), [])
        os.close(lock)

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
