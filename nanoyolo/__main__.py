"""The `nanoyolo` command: `nanoyolo detect ...` is `python -m app.detect ...`, and so on."""

import runpy
import sys
from typing import NoReturn

from app.command import exit_code, print_lines
from app.errors import UsageError

COMMANDS = {
    "detect": ("app.detect", "detect objects in a camera, video or image"),
    "classify": ("app.classify", "classify pictures, films and what a camera sees"),
    "draw": ("app.draw", "click lines, zones and masks on a picture"),
    "evaluate": ("app.evaluate", "evaluate a classifier"),
    "doctor": ("app.doctor", "check this machine, and print the command that fixes each problem"),
    "events": ("app.events", "list and export the events that a run has kept"),
    "clips": ("app.clips", "turn clips and recordings into films for phones and browsers"),
    "fetch": ("tools.fetch", "download models, clips and data sets"),
    "adopt": ("tools.adopt", "take over a detector that another program has exported as ONNX"),
    "convert": ("tools.convert", "convert Darknet weights to ONNX"),
    "build-engine": ("tools.build_engine", "build a TensorRT engine"),
    "score": ("tools.score", "measure the accuracy of a detector on labelled images"),
    "sweep": ("tools.sweep", "measure combinations of settings"),
    "report": ("tools.report", "turn sweeps and reports into an HTML page"),
    "bench": ("tools.bench", "measure the speed of this machine"),
    "batch": ("tools.batch", "detect in any number of videos and images, on one machine or a Ray cluster"),
    "cost": ("tools.cost", "estimate the speed on a Jetson Nano"),
    "train": ("tools.train", "train a CIFAR-100 classifier"),
    "train-detector": ("tools.train_detector", "train a detector on your own pictures"),
}


def usage() -> str:
    """The help text."""
    lines = [f"  {name:<16}{text}" for name, (_, text) in COMMANDS.items()]
    return "\n".join(
        ["usage: nanoyolo COMMAND ...", "", *lines, "", "nanoyolo COMMAND --help lists the options of a command."]
    )


def main() -> None:
    """Run a command; it ends the process with its exit code."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help"):
        sys.exit(exit_code(lambda: print_lines([usage()])))
    if name == "--version":
        from app import __version__

        sys.exit(exit_code(lambda: print_lines(["nanoyolo " + __version__])))
    if name not in COMMANDS:
        sys.exit(exit_code(lambda: _unknown(name)))
    del sys.argv[1]
    runpy.run_module(COMMANDS[name][0], run_name="__main__", alter_sys=True)


def _unknown(name: str) -> NoReturn:
    raise UsageError(f"there is no command {name!r}; choose from: {', '.join(COMMANDS)}")


if __name__ == "__main__":
    main()
