"""Labelled pictures that a test makes: coloured rectangles on grey, with labels in each of the three forms."""

import json

import cv2
import numpy as np

COLOURS = {"red": (0, 0, 220), "green": (0, 200, 0)}  # BGR
VOC_OBJECT = (
    "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def write_pictures(folder, count, seed=0, width=120, height=90):
    """Pictures in a new folder `images`, each with one or two rectangles; {name: [(class, box), ...]} in pixels."""
    rng = np.random.default_rng(seed)
    (folder / "images").mkdir(parents=True)
    objects = {}
    for number in range(count):
        image = rng.integers(90, 140, (height, width, 3)).astype(np.uint8)
        found = []
        for name in rng.choice(list(COLOURS), rng.integers(1, 3), replace=False):
            w, h = rng.integers(24, 50, 2).tolist()
            x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
            cv2.rectangle(image, (x, y), (x + w - 1, y + h - 1), COLOURS[name], -1)
            found.append((str(name), (x, y, x + w, y + h)))
        cv2.imwrite(str(folder / "images" / f"p{number}.png"), image)
        objects[f"p{number}"] = found
    return objects


def write_voc(folder, objects):
    """Pascal VOC labels in a new folder `annotations`; its path."""
    (folder / "annotations").mkdir()
    for name, found in objects.items():
        body = "".join(VOC_OBJECT.format(kind, *box) for kind, box in found)
        (folder / "annotations" / f"{name}.xml").write_text(f"<annotation>{body}</annotation>")
    return folder / "annotations"


def write_yolo(folder, objects, width=120, height=90):
    """YOLO labels in a new folder `labels`, with the classes in alphabetical order and classes.txt; its path."""
    names = sorted(COLOURS)
    (folder / "labels").mkdir()
    (folder / "labels" / "classes.txt").write_text("\n".join(names) + "\n")
    for name, found in objects.items():
        lines = [
            f"{names.index(kind)} {(x1 + x2) / 2 / width:.8f} {(y1 + y2) / 2 / height:.8f} "
            f"{(x2 - x1) / width:.8f} {(y2 - y1) / height:.8f}\n"
            for kind, (x1, y1, x2, y2) in found
        ]
        (folder / "labels" / f"{name}.txt").write_text("".join(lines))
    return folder / "labels"


def write_coco(folder, objects, width=120, height=90):
    """A COCO file `labels.json`; its path."""
    names = sorted(COLOURS)
    images = [
        {"id": number, "file_name": f"{name}.png", "width": width, "height": height}
        for number, name in enumerate(objects)
    ]
    annotations = [
        {"image_id": number, "category_id": names.index(kind) + 3, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for number, found in enumerate(objects.values())
        for kind, (x1, y1, x2, y2) in found
    ]
    content = {
        "images": images,
        "categories": [{"id": 0, "name": "all"}, *({"id": n + 3, "name": name} for n, name in enumerate(names))],
        "annotations": [dict(one, id=number) for number, one in enumerate(annotations)],
    }
    (folder / "labels.json").write_text(json.dumps(content))
    return folder / "labels.json"
