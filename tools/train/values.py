"""Values of the training command's options: argparse types for what is not a plain number."""

import argparse
import re


def seconds(text: str) -> float:
    """An argparse type: a time such as 90s, 10m or 1.5h, in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    value = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if not value:
        raise argparse.ArgumentTypeError(f"a time should be as 90s, 10m or 2h, is {text}")
    return value


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
