"""Hand detections over to the package `supervision`, which has trackers, zones and annotators.

pip install supervision
python examples/to_supervision.py demo.jpg annotated.jpg
"""

import sys

import cv2
import supervision as sv

from nanoyolo import load_detector

image = cv2.imread(sys.argv[1])
with load_detector("yolov3-tiny", size=416) as detector:
    found = detector.detect(image)
detections = sv.Detections(
    xyxy=found.boxes,
    confidence=found.scores,
    class_id=found.classes,
    data={"class_name": list(found.names)},
)
annotated = sv.BoxAnnotator().annotate(image, detections)
cv2.imwrite(sys.argv[2], sv.LabelAnnotator().annotate(annotated, detections))
print(f"{len(detections)} detections: {', '.join(detections['class_name'])}")
