"""Show a camera with boxes in a window, until q is pressed or the source ends.

python examples/camera_window.py 0
"""

import sys

import cv2

from nanoyolo import draw, load_detector, open_source

with open_source(sys.argv[1]) as source, load_detector("yolov3-tiny", size=160) as detector:
    for frame in source:  # the newest frame, or None when none came for a tenth of a second
        if frame is not None:
            cv2.imshow("nanoyolo", draw(frame.image, detector.detect(frame.image)))
        if cv2.waitKey(1) == ord("q"):
            break
