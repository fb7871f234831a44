"""What every decoder returns, and what several of them compute."""

from typing import Tuple

import numpy as np

Candidates = Tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes, scores and classes: see `app.heads.decode`


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logistic function, written with tanh because exp overflows."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * x))
