"""A converted model finds what its authors' does: Yolo-Fastest 1.1, trained on stretched pictures.

Needs `../shared/data`, which is not part of the repository.
"""

import json
import os

import pytest
from support.program import SHARED

from tools import convert

pytest.importorskip("pycocotools")
MODELS, COCO = os.path.join(SHARED, "models"), os.path.join(SHARED, "coco-val64")
FILE = os.path.join(MODELS, "yolo-fastest-1.1")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir(MODELS), reason="../shared/data is not here"),
]


@pytest.mark.parametrize("resize, ap50", [(None, 0.386), ("rectangle", 0.383)])
def test_yolo_fastest(tmp_path, capsys, monkeypatch, resize, ap50):
    """AP50 on 64 images of COCO at 320, every class of a box; as another decoder has it."""
    from tools.score import __main__ as score

    monkeypatch.setattr(convert.importlib.util, "find_spec", lambda name: None)
    model, report = str(tmp_path / "fastest.onnx"), str(tmp_path / "report.json")
    files = ["--cfg", FILE + ".cfg", "--weights", FILE + ".weights", "--output", model]
    assert convert.main(files + (["--resize", resize] if resize else [])) == 0
    pictures = ["--images", os.path.join(COCO, "images"), "--labels", os.path.join(COCO, "labels")]
    assert score.main(pictures + ["--model", model, "--size", "320", "--backend", "onnx", "--report", report]) == 0
    with open(report) as file:
        fields = json.load(file)
    assert fields["ap50"] == pytest.approx(ap50, abs=0.005)
