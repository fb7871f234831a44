import argparse
import hashlib

import numpy as np
import pytest

pytest.importorskip("keras", "3")

from support import characters, classifiers  # noqa: E402

from app.errors import UsageError  # noqa: E402
from tools.train.data import load_data  # noqa: E402
from tools.train.options import parse  # noqa: E402


def options(data, *args, model="nano_resnet_s"):
    return argparse.Namespace(
        **vars(parse([model, "--data", data, "--batch", "10", "--no-flip", "--crop", "0", *args]))
    )


@pytest.fixture
def colours(tmp_path):
    return classifiers.write_data(tmp_path / "data", train=100)


def test_validation_is_a_share_that_is_never_trained_on(colours):
    data = load_data(options(colours, "--validation", "0.2"))
    trained, held = data.training.images, data.validation.images
    assert (len(trained), len(held)) == (80, 20)
    known = {image.tobytes() for image in trained}
    assert not any(image.tobytes() in known for image in held)
    assert data.task[:4] == (32, 32, 3, 100)


def test_the_statistics_are_those_of_the_images_that_are_trained_on(colours):
    data = load_data(options(colours, "--validation", "0.2"))
    pixels = data.training.images.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(data.task.mean, pixels.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(data.task.deviation, pixels.std(axis=0), atol=1e-3)


def test_a_limit_is_of_images_before_the_split(colours):
    data = load_data(options(colours, "--validation", "0.1", "--limit", "100"))
    assert len(data.training.images) + len(data.validation.images) == 100


def test_without_a_share_nothing_is_validated_on(colours):
    assert load_data(options(colours, "--validation", "0")).validation is None


def test_a_resumed_run_has_the_same_split_and_goes_on_with_its_epoch(colours):
    first, later = (load_data(options(colours, "--seed", "4"), epoch) for epoch in (0, 3))
    np.testing.assert_array_equal(first.validation.images, later.validation.images)
    assert (first.sha256, later.training.epoch) == (later.sha256, 3)
    other = load_data(options(colours, "--seed", "5"))
    assert (other.validation.images != first.validation.images).any()


def test_the_digest_is_of_labels_and_images(colours):
    data = load_data(options(colours))
    batch = data.source.load("train")
    assert data.sha256 == hashlib.sha256(batch.fine.tobytes() + batch.images.tobytes()).hexdigest()


def test_too_few_images_for_a_batch(colours):
    with pytest.raises(UsageError, match="--batch 95: more than the 90 training images; lower it"):
        load_data(options(colours, "--batch", "95"))


def test_characters_have_a_validation_part_of_their_own(tmp_path):
    path = characters.write_characters(tmp_path / "characters", test=620)
    data = load_data(options(path, model="light2"))
    images, numbers = characters.records(620, seed=1)
    # The 52 classes, without O (24) and the lower-case letters c, i to l, o, p, s, v, w, x, z; by the record's number.
    wanted = [character in data.source.labels for character in characters.ALPHABET]
    kept = np.array([wanted[number] for number in numbers])
    parts = np.arange(620) % 10
    np.testing.assert_array_equal(data.validation.images[..., 0], images[kept & (parts == 1)])
    trained = sorted(image.tobytes() for image in data.training.images[..., 0])
    assert trained == sorted(image.tobytes() for image in images[kept & (parts > 1)])
    assert data.task[:4] == (28, 28, 1, 52)
