import pytest

from app.classification.evaluation import speed
from app.timing.histogram import Histogram


def batches(*seconds):
    histogram = Histogram()
    for value in seconds:
        histogram.add(value)
    return histogram


@pytest.mark.parametrize(
    "images, batch, seconds, mean, p50, rate",
    [
        (6, 2, (0.004, 0.004, 0.01), 3.0, 2.0, 333.3),
        (5, 100, (0.01,), 2.0, 2.0, 500.0),  # fewer than a batch
        (1, 1, (0.01,), 10.0, 10.0, 100.0),
    ],
)
def test_speed(images, batch, seconds, mean, p50, rate):
    fields = speed(images, batch, batches(*seconds))
    assert fields["ms_per_image"]["mean"] == pytest.approx(mean)
    assert fields["ms_per_image"]["p50"] == pytest.approx(p50, rel=0.01)
    assert fields["images_per_s"] == rate


def test_no_images():
    assert speed(0, 4, batches()) == {"ms_per_image": {"mean": None, "p50": None, "p95": None}, "images_per_s": None}
