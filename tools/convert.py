"""Convert Darknet weights to an ONNX file for any input size, with its model card beside it.

Without --cfg they are those of YOLOv3-tiny. With it, the network is that of the configuration. Where TensorFlow is
installed, the frozen graph for `--backend tensorflow` is written too.
"""

import argparse
import importlib.util
import json
import os
import shlex
import sys
from typing import Any, Optional, Sequence

from app.artefact import sidecar_path, write_artefact
from app.command import Parser, exit_code, print_lines
from app.errors import ModelError, UsageError, warn
from app.files import check_writable, reject_overwrites, remove_file, write_file
from app.modelcard import RESIZE, WEIGHTS, card_path, find_model, graph_path, hash_file
from models.darknet_onnx import emit_onnx
from models.darknet_table import INPUT
from tools.darknet_models import NAME, UNNAMED, DarknetModel, configured, read_names, tiny

EXAMPLES = """examples:
  python -m tools.fetch yolov3-tiny && python -m tools.convert
  python -m tools.convert --weights mine.weights --output mine
  python -m tools.convert --cfg yolov4-tiny-custom.cfg --weights yolov4-tiny-custom.weights --names custom.names
  python -m tools.convert --opset 8 --output yolov3-tiny-opset8     for OpenCV before 4.6
"""


def convert(weights: str, output: str, opset: int = 13) -> None:
    """Write `output` and its card from a Darknet weights file of YOLOv3-tiny: see `convert_model`."""
    convert_model(tiny(weights), output, opset)


def convert_model(model: DarknetModel, output: str, opset: int = 13) -> None:
    """Write `output`, the ONNX file of a network, and its card.

    The same weights produce the same bytes. Raises ModelError when the weights cannot be used or onnx is missing, and
    OutputError when the files cannot be written.
    """
    try:
        import onnx  # noqa: F401  (the emitter needs it; this error tells how to install it)
    except ImportError as error:
        raise ModelError(f"cannot convert without onnx ({error}): python3 -m pip install onnx") from error
    check_writable(output)
    name = os.path.splitext(os.path.basename(output))[0]
    folded = (parameters.fold() for parameters in model.parameters())
    data = emit_onnx(model.network, folded, opset, name).SerializeToString()
    # The old card is removed first and the new one written last: where there is a card, the model is complete.
    remove_file(card_path(output))
    write_file(output, data)
    write_file(card_path(output), (json.dumps(model.card(output), indent=2) + "\n").encode())


def convert_graph(model: DarknetModel, onnx: str) -> str:
    """Write TensorFlow's graph of the network beside the ONNX file made from the same weights, and return its path.

    Raises ModelError when TensorFlow cannot be loaded or has no such layer, and OutputError when the files cannot be
    written.
    """
    path = graph_path(onnx)
    check_writable(path)
    from app.backends.tensorflow import tf
    from models.darknet_keras import emit_keras

    try:
        function = freeze(emit_keras(model.network, model.parameters()))
    except ValueError as error:
        raise ModelError(str(error).split("\n")[0]) from error
    data = function.graph.as_graph_def().SerializeToString(deterministic=True)
    made = {
        "made_with": "tensorflow " + tf.__version__,
        "input": function.inputs[0].name,
        "outputs": [output.name for output in function.outputs],
    }
    write_artefact(path, data, onnx, hash_file(onnx), made)
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
        return [tf.transpose(output, (0, 3, 1, 2)) for output in tf.nest.flatten(outputs)]  # one alone is no list

    function = tf.function(infer, [tf.TensorSpec(shape, tf.float32, INPUT)])
    return convert_variables_to_constants_v2(function.get_concrete_function())


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the command; its exit code."""
    parser = Parser(prog="python -m tools.convert", description=__doc__, epilog=EXAMPLES)
    add = parser.add_argument
    weights = os.path.relpath(os.path.join(WEIGHTS, NAME + ".weights"))
    add("--cfg", metavar="FILE", help="Darknet configuration of the network (default: that of YOLOv3-tiny)")
    add("--weights", metavar="FILE", help=f"Darknet weights (default: {weights})")
    add("--random-weights", action="store_true", help="random weights instead of a file, to try a configuration")
    add("--names", metavar="FILE", help="labels, one a line (default: COCO's, if there are 80 classes)")
    add(
        "--output",
        metavar="NAME",
        help="the model to write: a name in weights/ or the path of an .onnx file (default: the configuration's name)",
    )
    add(
        "--resize",
        choices=RESIZE,
        help="how frames will be fitted into the input (default: stretch, or letterbox if the configuration says "
        "letter_box=1; rectangle for YOLOv3-tiny)",
    )
    add(
        "--opset",
        type=int,
        choices=(8, 13),
        default=13,
        help="ONNX opset; 8 is for OpenCV before 4.6 (default: %(default)s)",
    )

    def work() -> None:
        args = parser.parse_args(argv)
        model = chosen(args, weights)
        default = os.path.splitext(os.path.basename(args.cfg))[0] if args.cfg else NAME
        name = args.output or default
        output = name if find_model(name) == name else os.path.relpath(find_model(name))
        if not output.endswith(".onnx"):
            raise UsageError(f"--output {output}: should be a name, or end in .onnx")
        read = [path for path in (model.weights, model.cfg, args.names) if path is not None]
        reject_overwrites([("--output", output), ("the card", card_path(output))], read)
        convert_model(model, output, args.opset)
        print_lines([f"{output} and {os.path.basename(card_path(output))}"])
        if model.labels[0] == UNNAMED.format(0):
            warn(f"its labels are {', '.join(model.labels[:2])}, ...; to name them, add --names FILE, one name a line")
        if importlib.util.find_spec("tensorflow") is not None:
            try:
                graph = convert_graph(model, output)
            except ModelError as error:  # a broken TensorFlow does not make the ONNX file useless
                warn(f"no file for --backend tensorflow: {error}")
            else:
                print_lines([f"{graph} and {os.path.basename(sidecar_path(graph))}, for --backend tensorflow"])
        if args.cfg:
            print_lines([f"next: python -m app.detect --model {shlex.quote(name)}"])

    return exit_code(work)


def chosen(args: argparse.Namespace, default: str) -> DarknetModel:
    """The network that the options name. default: weights of YOLOv3-tiny. Raises UsageError and ModelError."""
    if args.random_weights and args.weights:
        raise UsageError("--weights and --random-weights exclude each other")
    if args.cfg is None:
        model = tiny(None if args.random_weights else args.weights or default)
        model = model._replace(resize=args.resize or model.resize)
    elif args.weights or args.random_weights:
        model = configured(args.cfg, args.weights, args.resize)
    else:
        raise UsageError(f"--cfg {args.cfg}: needs its weights: --weights FILE.weights")
    if args.names is not None:
        model = model._replace(labels=read_names(args.names, model.network.classes))
    return model


if __name__ == "__main__":
    sys.exit(main())
