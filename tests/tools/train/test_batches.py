import numpy as np
import pytest

pytest.importorskip("keras", "3")

from tools.train.batches import Batches  # noqa: E402

COUNT = 25


def same(images, labels, rng):
    return images, labels


def numbered():
    """Images whose first row has 10 times their number on the left, and 200 on the right."""
    images = np.zeros((COUNT, 8, 8, 3), np.uint8)
    images[:, 0, 0] = 10 * np.arange(COUNT)[:, None]
    images[:, 0, 7] = 255
    return images, np.arange(COUNT) % 5


def batches(augment=same, **options):
    images, labels = numbered()
    return Batches(images, labels, 5, 10, augment, **options)


def numbers(data):
    """Of the images in an epoch, in their order, whether mirrored or not."""
    pixels = np.concatenate([data[number][0] for number in range(len(data))])
    return (np.minimum(pixels[:, 0, 0, 0], pixels[:, 0, 7, 0]) / 10).astype(int).tolist()


def test_training_leaves_the_incomplete_batch_out_and_is_shuffled_in_every_epoch():
    data = batches()
    assert len(data) == 2
    first = numbers(data)
    data.on_epoch_end()
    second = numbers(data)
    assert len(set(first)) == len(set(second)) == 20
    assert first != second
    assert first != sorted(first)


def test_labels_belong_to_their_images():
    data = batches()
    labels = np.concatenate([data[number][1] for number in range(2)])
    assert labels.shape == (20, 5)
    assert labels.argmax(axis=1).tolist() == [number % 5 for number in numbers(data)]
    assert (labels.sum(axis=1) == 1).all()


def test_validation_is_complete_and_in_order():
    data = batches(augment=None)
    assert len(data) == 3
    assert numbers(data) == list(range(COUNT))


def test_every_image_is_mirrored_in_every_second_epoch():
    data = batches(flip=True)
    seen = {}
    for _ in range(4):
        for batch in range(2):
            for image in data[batch][0]:
                mirrored = bool(image[0, 0, 0] == 255)
                number = int(min(image[0, 0, 0], image[0, 7, 0]) / 10)
                seen.setdefault(number, []).append((data.epoch, mirrored))
        data.on_epoch_end()
    for times in seen.values():
        (epoch, mirrored), *others = times
        assert all((later - epoch) % 2 == (was != mirrored) for later, was in others)
    assert {times[0] for times in seen.values()} >= {(0, True), (0, False)}


def test_a_resumed_run_goes_on_with_the_next_order():
    data = batches(seed=3, flip=True)
    data.on_epoch_end()
    resumed = batches(seed=3, flip=True, epoch=1)
    for number in range(2):
        np.testing.assert_array_equal(data[number][0], resumed[number][0])
    assert numbers(batches(seed=4)) != numbers(batches(seed=3))


def test_augmentation_depends_on_seed_epoch_and_batch_alone():
    def noise(images, labels, rng):
        return images + rng.uniform(0, 1, images.shape), labels

    data = batches(noise, seed=1)
    first, other = data[0][0], data[1][0]
    np.testing.assert_array_equal(data[0][0], first)
    assert (first - np.floor(first) != other - np.floor(other)).any()
    assert first.dtype == np.float32


def test_small_pictures_are_means_of_areas():
    data = batches()
    large = data[0][0]
    data.size = 4
    small = data[0][0]
    assert small.shape == (10, 4, 4, 3)
    np.testing.assert_allclose(small, large.reshape(10, 4, 2, 4, 2, 3).mean(axis=(2, 4)), rtol=1e-5)
