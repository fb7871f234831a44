"""Small sweeps and reports made by hand, of which `tools.report` makes pages."""

import json

import cv2
import numpy as np

from tools.sweep.grid import ACCURACY, Task, combinations
from tools.sweep.journal import Journal

MACHINE = {"processor": "A processor", "cores": 2, "board": {"load": 0.5}, "versions": {"python": "3.11", "numpy": "2"}}
EVIL = "<script>alert(1)</script>&\"'$x$ |"  # as a label, a file's or a person's name

STAGES = {"capture": 0.1, "preprocess": 0.5, "infer": 12.0, "postprocess": 0.4, "draw": 0.3, "sink": 0.0, "wait": 20.0}


def percentiles(mean):
    return {"mean": mean, "p50": mean, "p95": 2 * mean, "p99": 3 * mean}


def measurement(combination, round_number=1, found=2):
    """What `tools.sweep.measure` would give; larger inputs take longer."""
    infer = combination.size / 12 + round_number
    work = infer + 1.3
    real = min(combination.fps or 1e9, 1000 / work)
    return {
        "frames": 40,
        "fps": {"configured": combination.fps, "real": real, "capture": real},
        "dropped": 0,
        "captured": 40,
        "stages_ms": {stage: percentiles(ms) for stage, ms in dict(STAGES, infer=infer).items()},
        "latency_ms": {"p50": work, "p95": 2 * work, "p99": 3 * work},
        "latency_percentiles_ms": [work * (1 + index / 50) for index in range(51)],
        "detections": {"count": found, "mean_score": 0.5 + combination.size / 2000 if found else None, "by_label": {}},
        "memory_mb": 200.5,
        "power_w": None,
        "temperature_c": None,
        "captured_size": [64, 48],
        "input": [combination.size, combination.size],
        "backend": f"{combination.backend} 1.2",
        "overlapped": False,
        "live": False,
    }


def truth(label="dog"):
    """Two labelled objects in one picture, and a class that has none."""
    return {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 64, "height": 48}],
        "categories": [{"id": 0, "name": label}, {"id": 1, "name": "cat"}],
        "annotations": [
            {"id": n, "image_id": 1, "category_id": 0, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for n, box in enumerate(([5, 5, 20, 20], [35, 10, 20, 30]), 1)
        ],
    }


def picture():
    """A small JPEG file."""
    return cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes()


