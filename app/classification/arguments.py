"""The command line of `python -m app.evaluate`."""

import argparse

from app import __version__
from app.backends import BACKENDS, DEVICES, PRECISIONS
from app.classification.views import COUNTS
from app.classifier import DEFAULT_MODEL
from app.command import Parser, number

DESCRIPTION = """Evaluate a classifier, or several together, on CIFAR-100 or on characters: accuracy, confusions, speed
and memory, as measured on this device.

After the complete test set, exit code 4 means that top-1 or top-5 differs by more than 0.1 points from the model's
card; several models or views are not compared with it. Ctrl-C stops early and reports the images so far.
"""
EXAMPLES = """examples:
  python -m app.evaluate
  python -m app.evaluate --model nano_resnet_s --batch 16 --report accuracy.json --confusion confusion.png
  python -m app.evaluate --data cifar-100-binary.tar.gz --limit 1000 --backend tensorrt --precision fp16
  python -m app.evaluate --model first.onnx second.onnx third.onnx --views 6
"""
SPLITS = ("train", "validation", "test")


def make_parser() -> argparse.ArgumentParser:
    """The command line of `python -m app.evaluate`."""
    parser = Parser(prog="python -m app.evaluate", description=DESCRIPTION, epilog=EXAMPLES)
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        metavar="NAME",
        nargs="+",
        default=[DEFAULT_MODEL],
        help="name in weights/, or ONNX file; the probabilities of several are averaged (default: "
        + DEFAULT_MODEL
        + ")",
    )
    model.add_argument("--backend", choices=BACKENDS, default="auto", help="runtime (default: %(default)s)")
    model.add_argument("--device", choices=DEVICES, default="auto", help="processor (default: %(default)s)")
    model.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="auto",
        help="arithmetic (default: fp32, or the TensorRT engine's)",
    )

    model.add_argument(
        "--views",
        type=int,
        choices=COUNTS,
        default=1,
        help="views of each image, whose probabilities are averaged: 1 the image; 2 it and its mirror image; 3 it, "
        "shifted up and left, and shifted down and right by a pixel; 6 these and their mirror images "
        "(default: %(default)s)",
    )

    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        metavar="PATH",
        help="cifar-100 or characters, which are in weights/; CIFAR-100's binary version as a folder or an archive; or "
        "EMNIST's folder (default: what the model's card says)",
    )
    data.add_argument(
        "--split",
        choices=SPLITS,
        default="test",
        help="set of images; CIFAR-100 has no validation (default: %(default)s)",
    )
    data.add_argument(
        "--batch",
        type=number(int, 1, 10000, "a batch"),
        metavar="N",
        default=1,
        help="images per inference (default: %(default)s)",
    )
    data.add_argument(
        "--limit",
        type=number(int, 1, 10**9, "a limit"),
        metavar="N",
        help="only the first N images (default: all)",
    )

    output = parser.add_argument_group("output")
    output.add_argument("--report", metavar="FILE", help="write the results as JSON")
    output.add_argument("--confusion", metavar="FILE.png", help="write a picture of the confusion matrix")
    parser.add_argument("--version", action="version", version="nanoyolo " + __version__)
    return parser
