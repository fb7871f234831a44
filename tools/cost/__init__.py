"""Estimates a network's speed on a Jetson Nano from its ONNX file and published figures."""