def make_sweep(
    folder, captures=((64, 48), None), sizes=(160, 320), fps=(24.0, None), backends=("auto",), pacing=("deadline",),
    labels=None, source="street.mp4", rounds=1, measured=None, found=2, pictures=True, model="there-is-none",
):  # fmt: skip
    """A sweep in a folder, as `tools.sweep` leaves it; of it, `measured` combinations, or all. Its combinations."""
    grid = combinations(captures, sizes, fps, backends, pacing)
    options = {"cam": source, "images": None, "labels": None, "captures": captures, "sizes": sizes, "fps": fps}
    options.update(backends=backends, pacing=pacing, frames=40, model=model, device="auto", square=False)
    options.update(confidence=0.25)
    journal = Journal.start(str(folder), json.loads(json.dumps(options)), grid, MACHINE, labels or {})
    for combination in grid[:measured]:
        if labels:
            journal.add(Task(combination, ACCURACY), measurement(combination))
            boxes = [[5, 5, 20, 20], [35, 10, 20, 30]][: combination.size // 160]
            detections = [{"image_id": 1, "category_id": 0, "bbox": box, "score": 0.9} for box in boxes]
            with open(journal.detections_path(combination), "w") as file:
                json.dump(detections, file)
        for number in range(1, rounds + 1):
            journal.add(Task(combination, number), measurement(combination, number, found))
        if pictures:
            with open(journal.picture_path(combination), "wb") as file:
                file.write(picture())
    journal.close()
    return grid


def spread(median):
    return {"median": median, "least": 0.9 * median, "most": 1.1 * median}


def score(label="dog"):
    """A report of tools.score."""
    best = {"f1": 0.8, "threshold": 0.31, "precision": 0.75, "recall": 0.9}
    by_class = {"ap": 0.5, "ap50": 0.7, "objects": 3, "best_f1": best}
    return {
        "kind": "score",
        "model": "yolov3-tiny",
        "size": 320,
        "shape": "rectangular",
        "backend": "onnx 1.2",
        "images": 2,
        "objects": 3,
        "ap": 0.5,
        "ap50": 0.7,
        "ap75": None,
        "by_size": {size: {"ap": None, "recall": None, "objects": 1} for size in ("small", "medium", "large")},
        "recall": {"1": 0.1, "10": 0.2, "100": 0.3},
        "best_f1": best,
        "curve": {"recall": [0, 0.5, 1], "precision": [1, 0.6, 0.2]},
        "per_class": {label: by_class, "never found": dict(by_class, ap=0.0, ap50=0.0, best_f1=None)},
        "mistakes": {
            "threshold": 0.31,
            "correct": 2,
            "found": 2,
            "lost": {"confusion": 0, "localisation": 0, "missed": 1},
            "false": {"duplicate": 1, "confusion": 0, "localisation": 0, "background": 4},
            "confusions": [],
        },
    }


def bench(**sizes):
    """A report of tools.bench. sizes: figures by size, as s160={...}."""
    return {
        "kind": "bench",
        "source": "/home/somebody/street.mp4",
        "model": {"name": "yolov3-tiny", "sha256": "0"},
        "threads": 2,
        "rounds": 3,
        "seconds": 1.0,
        "machine": MACHINE,
        "warnings": ["the cores have been busy"],
        "sizes": {name[1:]: figures for name, figures in sizes.items()},
    }


def loop_figures():
    """Of one size, as of `tools.bench --cam FILE`."""
    return {
        "input": [128, 160],
        "frames": 31,
        "warm_up_ms": {"onnx": 174.2},
        "fps": {"bare": spread(65.8819), "loop": spread(56.1075)},
        "loop/bare": spread(0.8523),
        "stages_ms": {stage: spread(ms) for stage, ms in STAGES.items()},
    }


def detect():
    """A report of app.detect."""
    return {
        "kind": "detect",
        "frames": 60,
        "duration_s": 3.006,
        "fps": {"configured": None, "real": 21.334, "capture": 21.23},
        "dropped": 0,
        "stages_ms": {stage: percentiles(ms) for stage, ms in STAGES.items()},
        "latency_ms": {"p50": 44.87, "p95": 73.064, "p99": 99.465},
        "captured": 60,
        "reconnects": 0,
        "detections": {"count": 5, "mean_score": 0.6531, "by_label": {"person": 3, "car": 2}},
        "model": "yolov3-tiny",
        "backend": "openvino 1.2",
        "input": [320, 416],
        "source": "rtsp://me:secret@10.0.0.7/live",
        "version": "0.1.0",
    }


def evaluate():
    """A report of app.evaluate."""
    return {
        "kind": "evaluate",
        "model": "nano_resnet_s",
        "backend": "openvino 1.2",
        "data": "/home/somebody/cifar-100-binary",
        "split": "test",
        "images": 10000,
        "complete": True,
        "batch": 1,
        "top1": 0.7152,
        "top5": 0.94,
        "superclass_top1": 0.82,
        "loss": 1.0042043621441408,
        "worst_classes": [{"label": "boy", "accuracy": 0.25}],
        "most_confused": [{"true": "apple", "predicted": "pear", "images": 7}],
        "ms_per_image": {"mean": 1.5621, "p50": 0.8637, "p95": 5.2828},
        "images_per_s": 640.2,
        "time_s": 15.6,
        "warm_up_s": 0.017,
        "peak_memory_mb": 141.1,
        "card": {"top1": 0.7152, "top5": 0.94, "difference_points": 0.0, "agrees": True},
        "version": "0.1.0",
    }
