"""Take over a detector that another program has exported as ONNX: say what it is, and write a model and its card.

The model is looked at and run once, in little memory; nothing in it is executed as a program. What is written takes
RGB from 0 to 1 like every model here, and where possible in an opset that a Jetson Nano's runtimes read.
"""

import multiprocessing
import os
import resource
import shlex
import signal
import sys
from typing import Any, NoReturn, Optional, Sequence

from app.command import Parser, exit_code, print_lines
from app.errors import ModelError, UsageError, warn
from app.files import reject_overwrites
from app.modelcard import RESIZE, card_path, find_model
from tools.adopt.families import FAMILIES
from tools.adopt.labels import labels_of_option

EXAMPLES = """examples:
  python -m tools.adopt best.onnx
  python -m tools.adopt yolox_nano.onnx --labels coco.names --output yolox-nano
  python -m tools.adopt model.onnx --labels cat,dog,bird --family yolov5

families: {}
"""
MEMORY = 6 << 30  # bytes of address space; files may have 1 GiB
SECONDS = 600  # of computing


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.adopt", description=__doc__, epilog=EXAMPLES.format(", ".join(FAMILIES)))
    add = parser.add_argument
    add("model", metavar="MODEL.onnx", help="the exported file")
    add("--labels", metavar="FILE|a,b,c", help="labels, in a file one a line (default: those in MODEL, COCO's for 80)")
    add("--family", choices=list(FAMILIES), metavar="NAME", help="what it is, where its outputs leave that open")
    add(
        "--output",
        metavar="NAME",
        help="the model to write: a name in weights/ or the path of an .onnx file (default: MODEL's name)",
    )
    add(
        "--resize",
        choices=RESIZE,
        help="how frames will be fitted into the input (default: rectangle, or letterbox if it has a fixed size)",
    )
    code = 0

    def work() -> None:
        nonlocal code
        code = _apart(parser.parse_args(argv))

    return exit_code(work) or code


def _apart(args: Any) -> int:
    """Adopt in a child process of limited memory, which a model can crash or have killed; its exit code."""
    child = multiprocessing.get_context("fork").Process(target=_child, args=(args,))
    child.start()
    try:
        child.join()
    finally:
        child.terminate()
        child.join()
    code = child.exitcode or 0
    if code == -signal.SIGXCPU:
        raise ModelError(f"{args.model}: is too large: running it once took more than {SECONDS} s")
    if code < 0:
        raise ModelError(f"{args.model}: cannot be adopted; a library crashed on it ({signal.Signals(-code).name})")
    return code


def _child(args: Any) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C, and ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, limit in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS)):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    code = exit_code(lambda: _adopt(args))
    sys.stdout.flush()
    os._exit(code)  # libraries' threads, and destructors, have nothing to say


def _adopt(args: Any) -> None:
    """Write what the command line names. Raises NanoyoloError."""
    from tools.adopt.adoption import adopt

    name = args.output or _name(args.model)
    output = name if find_model(name) == name else os.path.relpath(find_model(name))
    if not output.endswith(".onnx"):
        raise UsageError(f"--output {output}: should be a name, or end in .onnx")
    reject_overwrites([("--output", output), ("the card", card_path(output))], [args.model])
    labels = None if args.labels is None else labels_of_option(args.labels)
    try:
        adopted = adopt(args.model, output, labels=labels, family=args.family, resize=args.resize)
    except MemoryError as error:
        raise ModelError(f"{args.model}: takes more than {MEMORY >> 30} GB of memory") from error
    print_lines([*adopted.lines, f"{output} and {os.path.basename(card_path(output))}"])
    if not adopted.named:
        count = len(adopted.card["labels"])
        whose = "COCO's" if count == 80 else "numbers"
        warn(f"it does not name its {count} classes: its labels are {whose}; to name them, add --labels FILE")
    print_lines([f"next: python -m app.detect --model {shlex.quote(name)}"])


def _name(model: str) -> str:
    """The name of the model to write: that of the file, unless it would be that file."""
    name = os.path.splitext(os.path.basename(model))[0]
    return f"{name}-adopted" if os.path.realpath(find_model(name)) == os.path.realpath(model) else name


if __name__ == "__main__":
    sys.exit(main())
