"""Takes over detectors that other programs have trained and exported as ONNX: `adoption.adopt` does it."""
