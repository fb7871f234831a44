import argparse

import numpy as np
import pytest

from tools.train import augmentation
from tools.train.augmentation import make_augmentation

NONE = dict.fromkeys(("rotate", "zoom", "shear", "elastic", "stroke", "jitter", "erase", "mixup", "cutmix"), 0.0)
NONE.update(crop=0, scales=1.0)


def augment(images, labels=None, seed=0, **options):
    labels = np.eye(100, dtype=np.float32)[: len(images)] if labels is None else labels
    return make_augmentation(argparse.Namespace(**{**NONE, **options}))(images, labels, np.random.default_rng(seed))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3)).astype(np.float32)


def levels_and_images():
    levels = np.linspace(10, 250, 16, dtype=np.float32)
    return levels, np.ones((16, 32, 32, 3), np.float32) * levels.reshape(-1, 1, 1, 1)


def test_nothing_is_changed_by_default(images):
    same, labels = augment(images)
    np.testing.assert_array_equal(same, images)
    np.testing.assert_array_equal(labels, np.eye(100)[:64])


def test_crop_is_a_place_in_the_mirrored_border_for_each_image(images):
    pixels = 2
    cropped, _ = augment(images, crop=pixels)
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="symmetric")
    places = set()
    for before, after in zip(padded, cropped):
        found = [
            (y, x)
            for y in range(2 * pixels + 1)
            for x in range(2 * pixels + 1)
            if np.array_equal(before[y : y + 32, x : x + 32], after)
        ]
        assert len(found) == 1
        places.add(found[0])
    assert len(places) > 15  # of 25


def test_scales_crop_a_share_of_the_area_and_stretch_it_back():
    """On a horizontal ramp: a crop of width w has slope w / 32 of the original."""
    ramp = np.tile(np.arange(32, dtype=np.float32)[None, :, None], (32, 1, 3))
    cropped, _ = augment(np.stack([ramp] * 64), scales=0.25)
    slopes = cropped[:, 0, 20, 0] - cropped[:, 0, 10, 0]
    assert 4.5 < slopes.min() < 6.5  # a quarter of the area is half of the width
    assert 8.5 < slopes.max() < 10.5
    assert np.ptp(cropped, axis=1).max() < 1e-3  # rows stay alike


def test_a_quarter_turn_is_numpys():
    image = np.random.default_rng(1).uniform(0, 255, (1, 9, 9, 1)).astype(np.float32)

    class FakeRandom:
        """Gives the largest angle, and no zoom or shear."""

        def uniform(self, low, high, size):
            return np.full(size, high)

    turned = augmentation.warp(image, 90, 0, 0, FakeRandom())
    np.testing.assert_allclose(turned[0, :, :, 0], np.rot90(image[0, :, :, 0], -1), atol=1e-2)


def test_warp_keeps_the_centre_and_goes_on_at_the_border():
    images = np.zeros((16, 29, 29, 1), np.float32)
    images[:, 14, 14] = 255
    warped, _ = augment(images, rotate=20.0, zoom=0.2, shear=0.2)
    assert (warped[:, 14, 14] > 250).all()
    assert warped.shape == images.shape
    flat, _ = augment(np.full((4, 29, 29, 1), 90, np.float32), rotate=45.0, zoom=0.3)
    np.testing.assert_allclose(flat, 90)


def test_zoom_stretches_height_and_width_by_their_own_factors():
    images = np.zeros((64, 41, 41, 1), np.float32)
    images[:, 11:30, 11:30] = 255  # a square of 19
    warped, _ = augment(images, zoom=0.3)
    heights = (warped[:, :, 20, 0] > 127).sum(axis=1)
    widths = (warped[:, 20, :, 0] > 127).sum(axis=1)
    assert (heights.min(), heights.max()) <= (17, 28)
    assert heights.max() > 23  # 19 / 0.7 is 27
    assert heights.min() < 17  # 19 / 1.3 is 15
    assert (abs(heights - widths) > 3).any()


