"""What is trained: every combination of a grid, or independent random draws, all different."""

import itertools
import math
import random
from collections.abc import Sequence
from typing import Any

from app.errors import UsageError
from tools.search.space import MOST_TRIALS, Dimension

Params = dict[str, Any]  # the searched options and their values


def grid(dimensions: Sequence[Dimension]) -> list[Params]:
    """All combinations, the last option varying fastest. Raises UsageError where there are endless or too many."""
    counts = []
    for dimension in dimensions:
        count = dimension.size()
        if count is None:
            raise UsageError(f"--method grid: {dimension.name} needs values or a step; or search it with random")
        counts.append(count)
    if math.prod(counts) > MOST_TRIALS:
        raise UsageError(f"--method grid: more than {MOST_TRIALS} combinations; search it with random")
    return [
        {dimension.name: dimension.value(index) for dimension, index in zip(dimensions, indices)}
        for indices in itertools.product(*map(range, counts))
    ]


def random_draws(dimensions: Sequence[Dimension], count: int, seed: int) -> list[Params]:
    """`count` different draws, the same for the same seed. Raises UsageError where there are not that many."""
    counts = [dimension.size() for dimension in dimensions]
    size = math.prod(math.inf if number is None else number for number in counts)
    if count > size:
        raise UsageError(f"--trials {count}: the space has only {size} combinations; search it with --method grid")
    generator = random.Random(seed)
    found: dict[tuple[Any, ...], Params] = {}
    while len(found) < count:
        params = {dimension.name: _draw(dimension, generator) for dimension in dimensions}
        found.setdefault(tuple(params.values()), params)
    return list(found.values())


def _draw(dimension: Dimension, generator: random.Random) -> Any:
    low, high = dimension.low, dimension.high
    if dimension.log:
        if isinstance(low, int):
            # A half more on both sides, so that the first and the last number are not drawn less often.
            drawn = math.exp(generator.uniform(math.log(low - 0.5), math.log(high + 0.5)))
            return min(max(round(drawn), low), high)
        return min(max(math.exp(generator.uniform(math.log(low), math.log(high))), low), high)
    count = dimension.size()
    return dimension.value(generator.randrange(count)) if count else generator.uniform(low, high)
