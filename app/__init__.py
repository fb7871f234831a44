"""nanoyolo: real-time object detection. What runs on the device: Python 3.6, numpy and OpenCV."""

import os

__version__ = "0.1.0"

# OpenCV, FFmpeg and Qt print warnings of their own about every file they cannot open. This program reports such
# failures itself, in one line, so theirs are off unless the user has asked for them. Read when cv2 is imported.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("QT_LOGGING_RULES", "*=false")
