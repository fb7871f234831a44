"""Detect objects in one image, print them, and save a copy with boxes.

python examples/image.py demo.jpg annotated.jpg
"""

import sys

import cv2

from nanoyolo import draw, load_detector

image = cv2.imread(sys.argv[1])
with load_detector("yolov3-tiny", size=416) as detector:
    detections = detector.detect(image)
for found in detections:
    print(f"{found.label} {found.score:.2f} {[round(side) for side in found.box]}")
cv2.imwrite(sys.argv[2], draw(image, detections))
