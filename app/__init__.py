"""nanoyolo: real-time object detection. What runs on the device: Python 3.6, numpy and OpenCV."""

import os

__version__ = "0.1.0"

# FP32 means FP32: from Ampere on, NVIDIA's libraries would compute with TF32's 10 bits of mantissa.
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")

# OpenCV, FFmpeg, Qt and TensorFlow print warnings of their own. This program reports failures itself, in one line, so
# theirs are off unless the user has asked for them. Read when they are imported.
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("QT_LOGGING_RULES", "*=false")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# FFmpeg's functions may be called from several threads since its release 4.0. OpenCV 5 believes it only when told, and
# else a camera that does not answer keeps every other from being opened.
os.environ.setdefault("OPENCV_FFMPEG_IS_THREAD_SAFE", "1")
