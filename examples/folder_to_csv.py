"""Detect objects in a folder of images, and write one CSV row for each.

python examples/folder_to_csv.py photos/ found.csv
"""

import csv
import sys

from nanoyolo import load_detector, open_source

with open(sys.argv[2], "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["image", "label", "score", "x1", "y1", "x2", "y2"])
    with open_source(sys.argv[1]) as source, load_detector("yolov3-tiny", size=416) as detector:
        for frame in source:
            if frame is not None:
                for found in detector.detect(frame.image):
                    box = [f"{side:.1f}" for side in found.box]
                    rows.writerow([frame.name, found.label, f"{found.score:.3f}", *box])
