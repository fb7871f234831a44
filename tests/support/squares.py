"""Data of CIFAR-100's form whose classes a small network learns in seconds: each is the place of a bright square."""

import numpy as np

from app.classification.cifar100 import COARSE, FINE, SIDE


def write_squares(folder):
    """2,000 training and 500 test images in an existing folder, as many of each class; its path."""
    (folder / "train.bin").write_bytes(make_split(20, 0))
    (folder / "test.bin").write_bytes(make_split(5, 1))
    (folder / "fine_label_names.txt").write_text("".join(f"fine{label}\n" for label in range(FINE)))
    (folder / "coarse_label_names.txt").write_text("".join(f"coarse{label}\n" for label in range(COARSE)))
    return str(folder)


def make_split(per_class, seed):
    """Records whose class is the place of a bright square of 3x3 pixels on noise."""
    rng = np.random.default_rng(seed)
    fine = rng.permutation(np.repeat(np.arange(FINE, dtype=np.uint8), per_class))
    images = rng.integers(0, 60, (len(fine), 3, SIDE, SIDE)).astype(np.uint8)
    for image, label in zip(images, fine):
        row, column = 1 + label // 10 * 3, 1 + label % 10 * 3
        image[:, row : row + 3, column : column + 3] += 180
    coarse = (fine // 5).astype(np.uint8)
    return np.concatenate([coarse[:, None], fine[:, None], images.reshape(len(fine), -1)], axis=1).tobytes()
