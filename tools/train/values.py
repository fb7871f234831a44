"""Values of the training command's options: argparse types for what is not a plain number."""

import argparse


def frozen(text: str) -> float:
    """An argparse type: up to 1 a share of the layers, as 0.5; from 2 a number of them, as 100."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not (0 <= value <= 1 or (2 <= value <= 10000 and value == int(value))):
        raise argparse.ArgumentTypeError(f"should be a share from 0 to 1 or a number of layers from 2, is {text}")
    return value


def growing_steps(text: str) -> list[int]:
    """An argparse type: steps such as 10000,25000, each larger than the one before."""
    try:
        steps = [int(part) for part in text.split(",")]
    except ValueError:
        steps = []
    if not steps or steps != sorted(set(steps)) or steps[0] < 1:
        raise argparse.ArgumentTypeError(f"boundaries should be growing steps, as 10000,25000; is {text}")
    return steps
