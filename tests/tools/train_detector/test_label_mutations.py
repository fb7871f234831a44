"""Damaged label files: one line of error or other objects, and never anything else."""

import random

import pytest
from support.labelled import write_coco, write_pictures, write_voc, write_yolo

from app.errors import NanoyoloError
from tools.train_detector.data_yaml import read_data_yaml
from tools.train_detector.readers import open_labels
from tools.train_detector.splits import find_pictures

pytestmark = pytest.mark.slow
MUTATIONS = 150
YAML = b"path: .\ntrain: images\nval: [images]\nnames:\n  0: green\n  1: 'red'\n"
PIECES = [b"", b"\0", b"\xff\xfe", b"nan", b"1e999", b"-1", b"<!DOCTYPE", b"<a>" * 50, b"&x;", b"[" * 3000, b"{", b'"',
          b"\n", b"9" * 400, b"<object>", b"null", b": ", b"- ", b"!!python/name:os.system ", b"*a"]  # fmt: skip


def mutated(data, generator):
    """The bytes with one to four pieces cut out, doubled or replaced."""
    for _ in range(generator.randint(1, 4)):
        start = generator.randrange(len(data) + 1)
        stop = min(len(data), start + generator.choice([0, 1, 2, 8, 40]))
        data = data[:start] + generator.choice([*PIECES, data[start:stop] * 2]) + data[stop:]
    return data


@pytest.mark.parametrize("form", ["voc", "yolo", "coco", "yaml"])
def test_damaged_labels(tmp_path, form):
    objects = write_pictures(tmp_path, 2)
    images = find_pictures([str(tmp_path / "images")])
    place = {"voc": write_voc, "yolo": write_yolo, "coco": write_coco}.get(form, lambda *_: tmp_path)(tmp_path, objects)
    (tmp_path / "data.yaml").write_bytes(YAML)
    file = {"voc": "annotations/p0.xml", "yolo": "labels/p0.txt", "coco": "labels.json", "yaml": "data.yaml"}[form]
    whole = (tmp_path / file).read_bytes()
    generator, errors = random.Random(0), []
    for _ in range(MUTATIONS):
        (tmp_path / file).write_bytes(mutated(whole, generator))
        try:
            if form == "yaml":
                read_data_yaml(str(tmp_path / "data.yaml"))
            else:
                labels = open_labels(str(place), images, None)
                for path in images:
                    labels.read(path, 120, 90)
        except NanoyoloError as error:
            errors.append(str(error))
    assert MUTATIONS // 5 < len(errors) < MUTATIONS
    assert all(len(error.splitlines()) == 1 for error in errors)
    assert max(map(len, errors)) < 600 + len(str(tmp_path))
