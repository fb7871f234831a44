"""Convert Darknet weights of YOLOv3-tiny to an ONNX file for any input size, with its model card beside it.

Where TensorFlow is installed, the frozen graph for `--backend tensorflow` is written too.
"""

import importlib.util
import json
import os
import sys
from typing import Any, Optional, Sequence

from app.artefact import sidecar_path, write_artefact
from app.command import Parser, exit_code, print_lines
from app.errors import ModelError, UsageError, warn
from app.files import check_writable, reject_overwrites, remove_file, write_file
from app.modelcard import WEIGHTS, card_path, find_model, graph_path, hash_file
from models import yolov3_tiny
from models.darknet import Convolution, WeightsError, read_weights

NAME = "yolov3-tiny"

EXAMPLES = """examples:
  python -m tools.fetch yolov3-tiny && python -m tools.convert
  python -m tools.convert --weights mine.weights --output weights/mine.onnx
  python -m tools.convert --opset 8 --output weights/yolov3-tiny-opset8.onnx     for OpenCV before 4.6
"""


def convert(weights: str, output: str, opset: int = 13) -> None:
    """Write `output` and its card from a Darknet weights file of YOLOv3-tiny.

    The same weights produce the same bytes. Raises ModelError when the weights cannot be used or onnx is missing, and
    OutputError when the files cannot be written.
    """
    try:
        import onnx  # noqa: F401  (the emitter needs it; this error tells how to install it)
    except ImportError as error:
        raise ModelError(f"cannot convert without onnx ({error}): python3 -m pip install onnx") from error
    check_writable(output)
    convolutions = read_convolutions(weights)
    # The old card is removed first and the new one written last: where there is a card, the model is complete.
    remove_file(card_path(output))
    write_file(output, yolov3_tiny.emit_onnx(convolutions, opset).SerializeToString())
    card = {
        "name": os.path.splitext(os.path.basename(output))[0],
        "sha256": hash_file(output),
        "source": {"file": os.path.basename(weights), "sha256": hash_file(weights)},
        "input": {"layout": "NCHW", "colour": "RGB", "scale": 1 / 255, "multiple": 32},
        "heads": yolov3_tiny.HEADS,
        "labels": yolov3_tiny.LABELS,
    }
    write_file(card_path(output), (json.dumps(card, indent=2) + "\n").encode())


def convert_graph(weights: str, model: str) -> str:
    """Write TensorFlow's graph of the network beside the ONNX file made from the same weights, and return its path.

    Raises ModelError when TensorFlow cannot be loaded, and OutputError when the files cannot be written.
    """
    path = graph_path(model)
    check_writable(path)
    from app.backends.tensorflow import tf

    function = freeze(yolov3_tiny.emit_keras(read_convolutions(weights)))
    data = function.graph.as_graph_def().SerializeToString(deterministic=True)
    made = {
        "made_with": "tensorflow " + tf.__version__,
        "input": function.inputs[0].name,
        "outputs": [output.name for output in function.outputs],
    }
    write_artefact(path, data, model, hash_file(model), made)
    return path


def freeze(model: Any) -> Any:
    """A Keras model with one input, channels last, as a TensorFlow function with its weights as constants.

    Input and outputs are NCHW float32; their dimensions are free where the model's are.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    from app.backends.tensorflow import tf

    batch, height, width, channels = model.inputs[0].shape
    shape = (batch, channels, height, width)

    def infer(images: Any) -> Any:
        outputs = model(tf.transpose(images, (0, 2, 3, 1)), training=False)
        return [tf.transpose(output, (0, 3, 1, 2)) for output in outputs]

    function = tf.function(infer, [tf.TensorSpec(shape, tf.float32, yolov3_tiny.INPUT)])
    return convert_variables_to_constants_v2(function.get_concrete_function())


def read_convolutions(weights: str) -> Sequence[Convolution]:
    """The convolutions of YOLOv3-tiny from a Darknet weights file. Raises ModelError."""
    try:
        return read_weights(weights, yolov3_tiny.conv_shapes())
    except WeightsError as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        raise ModelError(f"{weights}: {error.strerror}; fetch it with: python -m tools.fetch {NAME}") from error


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.convert", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    weights = os.path.relpath(os.path.join(WEIGHTS, NAME + ".weights"))
    add("--weights", metavar="FILE", default=weights, help="Darknet weights (default: %(default)s)")
    output = os.path.relpath(find_model(NAME))
    add("--output", metavar="FILE", default=output, help="the .onnx file to write (default: %(default)s)")
    add(
        "--opset",
        type=int,
        choices=(8, 13),
        default=13,
        help="ONNX opset; 8 is for OpenCV before 4.6 (default: %(default)s)",
    )

    def work() -> None:
        args = parser.parse_args(argv)
        if not args.output.endswith(".onnx"):
            raise UsageError(f"--output {args.output}: should end in .onnx")
        reject_overwrites([("--output", args.output), ("the card", card_path(args.output))], [args.weights])
        convert(args.weights, args.output, args.opset)
        print_lines([f"{args.output} and {os.path.basename(card_path(args.output))}"])
        if importlib.util.find_spec("tensorflow") is not None:
            try:
                graph = convert_graph(args.weights, args.output)
            except ModelError as error:  # a broken TensorFlow does not make the ONNX file useless
                warn(f"no file for --backend tensorflow: {error}")
            else:
                print_lines([f"{graph} and {os.path.basename(sidecar_path(graph))}, for --backend tensorflow"])

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
