"""Converts Darknet weights to one ONNX file with free height and width, and writes its card beside it."""

import json
import os
import sys
from typing import Optional, Sequence

from app.command import Parser, exit_code
from app.errors import ModelError, UsageError
from app.files import check_writable, write_file
from app.modelcard import WEIGHTS, card_path, find_model, hash_file
from models import yolov3_tiny
from models.darknet import WeightsError, read_weights

NAME = "yolov3-tiny"

EXAMPLES = """examples:
  python -m tools.fetch yolov3-tiny && python -m tools.convert
  python -m tools.convert --weights mine.weights --output weights/mine.onnx
"""


def convert(weights: str, output: str) -> None:
    """Write `output` and its card from a Darknet weights file of YOLOv3-tiny.

    The same weights give the same bytes. Raises ModelError when the weights cannot be used or onnx is missing, and
    OutputError when the files cannot be written.
    """
    try:
        import onnx  # noqa: F401  (the emitter needs it; said here in words that help)
    except ImportError as error:
        raise ModelError("onnx is needed to convert ({}): python3 -m pip install onnx".format(error)) from error
    check_writable(output)
    try:
        convolutions = read_weights(weights, yolov3_tiny.conv_shapes())
    except WeightsError as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        raise ModelError(
            "{}: {}; fetch it with: python -m tools.fetch {}".format(weights, error.strerror, NAME)
        ) from error
    # The card comes last and goes first: where there is one, the model is whole.
    if os.path.exists(card_path(output)):
        os.remove(card_path(output))
    write_file(output, yolov3_tiny.emit_onnx(convolutions).SerializeToString())
    card = {
        "name": os.path.splitext(os.path.basename(output))[0],
        "sha256": hash_file(output),
        "source": {"file": os.path.basename(weights), "sha256": hash_file(weights)},
        "input": {"layout": "NCHW", "colour": "RGB", "scale": 1 / 255, "multiple": 32},
        "heads": yolov3_tiny.HEADS,
        "labels": yolov3_tiny.LABELS,
    }
    write_file(card_path(output), (json.dumps(card, indent=2) + "\n").encode())


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.convert", description=__doc__, epilog=EXAMPLES)
    weights = os.path.relpath(os.path.join(WEIGHTS, NAME + ".weights"))
    parser.add_argument("--weights", metavar="FILE", default=weights, help="(default: %(default)s)")
    output = os.path.relpath(find_model(NAME))
    parser.add_argument("--output", metavar="FILE", default=output, help="an .onnx file (default: %(default)s)")

    def work() -> None:
        args = parser.parse_args(argv)
        if not args.output.endswith(".onnx"):
            raise UsageError("--output {}: should end in .onnx".format(args.output))
        convert(args.weights, args.output)
        print("{} and {}".format(args.output, os.path.basename(card_path(args.output))))

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
