import struct
import warnings

import numpy as np
import pytest
from support.oracles import convolve

from models.darknet import ConvShape, WeightsError, random_parameters, read_parameters, read_weights

SHAPES = (ConvShape(4, 3, 3, True), ConvShape(2, 4, 1, True), ConvShape(5, 2, 1, False))
FLOATS = (4 * 4 + 4 * 27) + (2 * 4 + 2 * 4) + (5 + 5 * 2)


def header(major=0, minor=2, seen="<q"):
    return struct.pack("<3i", major, minor, 0) + struct.pack(seen, 12345)


def floats_of(path, values, head=None):
    path.write_bytes((header() if head is None else head) + np.asarray(values, "<f4").tobytes())
    return str(path)


def counted(count):
    """Floats that are all different, and positive so that they can be variances."""
    return np.arange(1, count + 1) / 10


@pytest.mark.parametrize("shape, floats", list(zip(SHAPES, (124, 16, 15))), ids=str)
def test_floats(shape, floats):
    assert shape.floats() == floats


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(header(0, 1, "<i"), id="0.1: 32 bits"),
        pytest.param(header(0, 2, "<q"), id="0.2: 64 bits"),
        pytest.param(header(1, 0, "<q"), id="1.0: 64 bits"),
    ],
)
def test_the_counter_of_images_has_two_widths(tmp_path, head):
    (convolution,) = read_weights(floats_of(tmp_path / "w", counted(15), head), SHAPES[2:])
    assert convolution.bias.tolist() == pytest.approx(counted(15)[:5].tolist())
    assert convolution.kernel.ravel().tolist() == pytest.approx(counted(15)[5:].tolist())
    assert convolution.kernel.shape == (5, 2, 1, 1)


def test_convolutions_follow_each_other(tmp_path):
    convolutions = read_weights(floats_of(tmp_path / "w", counted(FLOATS)), SHAPES)
    assert [convolution.kernel.shape for convolution in convolutions] == [(4, 3, 3, 3), (2, 4, 1, 1), (5, 2, 1, 1)]
    assert [convolution.bias.shape for convolution in convolutions] == [(4,), (2,), (5,)]
    assert all(part.dtype == np.float32 for convolution in convolutions for part in convolution)
    assert convolutions[2].bias[0] == pytest.approx(14.1)


def test_folding_is_batch_normalisation_after_the_convolution(tmp_path):
    random = np.random.RandomState(0)
    beta, gamma, mean = random.normal(size=(3, 4)).astype(np.float32)
    variance = np.array([1e-6, 1e-4, 0.5, 20], np.float32)  # with an epsilon of 1e-3 the first would be far off
    kernel = random.normal(size=(4, 3, 3, 3)).astype(np.float32)
    values = np.concatenate([beta, gamma, mean, variance, kernel.ravel()])
    (folded,) = read_weights(floats_of(tmp_path / "w", values), SHAPES[:1])

    image = random.normal(size=(3, 5, 6))
    linear = convolve(image, kernel.astype(np.float64), np.zeros(4))
    per_filter = [vector.astype(np.float64)[:, None, None] for vector in (beta, gamma, mean, variance)]
    expected = per_filter[1] * (linear - per_filter[2]) / np.sqrt(per_filter[3] + 1e-5) + per_filter[0]

    result = convolve(image, folded.kernel.astype(np.float64), folded.bias)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(header(), id="a header only"),
        pytest.param(header() + bytes(4 * FLOATS - 4), id="a float too few"),
        pytest.param(header() + bytes(4 * FLOATS + 1), id="a byte too many"),
        pytest.param(header(0, 1, "<q") + bytes(4 * FLOATS), id="the counter of another version"),
        pytest.param(b"<!DOCTYPE html><html>Not found</html>", id="a web page"),
    ],
)
def test_wrong_length(tmp_path, data):
    path = tmp_path / "small.weights"
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a version number made of text overflows when it is reckoned with
        with pytest.raises(WeightsError, match="small.weights"):
            read_weights(str(path), SHAPES)


@pytest.mark.parametrize(
    "place, value, phrase",
    [
        pytest.param(0, np.nan, "not finite", id="not a number"),
        pytest.param(FLOATS - 1, np.inf, "not finite", id="infinite, the last of all"),
        pytest.param(12, -1e-3, "negative variances", id="a variance of the first convolution"),
    ],
)
def test_numbers_that_cannot_be_weights(tmp_path, place, value, phrase):
    values = counted(FLOATS)
    values[place] = value
    with pytest.raises(WeightsError, match=phrase):
        read_weights(floats_of(tmp_path / "small.weights", values), SHAPES)


def test_parameters_as_the_file_has_them(tmp_path):
    first, _, last = read_parameters(floats_of(tmp_path / "w", counted(FLOATS)), SHAPES)
    assert [vector[0] for vector in first[1:]] == pytest.approx([0.1, 0.5, 0.9, 1.3]), "beta, gamma, mean, variance"
    assert first.kernel[0, 0, 0, 0] == pytest.approx(1.7)
    assert last[2:] == (None, None, None)


def test_a_huge_network_is_refused_before_anything_is_allocated(tmp_path):
    shapes = [ConvShape(10**7, 10**7, 3, True)]
    with pytest.raises(WeightsError, match="this network needs 3,600,000,160,000,000 "):
        read_weights(floats_of(tmp_path / "w", counted(9)), shapes)


def test_random_parameters():
    one, other = list(random_parameters(SHAPES)), list(random_parameters(SHAPES))
    assert [each.kernel.shape for each in one] == [(4, 3, 3, 3), (2, 4, 1, 1), (5, 2, 1, 1)]
    assert [each.variance is None for each in one] == [False, False, True]
    assert all(part.dtype == np.float32 for each in one for part in each if part is not None)
    for each, same in zip(one, other):
        np.testing.assert_array_equal(each.fold().kernel, same.fold().kernel)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_weights(str(tmp_path / "absent"), SHAPES)
