"""Scenes of 160x120 pixels, 40x30 cells, at 10 frames a second."""

import cv2
import numpy as np
import pytest

from app.tracking.motion import BEGIN, LONGEST, RESTLESS_PERIOD, Motion

FPS = 10
RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 1, (16, 120, 160)).astype(np.float32)


def texture(smoothness, seed):
    smooth = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 1, (120, 160)), (0, 0), smoothness)
    return (110 + 40 * smooth / smooth.std()).astype(np.float32)


GROUND, LEAVES = texture(6, 1), texture(3, 2)


def scene(time, noise=4.0, gain=1.0, tree=False, person=None):
    """A picture with noise of this deviation, a tree that sways on the right half, and a person 12 x 32 pixels."""
    image = GROUND.copy()
    if tree:
        across = 6 * np.sin(2 * np.pi * time / 1.7) + 3 * np.sin(2 * np.pi * time / 0.9)
        moved = cv2.warpAffine(LEAVES, np.array([[1, 0, across], [0, 1, across / 3]]), (160, 120), borderMode=2)
        image[:, 90:] = moved[:, 90:]
    if person is not None:
        x, y = int(person[0]), int(person[1])
        image[y : y + 32, x : x + 12] -= 40
    return np.clip(image * gain + noise * NOISE[RNG.integers(16)], 0, 255).astype(np.uint8)


def wanted(seconds, make):
    """For each frame of so many seconds whether it is wanted. make: the picture at a time."""
    motion = Motion()
    return np.array([motion.wants(make(number / FPS), number / FPS) for number in range(seconds * FPS)])


def between(frames, start, end):
    return frames[int(start * FPS) : int(end * FPS)]


@pytest.mark.parametrize("noise", [0, 4, 12])
def test_noise_is_no_motion_and_the_picture_is_looked_at_every_few_seconds(noise):
    frames = wanted(60, lambda time: scene(time, noise))
    assert between(frames, 0, BEGIN).all()
    assert 1 - between(frames, BEGIN, 60).mean() >= 0.9
    gaps = np.diff(frames.nonzero()[0]) / FPS
    assert LONGEST - 0.5 / FPS <= gaps.max() <= LONGEST + 1.5 / FPS


def test_exposure_is_no_motion():
    frames = wanted(20, lambda time: scene(time, gain=1.2 if time > 10 else 0.9))
    assert between(frames, 10, 11).sum() <= 1


def test_slow_light_is_no_motion():
    frames = wanted(40, lambda time: scene(time, gain=1 + 0.4 * np.sin(time / 10)))
    assert 1 - between(frames, BEGIN, 40).mean() >= 0.9


def test_a_person_who_walks_in_is_seen_at_once_and_in_every_frame():
    frames = wanted(20, lambda time: scene(time, person=(10 + 20 * (time - 10), 40) if 10 <= time < 15 else None))
    # Two pixels a frame: half a cell, which may not be enough for each frame
    assert frames[10 * FPS : 10 * FPS + 2].any()
    assert between(frames, 10, 15).mean() > 0.7
    assert between(frames, 15, 15.5).any()  # that it has gone is seen as well


def test_a_person_who_stands_is_no_motion():
    frames = wanted(30, lambda time: scene(time, person=(10 + 20 * min(time - 10, 3), 40) if time >= 10 else None))
    assert between(frames, 10, 13).mean() > 0.7
    assert between(frames, 14, 30).mean() <= 0.1


def test_a_tree_in_the_wind_loses_weight():
    frames = wanted(60, lambda time: scene(time, tree=True))
    assert between(frames, 0, 5).mean() > 0.5
    later = between(frames, 30, 60)
    assert later.mean() <= 1.2 / (RESTLESS_PERIOD * FPS)


def test_a_person_beside_a_tree_in_the_wind_is_seen_at_once():
    frames = wanted(
        40, lambda time: scene(time, tree=True, person=(5 + 12 * (time - 30), 40) if 30 <= time < 33 else None)
    )
    assert between(frames, 30, 33).mean() > 0.5


def test_who_walks_in_front_of_a_tree_in_the_wind_is_looked_at_within_a_second():
    frames = wanted(45, lambda time: scene(time, tree=True, person=(95 + 5 * (time - 35), 40) if time >= 35 else None))
    seen = frames[35 * FPS :].nonzero()[0]
    assert seen[0] / FPS <= 1
    assert np.diff(seen).max() / FPS <= 1


def test_few_cells_are_no_motion():
    def leaf(time):
        image = scene(time, noise=0)
        if time >= 10:
            image[60:64, 40 + int(time * 2) % 40 * 2 :][:, :4] = 255
        return image

    assert between(wanted(20, leaf), 10, 20).mean() <= 0.1


def test_begins_anew_with_another_size_and_a_time_that_goes_back():
    motion = Motion()
    for number in range(3 * FPS):
        motion.wants(scene(0, noise=0), number / FPS)
    assert not motion.wants(scene(0, noise=0), 3.0)
    assert motion.wants(scene(0, noise=0)[:100], 3.1)
    assert motion.wants(scene(0, noise=0), 3.2)
    assert motion.wants(scene(0, noise=0), 0.0)
    assert motion.wants(scene(0, noise=0), 0.1)  # as at the beginning


def test_pictures_that_are_black_or_tiny():
    motion = Motion()
    assert [motion.wants(np.zeros((3, 2), np.uint8), number / FPS) for number in range(3 * FPS)][-1] is False
