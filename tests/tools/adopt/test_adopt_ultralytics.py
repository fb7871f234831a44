"""Every export of the ultralytics package: its own detections on the same tensor, from random weights.

Needs the package (AGPL, a tool of this test only), in an environment of its own that has this project's packages too.
"""

import os

import numpy as np
import pytest

from app import boxes as box_math
from app.backends.onnx import OnnxBackend
from app.heads import decode
from app.modelcard import read_card
from tools.adopt.adoption import adopt

pytestmark = [pytest.mark.slow, pytest.mark.verify]
NETWORKS = ["yolov5n", "yolov8n", "yolov10n", "yolo11n", "yolo26n", "yolov3-tiny"]
WAYS = {"fixed": {}, "dynamic": {"dynamic": True}, "opset 13": {"opset": 13}, "half": {"half": True}}
END_TO_END = [("yolov10n", {"nms": False}), ("yolo26n", {"nms": False})]
CASES = [(network, WAYS[way]) for network in NETWORKS for way in WAYS] + END_TO_END
SIZE, IOU = 320, 0.45


@pytest.fixture(scope="module")
def ultralytics():
    os.environ.update(YOLO_OFFLINE="true", YOLO_AUTOINSTALL="false")
    return pytest.importorskip("ultralytics")


@pytest.mark.parametrize("network, options", CASES, ids=str)
def test_detections_are_those_of_the_package(ultralytics, tmp_path, monkeypatch, network, options):
    import torch
    from ultralytics.utils.nms import non_max_suppression

    monkeypatch.chdir(str(tmp_path))
    torch.manual_seed(0)
    model = ultralytics.YOLO(network + ".yaml")
    for layer in model.model.modules():  # as they are made, what is seen fades away and all places score the same
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
        if isinstance(layer, torch.nn.Conv2d) and layer.out_channels == len(model.names) and layer.bias is not None:
            torch.nn.init.normal_(layer.weight, 0, 0.05)
            torch.nn.init.uniform_(layer.bias, -4, 0)
    with torch.no_grad():
        model.model.train()(torch.rand(2, 3, SIZE, SIZE))
    model.model.eval()
    source = model.export(format="onnx", imgsz=SIZE, device="cpu", simplify=False, verbose=False, **options)
    output = str(tmp_path / "out.onnx")
    adopted = adopt(source, output)
    card = read_card(output)
    assert adopted.named
    assert adopted.card["family"] == ("end2end" if options.get("nms") is False else "ultralytics")
    assert card.labels == tuple(model.names.values())

    tensor = np.random.RandomState(1).rand(1, 3, SIZE, SIZE).astype(np.float32)
    with OnnxBackend(source, "cpu") as backend:
        (raw,) = backend.infer(tensor)
    with OnnxBackend(output, "cpu") as backend:
        results = backend.infer(tensor)
    if options.get("half"):  # so many scores are equal that NMS depends on their order
        np.testing.assert_array_equal(results[0], raw)
        return
    best = raw[0, :, 4] if card.layout.labelled else raw[0, 4:].max(axis=0)
    different = np.unique(best)  # the package takes what is above a threshold, and we what is at it
    threshold = float(different[-41:-39].astype(float).mean())
    (theirs,) = non_max_suppression(
        torch.from_numpy(raw.copy()), threshold, IOU, max_det=10000, end2end=card.layout.labelled
    )
    boxes, scores, classes = decode(results, card, (SIZE, SIZE), threshold)
    kept = box_math.nms(boxes, scores, classes, IOU, False) if card.nms else np.arange(len(boxes))
    assert len(kept) == len(theirs) > 0
    theirs = theirs.numpy()
    apart = np.abs(boxes[kept][:, None] - theirs[None, :, :4]).max(axis=2)
    apart[classes[kept][:, None] != theirs[None, :, 5]] = np.inf
    partners = apart.argmin(axis=1)
    assert sorted(partners.tolist()) == list(range(len(theirs)))
    overlaps = box_math.iou(boxes[kept], theirs[partners, :4].astype(np.float32)).diagonal()
    inside_out = box_math.area(boxes[kept]) == 0  # such as an untrained yolo26 has: these overlap nothing
    assert overlaps[~inside_out].min(initial=1) >= 0.999
    assert apart.min(axis=1)[inside_out].max(initial=0) <= 1e-2
    np.testing.assert_allclose(scores[kept], theirs[partners, 4], atol=1e-3)
