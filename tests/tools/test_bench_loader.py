import numpy as np
import pytest

from tools.bench_loader.__main__ import KINDS, main, worker_counts
from tools.bench_loader.results import Row, Turn, conclusion, loader_table, waiting

# 100 batches an epoch; a step of 100 ms.
HIDDEN = [Turn(1.0, 0.100, 0.101), Turn(1.2, 0.100, 0.102), Turn(1.1, 0.200, 0.203)]
WAITED = [Turn(10.0, 0.100, 0.150)]
HALF = [Turn(20.0, 0.100, 0.300)]


def test_waiting_is_the_difference_of_steps_within_a_round():
    own = waiting(HIDDEN, 100)
    assert (own.load, own.step, own.train) == pytest.approx((11.0, 100.0, 102.0))
    assert own.wait == pytest.approx(2.0)  # of 1, 2 and 3 ms
    assert own.hidden == pytest.approx(9 / 11)
    assert own.verdict == "no"


def test_verdicts():
    own = waiting(WAITED, 100)  # loads for 100 ms, of which the step hides 50
    assert own.hidden == pytest.approx(0.5)
    assert own.verdict == "for 33% of the time"
    assert waiting(HALF, 100).verdict == "yes, 67% of the time"
    assert waiting(HALF, 100).hidden == pytest.approx(0)
    noise = waiting([Turn(1.0, 0.100, 0.130)], 100)  # loading takes 10 ms: it cannot cost 30
    assert (noise.hidden, noise.wait) == pytest.approx((0.0, 10.0))
    faster = waiting([Turn(1.0, 0.100, 0.090)], 100)  # within what rounds differ by
    assert (faster.hidden, faster.verdict) == (1.0, "no")


def test_table_and_conclusion():
    found = {Row("torch", "DataLoader", 2): HIDDEN, Row("tensorflow", "tf.data", 0): WAITED}
    assert loader_table(found, 100).rows == [
        ["torch: DataLoader", "2", "1.10", "11.0", "100", "102", "82%", "no"],
        ["tensorflow: tf.data", "0", "10.00", "100.0", "100", "150", "50%", "for 33% of the time"],
    ]
    assert conclusion(found, 100).endswith("(tensorflow, tf.data, 0 workers); of 2 rows, the training waits in 1.")
    del found[Row("tensorflow", "tf.data", 0)]
    assert conclusion(found, 100).startswith("Loading a batch takes at most 11% of a step")
    assert conclusion(found, 100).endswith("it is not what one waits for.")


def test_numbers_of_workers_that_make_no_difference_are_left_out():
    counts = {kind: worker_counts(kind, [0, 1, 2]) for kind in KINDS}
    assert counts["tf.data"] == counts["DataLoader"] == [0, 1, 2]
    assert counts["PyDataset, threads"] == [0, 2]
    assert counts["PyDataset, processes"] == [1, 2]


def batches(count=24, size=8):
    pytest.importorskip("keras", "3")
    from tools.bench_loader.loaders import make_batches
    from tools.train.augmentation import padded_crop

    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    labels = np.arange(count) % 5
    augment = lambda images, labels, rng: (padded_crop(images, 2, rng), labels)  # noqa: E731
    return make_batches(images, labels, 5, size, augment)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_tfdata_delivers_the_batches_of_ours(workers):
    pytest.importorskip("tensorflow")
    from tools.bench_loader.loaders import make_loader

    ours = batches()
    loaded = list(make_loader("tf.data", ours, workers, 2))
    assert len(loaded) == 3
    for number, (images, labels) in enumerate(loaded):
        np.testing.assert_array_equal(images, ours[number][0])
        np.testing.assert_array_equal(labels, ours[number][1])


@pytest.mark.slow
def test_native_tfdata_delivers_crops_of_the_same_images():
    pytest.importorskip("tensorflow")
    from tools.bench_loader.loaders import make_loader

    ours = batches()
    ours.images[:] = np.arange(24, dtype=np.uint8)[:, None, None, None]  # however they are cropped
    loaded = list(make_loader("tf.data, native", ours, 2, 2))
    values = np.concatenate([np.asarray(images)[:, 0, 0, 0] for images, _ in loaded])
    labels = np.concatenate([np.asarray(labels).argmax(axis=1) for _, labels in loaded])
    assert {images.shape for images, _ in loaded} == {(8, 8, 8, 3)}
    assert sorted(values) == list(range(24))
    np.testing.assert_array_equal(labels, values.astype(int) % 5)


@pytest.mark.verify
@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_dataloader_delivers_the_batches_of_ours(workers):
    pytest.importorskip("torch")
    from tools.bench_loader.loaders import make_loader

    ours = batches()
    for number, (images, labels) in enumerate(make_loader("DataLoader", ours, workers, 2)):
        np.testing.assert_array_equal(images.numpy(), ours[number][0])
        np.testing.assert_array_equal(labels.numpy(), ours[number][1])
    assert number == 2


def test_pydataset_gets_its_workers():
    from tools.bench_loader.loaders import make_loader

    loader = make_loader("PyDataset, processes", batches(), 2, 2)
    assert (loader.workers, loader.use_multiprocessing) == (2, True)


@pytest.mark.parametrize(
    "args, code",
    [(["--data", "no-such"], 3), (["--model", "resnet"], 2), (["--workers", "-1"], 2), (["--steps", "0"], 2)],
)
def test_bad_input_is_one_line(args, code, capfd):
    assert main(args) == code
    assert capfd.readouterr().err.count("error: ") == 1
