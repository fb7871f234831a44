"""Random weights for YOLOv3-tiny, where a test does not need the real ones."""

import struct

import numpy as np

FLOATS = 8858734


def write_random_weights(path, shapes):
    """A Darknet weights file whose activations neither die out nor explode."""
    random = np.random.RandomState(0)
    with open(str(path), "wb") as file:
        file.write(struct.pack("<3iq", 0, 2, 0, 0))
        for filters, channels, size, batch_norm in shapes:
            beta = random.normal(0, 0.1, filters)
            file.write(beta.astype("<f4").tobytes())
            if batch_norm:
                others = [random.uniform(0.8, 1.2, filters), random.normal(0, 0.1, filters), np.ones(filters)]
                file.write(np.concatenate(others).astype("<f4").tobytes())
            spread = np.sqrt(2 / (channels * size * size))
            kernel = random.standard_normal(filters * channels * size * size)
            file.write((spread * kernel).astype("<f4").tobytes())
    return str(path)
