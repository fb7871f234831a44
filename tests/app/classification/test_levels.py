"""Against numpy, which sorts."""

import numpy as np
import pytest

from app.classification.levels import median_level, noise_level, ranked


def noise(*shape):
    return np.random.RandomState(0).normal(0, 8, shape).astype(np.float32)


PICTURES = {
    "noise": noise(300, 400),
    "an odd number": noise(301, 401),
    "one value": noise(1, 1),
    "two values": noise(1, 2),
    "all alike": np.full((300, 400), 3, np.float32),
    "mostly alike": np.where(noise(300, 400) > 20, noise(300, 400), 0),
    # Every 30th value is sampled; these are unlike all others.
    "an unlucky sample": np.where(np.arange(120000) % 30 == 0, 1000, noise(1, 120000)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_median_of_a_picture(name):
    values = PICTURES[name]
    assert ranked(values, (values.size - 1) // 2, values.size // 2) == np.median(values)


@pytest.mark.parametrize("place", [0, 1, 99, 60000, 119900, 119999])
@pytest.mark.parametrize("name", ["noise", "mostly alike", "an unlucky sample"])
def test_any_place(name, place):
    assert ranked(PICTURES[name], place, place) == np.sort(PICTURES[name], axis=None)[place]


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (300, 400), (301, 401)])
@pytest.mark.parametrize("levels", [(0, 1), (255, 256), (0, 256), (60, 200)])
def test_the_median_level(shape, levels):
    grey = np.random.RandomState(1).randint(*levels, size=shape).astype(np.uint8)
    assert median_level(grey) == np.median(grey)


def test_the_noise_is_that_of_the_darker_part_and_not_of_ink():
    values = noise(576, 768)
    values[:, :384] /= 2
    values[:144, 576:] += 100 * (np.arange(192) % 2)  # one tile of 16 is full of ink
    assert noise_level(values) == pytest.approx(8, rel=0.06)
