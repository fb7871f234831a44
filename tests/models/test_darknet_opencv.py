"""Every configuration at hand against OpenCV 4.11, the last version that reads Darknet's files.

Needs `../shared/data`, which is not part of the repository. OpenCV gets an environment of its own, `.venv-cv411`.
"""

import os
import subprocess
import sys

import numpy as np
import onnxruntime
import pytest
from support.darknet_files import write_weights
from support.program import ROOT, SHARED

from models.darknet import random_parameters
from models.darknet_cfg import read_cfg
from models.darknet_onnx import emit_onnx
from models.darknet_sections import CfgError

FOLDER = os.path.join(SHARED, "models", "darknet-cfg")
FILES = sorted(os.listdir(FOLDER)) if os.path.isdir(FOLDER) else []
pytestmark = [
    pytest.mark.slow,
    pytest.mark.verify,
    pytest.mark.skipif(not FILES, reason="../shared/data is not here"),
    pytest.mark.skipif(sys.version_info < (3, 9), reason="OpenCV 4.11 is for newer versions of Python"),
]
REFUSED = {
    "AlexeyAB-cspx-p7-mish_hp.cfg": "line 2610, [yolo]: mask 15 is beyond its 15 anchors, which count from 0",
    "AlexeyAB-resnet152_trident.cfg": "line 1499, [convolutional]: share_index=166 is not supported",
    "AlexeyAB-yolov3-tiny_occlusion_track.cfg": "line 112, [crnn]: recurrent layers are not supported",
    "AlexeyAB-yolov4-tiny_contrastive.cfg": "line 346, [local_avgpool]: this kind of layer is not supported",
}
LARGE = {"AlexeyAB-cspx-p7-mish.cfg": 276555572, "AlexeyAB-yolov4x-mish.cfg": 99847037}  # only counted
SCRIPT = """
import sys
import cv2, numpy
cfg, weights, tensor, output = sys.argv[1:]
net = cv2.dnn.readNetFromDarknet(cfg, weights)
names = net.getLayerNames()
heads = []
for number in net.getUnconnectedOutLayers():
    before = [name for name in names[:number] if name.startswith("conv_")]
    heads.append(before[-1])
net.setInput(numpy.load(tensor))
numpy.savez(output, *net.forward(heads))
"""


@pytest.fixture(scope="module")
def opencv():
    """The Python that has OpenCV 4.11."""
    folder = os.path.join(str(ROOT), ".venv-cv411")
    python = os.path.join(folder, "bin", "python")
    if subprocess.call([python, "-c", "import cv2"] if os.path.exists(python) else ["false"]):
        subprocess.check_call([sys.executable, "-m", "venv", "--clear", folder])
        subprocess.check_call([python, "-m", "pip", "install", "-q", "opencv-python-headless==4.11.0.86", "numpy<2.3"])
    return python


def at_size(cfg, width, height):
    """A configuration's text for an input of another size: as in Darknet, the first of a repeated key counts."""
    with open(cfg, errors="replace") as file:
        lines = [line for line in file if not line.replace(" ", "").startswith(("width=", "height="))]
    first = next(number for number, line in enumerate(lines) if line.startswith("[net"))
    return "".join(lines[: first + 1] + [f"width={width}\nheight={height}\n"] + lines[first + 1 :])


@pytest.mark.parametrize("name", [name for name in FILES if name not in REFUSED and name not in LARGE])
def test_the_heads_are_those_of_opencv(name, opencv, tmp_path):
    path = os.path.join(FOLDER, name)
    network = read_cfg(path)
    height, width = 2 * network.multiple, 3 * network.multiple
    data = emit_onnx(network, (each.fold() for each in random_parameters(network.conv_shapes()))).SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    del data
    tensor = np.random.RandomState(1).uniform(size=(1, 3, height, width)).astype(np.float32)
    ours = session.run(None, {"images": tensor})
    del session

    (tmp_path / "a.cfg").write_text(at_size(path, width, height))
    np.save(str(tmp_path / "tensor.npy"), tensor)
    write_weights(tmp_path / "a.weights", network.conv_shapes())
    files = [str(tmp_path / file) for file in ("a.cfg", "a.weights", "tensor.npy", "heads.npz")]
    subprocess.check_call([opencv, "-c", SCRIPT] + files)
    os.unlink(files[1])
    with np.load(files[3]) as archive:
        theirs = {head.shape: head for head in archive.values()}

    assert len(theirs) == len(network.heads)
    for head, output in zip(network.heads, ours):
        channels = len(head.anchors) * (5 + network.classes)
        assert output.shape == (1, channels, height // head.stride, width // head.stride)
        expected = theirs[output.shape]
        assert expected.std() > 0.1, "the comparison means something"
        assert np.abs(output - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(name):
    with pytest.raises(CfgError) as caught:
        read_cfg(os.path.join(FOLDER, name))
    assert str(caught.value) == REFUSED[name]


@pytest.mark.parametrize("name", sorted(LARGE))
def test_counted(name):
    assert sum(shape.floats() for shape in read_cfg(os.path.join(FOLDER, name)).conv_shapes()) == LARGE[name]
