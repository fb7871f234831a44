"""One damaged file of a seed, always the same."""

import random
from typing import Sequence, Tuple

WHOLE = 0.05  # of the files stay as they are: those must be called whole
LONGEST = 0.1  # of a file, that is zeroed or inserted


def damaged(originals: Sequence[bytes], kind: str, seed: int) -> Tuple[bytes, str]:
    """A file made from one of the originals, and what was done to it, as "flips 3 bytes"."""
    chance = random.Random(f"{kind}:{seed}")
    number = chance.randrange(len(originals))
    data = bytearray(originals[number])
    what = "whole"
    if chance.random() >= WHOLE:
        act = chance.choice([_flip, _cut, _zero, _insert])
        # Half of them near the start, where most formats say how to read the rest.
        reach = len(data) if chance.random() < 0.5 else min(len(data), 1024)
        what = act(data, chance, reach)
    return bytes(data), f"original {number}, {what}"


def _flip(data: bytearray, chance: random.Random, reach: int) -> str:
    count = 1 + int(chance.expovariate(0.3))
    for _ in range(count):
        data[chance.randrange(reach)] ^= chance.randrange(1, 256)
    return f"{count} bytes flipped in the first {reach}"


def _cut(data: bytearray, chance: random.Random, reach: int) -> str:
    at = chance.randrange(reach)
    size = len(data)
    del data[at:]
    return f"cut after {at} of {size} bytes"


def _zero(data: bytearray, chance: random.Random, reach: int) -> str:
    at = chance.randrange(reach)
    count = min(_length(data, chance), len(data) - at)
    data[at : at + count] = bytes(count)
    return f"{count} bytes zeroed at {at}"


def _insert(data: bytearray, chance: random.Random, reach: int) -> str:
    at, count = chance.randrange(reach), _length(data, chance)
    data[at:at] = bytes(chance.randrange(256) for _ in range(count))
    return f"{count} bytes inserted at {at}"


def _length(data: bytearray, chance: random.Random) -> int:
    """A few bytes as often as many."""
    most = max(2.0, LONGEST * len(data))
    return int(most ** chance.random())
