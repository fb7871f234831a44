"""`tools.adopt`: what it takes files for, what it writes, and what it refuses."""

import json
import os

import numpy as np
import onnx
import pytest
from support.exports import FLOAT, cells, export, random, rows
from support.program import SHARED

from app.backends.onnx import OnnxBackend
from app.detector import load_detector
from app.errors import ModelError, UsageError
from app.heads import decode
from app.layout import Layout
from app.modelcard import read_card
from models.yolov3_tiny import LABELS as COCO
from tools.adopt.adoption import adopt
from tools.adopt.labels import labels_of_option, literal

NAMES = {0: "cat", 1: "dog (small)"}
PLACES = cells()
SEVERAL = {f"{kind}_{stride}": random(1, (64 // stride) ** 2, width) * factor
           for stride in (8, 16, 32) for kind, width, factor in (("cls", 2, 1), ("dist", 32, 4))}  # fmt: skip
CHOSEN = np.concatenate([random(1, 30, 4) * 60, np.linspace(0.9, 0, 30)[None, :, None], np.ones((1, 30, 1))], 2)
SOFTMAX = np.stack([random(1, 50), 0.25 * (1 - random(1, 50)), 0.75 * (1 - random(1, 50))], 2)
PIXELS = random(1, PLACES, 4) * 64
CASES = {
    "ultralytics": ({"output0": random(1, 6, PLACES)}, "ultralytics", "rows", Layout(channels_first=True)),
    "rows last": ({"output0": np.delete(rows(2), 4, axis=2)}, "ultralytics", "rows", Layout()),
    "yolov5": ({"output": rows(2, anchors=3)}, "yolov5", "rows", Layout(objectness=True)),
    "yolov5 with its heads": (
        {"output": rows(2, anchors=3), "a": random(1, 3, 8, 8, 7), "b": random(1, 3, 4, 4, 7)},
        "yolov5", "rows", Layout(objectness=True),
    ),
    "yolov6": ({"outputs": rows(2, objectness=1)}, "yolov6", "rows", Layout(objectness=True)),
    "yolox": ({"output": rows(2, False)}, "yolox", "rows", Layout(objectness=True, strides=(8, 16, 32))),
    "yolox, decoded": ({"output": rows(2)}, "yolox", "rows", Layout(objectness=True)),
    "nanodet": (SEVERAL, "nanodet", "distances", Layout(strides=(8, 16, 32), bins=8, centre=0.5)),
    "nanodet-plus": (
        {"output": random(1, cells((8, 16, 32, 64)), 2 + 32)},
        "nanodet-plus", "distances", Layout(strides=(8, 16, 32, 64), bins=8),
    ),
    "end2end": ({"output0": CHOSEN}, "end2end", "boxes", Layout(labelled=True)),
    "ssd": ({"scores": SOFTMAX, "boxes": random(1, 50, 4)}, "ssd", "boxes", Layout(background=True, fractions=True)),
    "damo-yolo": ({"output": random(1, PLACES, 2), "830": PIXELS}, "damo-yolo", "boxes", Layout()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_families(tmp_path, name):
    outputs, family, form, layout = CASES[name]
    source, output = export(tmp_path / "best.onnx", outputs, names=NAMES), str(tmp_path / "out.onnx")
    adopted = adopt(source, output)
    card = read_card(output)
    assert (adopted.card["family"], card.form, card.layout) == (family, form, layout)
    assert card.labels == ("cat", "dog (small)")
    assert (card.size, card.fixed, card.multiple) == ((64, 64), True, 32)
    assert card.resize == ("stretch" if family == "ssd" else "letterbox")
    assert card.nms == (family != "end2end")
    assert adopted.named
    with OnnxBackend(output, "cpu") as backend:
        (result,) = backend.infer(np.zeros((1, 3, 64, 64), np.float32))
    parts = list(outputs.values())
    if family == "nanodet":
        parts = [np.concatenate([np.concatenate(parts[at : at + 2], 2) for at in (0, 2, 4)], 1)]
    if family in ("ssd", "damo-yolo"):
        parts = [np.concatenate(parts[::-1], 2)]
    np.testing.assert_array_equal(result, parts[0].astype(np.float32))
    decode([result], card, (64, 64), 0.5)
    with load_detector(output, backend="onnx", size=64) as detector:
        detector.detect(np.zeros((48, 64, 3), np.uint8))


def test_operators_in_another_order(tmp_path):
    source = export(tmp_path / "best.onnx", {"output": rows(2, False)})
    model = onnx.load(source)
    backwards = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(backwards)
    onnx.save(model, source)
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(model)
    output = str(tmp_path / "out.onnx")
    adopt(source, output)
    onnx.checker.check_model(onnx.load(output))


def test_labels_from_outside(tmp_path):
    source = export(tmp_path / "best.onnx", {"output": rows(2, False)})
    output = str(tmp_path / "out.onnx")
    adopted = adopt(source, output)
    assert adopted.card["labels"] == ("class 0", "class 1")
    assert not adopted.named
    assert adopt(source, output, labels=["cat", "dog"]).card["labels"] == ("cat", "dog")
    with pytest.raises(ModelError, match="has 2 classes, but there are 3 labels"):
        adopt(source, output, labels=["cat", "dog", "bird"])
    coco = export(tmp_path / "coco.onnx", {"output0": random(1, 84, PLACES)})
    assert adopt(coco, output).card["labels"] == COCO


def test_the_background_is_no_label(tmp_path):
    source = export(tmp_path / "ssd.onnx", CASES["ssd"][0])
    output = str(tmp_path / "out.onnx")
    assert adopt(source, output, labels=["BACKGROUND", "cat", "dog"]).card["labels"] == ("cat", "dog")


def test_a_family_by_name(tmp_path):
    source, output = export(tmp_path / "a.onnx", {"o": rows(2)}, names=NAMES), str(tmp_path / "out.onnx")
    assert adopt(source, output).card["family"] == "yolox"
    assert adopt(source, output, family="yolov6").card["family"] == "yolov6"
    with pytest.raises(ModelError, match="not of the family nanodet"):
        adopt(source, output, family="nanodet")


def pictures_seen(tmp_path, family_outputs):
    """What an adopted model's own first operator gets for a picture of red 1, green 0.5, blue 0 (RGB)."""
    source = export(tmp_path / "a.onnx", family_outputs)
    output = str(tmp_path / "out.onnx")
    adopt(source, output)
    model = onnx.load(output)
    seen = next(node.input[0] for node in model.graph.node if node.op_type == "ReduceMean")
    model.graph.output.append(onnx.helper.make_tensor_value_info(seen, FLOAT, None))
    onnx.save(model, output)
    picture = np.zeros((1, 3, 64, 64), np.float32)
    picture[0, 0], picture[0, 1] = 1, 0.5
    with OnnxBackend(output, "cpu") as backend:
        return backend.infer(picture)[-1][0, :, 0, 0].tolist()


def test_preprocessing_of_yolox(tmp_path):
    """Blue first, from 0 to 255."""
    assert pictures_seen(tmp_path, {"output": rows(2, False)}) == pytest.approx([0, 127.5, 255])


def test_preprocessing_of_nanodet(tmp_path):
    expected = [(0 - 103.53) / 57.375, (127.5 - 116.28) / 57.12, (255 - 123.675) / 58.395]
    assert pictures_seen(tmp_path, SEVERAL) == pytest.approx(expected, rel=1e-5)


def test_a_free_size_and_metadata(tmp_path):
    """A picture's mean over channels, reshaped, is an output whose places grow with the input."""
    nodes = [
        onnx.helper.make_node("MaxPool", ["images"], ["pooled"], kernel_shape=[32, 32], strides=[32, 32]),
        onnx.helper.make_node("Concat", ["pooled", "pooled"], ["six"], axis=1),
        onnx.helper.make_node("Reshape", ["six", "shape"], ["output0"]),
    ]
    shape = onnx.numpy_helper.from_array(np.array([1, 6, -1], np.int64), "shape")
    given = onnx.helper.make_tensor_value_info("images", FLOAT, ["batch", 3, "height", "width"])
    result = onnx.helper.make_tensor_value_info("output0", FLOAT, ["batch", 6, "anchors"])
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "dynamic", [given], [result], [shape]),
        opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=10,
    )  # fmt: skip
    onnx.helper.set_model_props(
        model, {"names": repr(NAMES), "imgsz": "[96, 128]", "stride": "32", "license": "AGPL-3.0", "author": "a"}
    )
    source, output = str(tmp_path / "best.onnx"), str(tmp_path / "out.onnx")
    onnx.save(model, source)
    adopted = adopt(source, output)
    card = read_card(output)
    assert (card.size, card.fixed, card.resize, card.multiple) == ((128, 96), False, "rectangle", 32)
    assert adopted.card["source"]["license"] == "AGPL-3.0"
    assert onnx.load(output).ir_version == 7
    with OnnxBackend(output, "cpu") as backend:
        assert backend.infer(np.zeros((1, 3, 64, 64), np.float32))[0].shape == (1, 6, 4)


def node(operator, domain="", **attributes):
    return onnx.helper.make_node(operator, ["images"], ["unused"], domain=domain, **attributes)


ROWS = {"output0": random(1, 6, PLACES)}
REFUSED = {
    "segmentation": ({"task": "segment"}, ROWS, "segments objects"),
    "poses": ({"task": "pose"}, ROWS, "poses of people; export a model whose task is to detect"),
    "classifier": ({"task": "classify"}, ROWS, "is a classifier"),
    "another task": ({"task": "sing"}, ROWS, "task 'sing'"),
    "DETR by its head": ({"head": "RTDETRDecoder"}, ROWS, "is a DETR"),
    "DETR by its operator": ({"nodes": [node("GridSample")], "opset": 16}, ROWS, "is a DETR"),
    "DETR by its outputs": ({}, {"a": random(1, 300, 2) * 9, "b": random(1, 300, 4)}, "is a DETR"),
    "NMS": ({"nodes": [node("NonMaxSuppression")]}, ROWS, "NMS inside; export it without: nms=False"),
    "a loop": ({"nodes": [node("Loop")]}, ROWS, "loops; export it with simplify=True"),
    "an operator of others": ({"nodes": [node("Fancy", "com.example")]}, ROWS, "Fancy of 'com.example'"),
    "bytes": ({"kind": onnx.TensorProto.UINT8}, ROWS, "takes an image of uint8, should take float32"),
    "half precision": ({"kind": onnx.TensorProto.FLOAT16}, ROWS, "half=False"),
    "channels last": ({"shape": (1, 64, 64, 3)}, ROWS, "--inputs-as-nchw"),
    "grey": ({"shape": (1, 1, 64, 64)}, ROWS, "takes 1 channels"),
    "a batch": ({"shape": (4, 3, 64, 64)}, ROWS, "4 images at once; export it with batch=1"),
    "a vector": ({"shape": (1, 12)}, ROWS, "2 dimensions"),
    "a huge input": ({"shape": (1, 3, 100000, 64)}, ROWS, "at most 4096"),
    "Darknet's heads": ({}, {"a": random(1, 21, 2, 2), "b": random(1, 21, 4, 4)}, "python -m tools.convert"),
    "raw heads": ({}, {"a": random(1, 3, 2, 2, 7), "b": random(1, 3, 4, 4, 7)}, "--grid"),
    "one vector": ({}, {"a": random(1, 10)}, "is a classifier"),
    "masks": ({}, {"a": random(1, 9, PLACES) * 9, "b": random(1, 32, 16, 16)}, "segments objects"),
    "logits": ({}, {"a": random(1, 6, PLACES) * 9}, "of no family that is supported"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(tmp_path, name, monkeypatch):
    options, outputs, phrase = REFUSED[name]
    source, output = export(tmp_path / "a.onnx", outputs, **options), str(tmp_path / "out.onnx")
    monkeypatch.setattr("tools.adopt.reading.onnx.checker.check_model", lambda model: None)
    with pytest.raises(ModelError, match="a.onnx: ") as caught:
        adopt(source, output)
    assert phrase in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(str(tmp_path)) == ["a.onnx"]


def test_a_billion_values(tmp_path):
    source = export(tmp_path / "a.onnx", ROWS)
    model = onnx.load(source)
    model.graph.output[0].type.tensor_type.shape.dim[2].dim_value = 10**9
    onnx.save(model, source)
    with pytest.raises(ModelError, match="6,000,000,000 values"):
        adopt(source, str(tmp_path / "out.onnx"))


@pytest.mark.parametrize(
    "name, phrase",
    [
        ("best.pt", "export model=.*best.pt format=onnx"),
        ("a.cfg", "tools.convert --cfg"),
        ("a.weights", "tools.convert"),
        ("absent.onnx", "no such file"),
    ],
)
def test_files_of_another_kind(tmp_path, name, phrase):
    with pytest.raises(ModelError, match=phrase):
        adopt(str(tmp_path / name), str(tmp_path / "out.onnx"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00" * 1000, b"\x0a" * 1000, b"not onnx\n"])
def test_what_is_no_onnx_file(tmp_path, content):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(ModelError, match="is not an ONNX file"):
        adopt(str(tmp_path / "a.onnx"), str(tmp_path / "out.onnx"))


def test_a_file_of_two_gigabytes(tmp_path):
    with open(str(tmp_path / "a.onnx"), "wb") as file:
        file.truncate(5 << 29)
    with pytest.raises(ModelError, match=r"has 2.7 GB, may have 1.1"):
        adopt(str(tmp_path / "a.onnx"), str(tmp_path / "out.onnx"))


def with_external(folder, **changes):
    """A model whose largest constant is in a file beside it."""
    source = export(folder / "a.onnx", ROWS)
    model = onnx.load(source)
    tensor = next(one for one in model.graph.initializer if one.name == "output0.values")
    (folder / "a.data").write_bytes(b"1234" + tensor.raw_data)
    where = dict({"location": "a.data", "offset": "4", "length": str(len(tensor.raw_data))}, **changes)
    onnx.external_data_helper.set_external_data(tensor, where["location"])
    del tensor.external_data[:]
    for key, value in where.items():
        tensor.external_data.add(key=key, value=value)
    tensor.ClearField("raw_data")
    with open(source, "wb") as file:
        file.write(model.SerializeToString())
    return source


def test_weights_beside_the_model(tmp_path):
    output = str(tmp_path / "out.onnx")
    adopt(with_external(tmp_path), output)
    with OnnxBackend(output, "cpu") as backend:
        np.testing.assert_array_equal(backend.infer(np.zeros((1, 3, 64, 64), np.float32))[0], ROWS["output0"])


@pytest.mark.parametrize(
    "changes, phrase",
    [
        ({"location": "../a.data"}, "in a file beside it, not in '../a.data'"),
        ({"location": "/etc/hostname"}, "not in '/etc/hostname'"),
        ({"location": "absent"}, "not in 'absent'"),
        ({"location": ""}, "not in ''"),
        ({"offset": "999999"}, "too short"),
        ({"offset": "-4"}, "too short"),
        ({"offset": "many"}, "too short"),
        ({"length": "99999999999999"}, "too short"),
        ({"length": "8"}, "onnx cannot load it"),
    ],
)
def test_weights_elsewhere(tmp_path, changes, phrase):
    (tmp_path.parent / "a.data").write_bytes(b"0" * 5000)
    with pytest.raises(ModelError, match=phrase) as caught:
        adopt(with_external(tmp_path, **changes), str(tmp_path / "out.onnx"))
    assert "\n" not in str(caught.value)


def test_a_link_to_weights_elsewhere(tmp_path):
    source = with_external(tmp_path, location="b.data")
    (tmp_path / "b.data").symlink_to("/etc/hostname")
    with pytest.raises(ModelError, match="not in 'b.data'"):
        adopt(source, str(tmp_path / "out.onnx"))


@pytest.mark.parametrize(
    "text, value",
    [
        ("{0: 'person'}", {0: "person"}),
        ("['a', 'b']", ["a", "b"]),
        ("__import__('os').getpid()", None),
        ("(lambda: 1)()", None),
        ("(" * 10000, None),
        ("-" * 100000 + "1", None),
        ("'" + "a" * (1 << 19) + "'", None),
        ("\x00", None),
    ],
)
def test_metadata_is_a_literal_and_nothing_is_evaluated(text, value):
    assert literal(text) == value


@pytest.mark.parametrize(
    "names", ["{1: 'a', 2: 'b'}", "{0: 'a'", "3", "[]", "['a', 3]", "{0: 'a\\nb'}", "{'a': 0}", "open('x')"]
)
def test_names_that_cannot_be_read(tmp_path, names):
    source = export(tmp_path / "a.onnx", ROWS)
    model = onnx.load(source)
    onnx.helper.set_model_props(model, {"names": names})
    onnx.save(model, source)
    with pytest.raises(ModelError, match="names in its metadata cannot be read; give them by --labels"):
        adopt(source, str(tmp_path / "out.onnx"))
    assert adopt(source, str(tmp_path / "out.onnx"), labels=["a", "b"]).named


def test_labels_of_the_option(tmp_path):
    path = tmp_path / "labels.txt"
    path.write_bytes("\ufeffcat\r\nd\u00f6g\r\n\r\n".encode("utf-8"))
    assert labels_of_option(str(path)) == ("cat", "d\u00f6g")
    assert labels_of_option("cat, dog") == ("cat", "dog")
    assert labels_of_option("cat") == ("cat",)
    for wrong in (str(tmp_path / "absent.txt"), "cat,,dog", "", "a\x07"):
        with pytest.raises(UsageError, match="--labels"):
            labels_of_option(wrong)
    path.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(UsageError, match="--labels"):
        labels_of_option(str(path))


MODELS = os.path.join(SHARED, "models")


@pytest.mark.slow
@pytest.mark.skipif(not os.path.isdir(MODELS), reason="../shared/data is not here")
@pytest.mark.parametrize("name, family, ap50", [("yolox_nano", "yolox", 0.541), ("nanodet_m", "nanodet", 0.470)])
def test_real_models_are_as_accurate_as_published(tmp_path, name, family, ap50):
    """AP50 on 64 images of COCO at 416, every class of a box; as another decoder has it."""
    pytest.importorskip("pycocotools")
    from tools.score import __main__ as score

    output, report = str(tmp_path / "out.onnx"), str(tmp_path / "report.json")
    assert adopt(os.path.join(MODELS, name + ".onnx"), output).card["family"] == family
    coco = os.path.join(SHARED, "coco-val64")
    options = ["--images", os.path.join(coco, "images"), "--labels", os.path.join(coco, "labels")]
    assert score.main([*options, "--model", output, "--size", "416", "--backend", "onnx", "--report", report]) == 0
    with open(report) as file:
        assert json.load(file)["ap50"] == pytest.approx(ap50, abs=0.005)