def test_elastic_moves_pixels_by_that_much_and_keeps_them_smooth():
    """On a horizontal ramp, the change of a pixel is the distance that it moved."""
    ramp = np.tile(np.arange(60, dtype=np.float32)[None, :, None], (60, 1, 1))
    moved, _ = augment(np.stack([ramp] * 32), elastic=1.5)
    field = (moved - ramp)[:, 10:-10, 10:-10, 0]
    assert 1.1 < np.sqrt(np.mean(field**2)) < 1.7  # less in the middle than at the borders, which are left out
    assert np.abs(np.diff(field, axis=1)).max() < 0.8  # neighbours move together
    assert np.abs(field.mean(axis=(1, 2))).max() > 0.1  # and every image in its own way


def test_strokes_of_a_share_get_thicker_or_thinner():
    images = np.zeros((400, 15, 15, 1), np.float32)
    images[:, :, 6:9] = 200  # three pixels wide
    changed, _ = augment(images, stroke=0.5)
    widths = (changed[:, 7, :, 0] == 200).sum(axis=1)
    counts = {width: int((widths == width).sum()) for width in (1, 3, 5)}
    assert sum(counts.values()) == 400
    assert 70 < counts[1] < 130
    assert 70 < counts[5] < 130


def test_jitter_changes_colours_and_stays_in_range(images):
    jittered, _ = augment(images / 2 + 64, jitter=0.3)
    assert jittered.min() >= 0
    assert jittered.max() <= 255
    means = jittered.mean((1, 2, 3))
    assert means.std() > 5  # image by image
    grey = augment(np.full((8, 32, 32, 3), 128, np.float32), jitter=0.3)[0]
    assert np.ptp(grey, axis=(1, 2, 3)).max() < 1  # a flat grey stays flat and grey


def test_jitter_by_hand():
    """Brightness, contrast about the mean, saturation about the grey: all by 1.5, on two pixels."""

    class FakeRandom:
        def uniform(self, low, high, size):
            return np.full(size, high)

    image = np.array([[[10, 20, 30], [50, 60, 70]]], np.float32)[None]
    # 15 30 45, 75 90 105; mean 60: -7.5 15 37.5, 82.5 105 127.5; greys 15 and 105: -18.75 15 48.75, 71.25 105 138.75
    expected = [[[0, 15, 48.75], [71.25, 105, 138.75]]]
    np.testing.assert_allclose(augmentation.jitter(image, 0.5, FakeRandom())[0], expected, rtol=1e-5)


def test_erasing_replaces_one_rectangle(images):
    erased, labels = augment(images, erase=0.25)
    np.testing.assert_array_equal(labels, np.eye(100)[:64])
    areas = []
    for before, after in zip(images, erased):
        rows, columns = np.nonzero((before != after).any(axis=2))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert len(rows) > 0.9 * height * width  # the new value may be the old one
        areas.append(height * width / (32 * 32))
    assert 0.01 < min(areas) < 0.06
    assert 0.2 < max(areas) < 0.3


def test_mixup_mixes_images_and_labels_alike():
    levels, images = levels_and_images()
    mixed, labels = augment(images, mixup=0.8)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(mixed.mean((1, 2, 3)), labels[:, :16] @ levels, rtol=1e-3)
    assert np.ptp(mixed, axis=(1, 2, 3)).max() < 1e-3
    assert (labels.max(axis=1) < 0.99).sum() > 4


def test_cutmix_gives_labels_by_the_area_of_what_was_pasted():
    levels, images = levels_and_images()
    mixed, labels = augment(images, cutmix=1.0)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    assert set(np.unique(mixed)) <= set(levels)  # pasted, not mixed
    for image, label in zip(mixed, labels):
        shares = [(image == level).mean() for level in levels]
        np.testing.assert_allclose(shares, label[:16], atol=1e-5)
    assert (labels.max(axis=1) < 0.99).sum() > 4


def test_a_seed_gives_the_same_images(images):
    options = {"crop": 4, "erase": 0.2, "cutmix": 1.0, "rotate": 5.0, "scales": 0.5}
    first = augment(images, seed=5, **options)[0]
    np.testing.assert_array_equal(augment(images, seed=5, **options)[0], first)
    assert (augment(images, seed=6, **options)[0] != first).any()
