"""nanoyolo: real-time object detection. This package runs on the device: Python 3.6, numpy and OpenCV."""

import os
import sys

__version__ = "0.1.0"

# FP32 means FP32: from Ampere on, NVIDIA's libraries otherwise compute with TF32's 10-bit mantissa.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")

# OpenCV, FFmpeg, Qt and TensorFlow print their own warnings. This program reports failures in one line of its own, so
# theirs are off unless the user has set these variables, which they read when they are imported.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
if "cv2" in sys.modules and os.environ["OPENCV_LOG_LEVEL"] == "SILENT" and hasattr(sys.modules["cv2"], "setLogLevel"):
    sys.modules["cv2"].setLogLevel(0)  # a program that imports OpenCV first
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("QT_LOGGING_RULES", "*=false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# FFmpeg is thread-safe since its release 4.0. OpenCV 5 relies on it only with this variable; without it, a camera that
# does not respond blocks the opening of every other.
os.environ.setdefault("OPENCV_FFMPEG_IS_THREAD_SAFE", "1")
