"""Runs the tracker on given detections or on a video, and scores it against ground truth."""
