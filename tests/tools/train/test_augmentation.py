import argparse

import numpy as np
import pytest

pytest.importorskip("keras", "3")

from tools.train.augmentation import make_augmentation  # noqa: E402

NONE = {"flip": False, "crop": 0, "jitter": 0.0, "erase": 0.0, "mixup": 0.0, "cutmix": 0.0}


def augment(images, labels=None, seed=0, **options):
    labels = np.eye(100, dtype=np.float32)[: len(images)] if labels is None else labels
    images, labels = make_augmentation(argparse.Namespace(**{**NONE, **options}), seed)(images, labels)
    return np.asarray(images), np.asarray(labels)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3)).astype(np.float32)


def test_nothing_is_changed_by_default(images):
    same, labels = augment(images)
    np.testing.assert_array_equal(same, images)
    np.testing.assert_array_equal(labels, np.eye(100)[:64])


def test_flip_mirrors_about_half_of_the_images(images):
    flipped, _ = augment(images, flip=True)
    mirrored = [np.array_equal(after, before[:, ::-1]) for before, after in zip(images, flipped)]
    kept = [np.array_equal(after, before) for before, after in zip(images, flipped)]
    assert all(a != b for a, b in zip(mirrored, kept))
    assert 16 < sum(mirrored) < 48


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


def test_jitter_changes_colours_and_stays_in_range(images):
    jittered, _ = augment(images / 2 + 64, jitter=0.3)
    assert jittered.min() >= 0
    assert jittered.max() <= 255
    means = jittered.mean((1, 2, 3))
    assert means.std() > 5  # image by image
    grey = augment(np.full((8, 32, 32, 3), 128, np.float32), jitter=0.3)[0]
    assert np.ptp(grey, axis=(1, 2, 3)).max() < 1  # a flat grey stays flat and grey


def test_erasing_replaces_one_rectangle(images):
    erased, labels = augment(images, erase=0.25)
    np.testing.assert_array_equal(labels, np.eye(100)[:64])
    touched = 0
    for before, after in zip(images, erased):
        rows, columns = np.nonzero((before != after).any(axis=2))
        if len(rows):
            touched += 1
            height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
            assert len(rows) > 0.9 * height * width  # the new value may be the old one
            assert height * width <= 0.3 * 32 * 32
    assert touched > 16


def test_mixup_mixes_images_and_labels_alike():
    levels = np.linspace(10, 250, 16, dtype=np.float32)
    images = np.ones((16, 32, 32, 3), np.float32) * levels.reshape(-1, 1, 1, 1)
    mixed, labels = augment(images, mixup=0.8)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(mixed.mean((1, 2, 3)), labels[:, :16] @ levels, rtol=1e-3)
    assert np.ptp(mixed, axis=(1, 2, 3)).max() < 1e-3
    assert (labels.max(axis=1) < 0.99).sum() > 4


def test_cutmix_gives_labels_by_the_area_of_what_was_pasted():
    levels = np.linspace(10, 250, 16, dtype=np.float32)
    images = np.ones((16, 32, 32, 3), np.float32) * levels.reshape(-1, 1, 1, 1)
    mixed, labels = augment(images, cutmix=1.0)
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-5)
    assert set(np.unique(mixed)) <= set(levels)  # pasted, not mixed
    for image, label in zip(mixed, labels):
        shares = [(image == level).mean() for level in levels]
        np.testing.assert_allclose(shares, label[:16], atol=0.1)  # the label is by a share before rounding to pixels
    assert (labels.max(axis=1) < 0.99).sum() > 4


def test_a_seed_gives_the_same_images(images):
    options = {"flip": True, "crop": 4, "erase": 0.2, "cutmix": 1.0}
    first = augment(images, seed=5, **options)[0]
    np.testing.assert_array_equal(augment(images, seed=5, **options)[0], first)
    assert (augment(images, seed=6, **options)[0] != first).any()
