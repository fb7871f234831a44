import numpy as np
import pytest

keras = pytest.importorskip("keras", "3")

from models.cifar import NETWORKS  # noqa: E402
from models.regularisers import (  # noqa: E402
    DropConnectDense,
    FractionalMaxPooling2D,
    dropped_branch,
    fixed_starts,
    linear_decay,
)
from models.task import CIFAR100  # noqa: E402


def run(layer, inputs, training=True):
    return keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(inputs), training=training))


def draws(monkeypatch, *values):
    """Keras' next uniform draws."""
    monkeypatch.setattr(keras.random, "uniform", lambda shape, seed: keras.ops.convert_to_tensor(values, "float32"))


class TestDropConnect:
    kernel = np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    bias = np.array([10, 20], np.float32)

    def layer(self, rate, **options):
        layer = DropConnectDense(2, rate, seed=1, **options)
        layer.build((None, 3))
        layer.kernel.assign(self.kernel)
        if layer.use_bias:
            layer.bias.assign(self.bias)
        return layer

    def test_in_training_each_weight_is_dropped_or_doubled_at_a_rate_of_a_half(self):
        masked = run(self.layer(0.5), np.eye(3, dtype=np.float32)) - self.bias  # shows the kernel itself
        assert set((masked / self.kernel).ravel().tolist()) == {0, 2}

    def test_one_mask_for_the_batch_and_another_for_the_next(self):
        layer = self.layer(0.5)
        images = np.ones((4, 3), np.float32)
        batches = [run(layer, images) for _ in range(8)]
        assert all((batch == batch[0]).all() for batch in batches)
        assert len({tuple(batch[0]) for batch in batches}) > 1

    def test_the_mean_over_many_masks_is_the_plain_layer(self):
        layer = DropConnectDense(2000, 0.25, seed=1, kernel_initializer="ones", use_bias=False)
        outputs = run(layer, np.ones((1, 8), np.float32))
        # Each of the 16,000 weights is 4/3 with 3/4, else 0: its deviation is sqrt(1/3), so a sum of 8 has 1.63.
        assert outputs.mean() == pytest.approx(8, abs=4 * 1.63 / 2000**0.5)
        np.testing.assert_allclose(np.unique(np.round(outputs * 0.75)), np.unique(outputs * 0.75), atol=1e-4)

    def test_inference_is_the_plain_layer(self):
        outputs = run(self.layer(0.5), np.array([[1, 1, 1]], np.float32), training=False)
        assert outputs.tolist() == [[1 + 3 + 5 + 10, 2 + 4 + 6 + 20]]

    def test_the_bias_is_never_dropped_and_the_activation_follows(self):
        images = np.zeros((1, 3), np.float32)
        assert run(self.layer(0.5), images).tolist() == [[10, 20]]
        assert run(self.layer(0.5, activation=lambda x: -x), images).tolist() == [[-10, -20]]

    @pytest.mark.parametrize("rate", [-0.1, 1])
    def test_impossible_rates_are_refused(self, rate):
        with pytest.raises(ValueError, match="rate should be"):
            DropConnectDense(2, rate)


class TestStochasticDepth:
    def test_whole_images_are_dropped_and_the_others_divided_by_what_is_kept(self):
        outputs = run(dropped_branch(0.2), np.full((200, 2, 3, 4), 8, np.float32))
        kinds = [np.unique(image).tolist() for image in outputs]
        assert {len(kind) for kind in kinds} == {1}
        assert sorted({kind[0] for kind in kinds}) == [0, 10]  # 8 / (1 - 0.2)
        # 40 of 200 are expected, with a deviation of sqrt(200 * 0.2 * 0.8) = 5.7.
        assert 17 < kinds.count([0]) < 63

    def test_inference_changes_nothing(self):
        images = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
        np.testing.assert_array_equal(run(dropped_branch(0.9), images, training=False), images)

    def test_the_last_block_has_the_full_rate(self):
        assert linear_decay(0.4, 4) == pytest.approx([0.1, 0.2, 0.3, 0.4])


class TestFractionalMaxPooling:
    # 6 rows to 4: steps of (6 - 2) / (4 - 1) = 4/3. With u = 1/2: floor(0.67, 2, 3.33, 4.67) - 0 = 0, 2, 3, 4.
    images = np.arange(36, dtype=np.float32).reshape(1, 6, 6, 1)  # a pixel is 6 row + column

    def test_fixed_windows_at_inference(self):
        layer = FractionalMaxPooling2D(1.5)
        outputs = run(layer, self.images, training=False)[0, :, :, 0]
        assert layer.starts() == ([0, 2, 3, 4], [0, 2, 3, 4])
        last = [1, 3, 4, 5]  # of each window's two rows, and two columns
        assert outputs.tolist() == [[6 * row + column for column in last] for row in last]

    def test_a_windows_maximum_may_be_any_of_its_four_pixels(self):
        for row, column in ((2, 2), (2, 3), (3, 2), (3, 3)):
            image = np.zeros((1, 6, 6, 1), np.float32)
            image[0, row, column] = 7
            # The second window is rows and columns 2 to 3, and the third 3 to 4.
            pooled = run(FractionalMaxPooling2D(1.5), image, training=False)[0, :, :, 0]
            assert np.argwhere(pooled == 7)[0].tolist() == [1, 1]

    @pytest.mark.parametrize(
        "draw, starts",
        [
            (0.0, [0, 1, 2, 4]),  # floor(0, 1.33, 2.67, 4)
            (0.3, [0, 1, 3, 4]),  # floor(0.4, 1.73, 3.07, 4.4)
            (0.8, [0, 1, 2, 4]),  # floor(1.07, 2.4, 3.73, 5.07) - 1
        ],
    )
    def test_windows_of_a_draw_in_training(self, monkeypatch, draw, starts):
        draws(monkeypatch, draw, 0.5)
        outputs = run(FractionalMaxPooling2D(1.5), self.images)[0, :, :, 0]
        expected = [[6 * (row + 1) + column + 1 for column in (0, 2, 3, 4)] for row in starts]
        assert outputs.tolist() == expected

    def test_rows_and_columns_are_drawn_anew_for_every_batch_and_shared_by_its_images(self):
        layer = FractionalMaxPooling2D(1.5, seed=3)
        batches = [run(layer, np.repeat(self.images, 2, axis=0))[..., 0] for _ in range(20)]
        assert all((batch[0] == batch[1]).all() for batch in batches)
        assert len({batch[0, :, 0].tobytes() for batch in batches}) > 1
        # A pixel is 6 row + column; the first window ends in row 1 and column 1.
        rows = [(batch[0, :, 0] - 1) / 6 for batch in batches]
        columns = [batch[0, 0] - 6 for batch in batches]
        assert any((row != column).any() for row, column in zip(rows, columns))

    @pytest.mark.parametrize("length", [3, 5, 8, 22, 32, 33])
    @pytest.mark.parametrize("ratio", [1.1, 2**0.5, 1.6, 1.9])
    def test_windows_leave_no_row_out(self, length, ratio):
        starts = fixed_starts(length, ratio)
        assert (starts[0], starts[-1]) == (0, length - 2)
        assert set(np.diff(starts)) <= {1, 2}
        assert len(starts) == max(int(length / ratio), (length + 1) // 2)

    @pytest.mark.verify
    @pytest.mark.parametrize("length, ratio", [(32, 1.6), (20, 1.6), (33, 2**0.5), (9, 1.2)])
    @pytest.mark.parametrize("rows, columns", [(0.0, 0.99), (0.31, 0.62), (0.5, 0.5)])
    def test_as_torchs(self, monkeypatch, length, ratio, rows, columns):
        torch = pytest.importorskip("torch")
        draws(monkeypatch, rows, columns)
        images = np.random.default_rng(0).normal(size=(1, length, length, 1)).astype(np.float32)
        actual = run(FractionalMaxPooling2D(ratio), images)[0, :, :, 0]
        samples = torch.tensor([[[columns, rows]]], dtype=torch.float32)  # the width comes first
        pool = torch.nn.FractionalMaxPool2d(2, output_size=actual.shape, _random_samples=samples)
        expected = pool(torch.from_numpy(images.transpose(0, 3, 1, 2)))[0, 0].numpy()
        np.testing.assert_array_equal(actual, expected)

    def test_impossible_ratios_and_sizes_are_refused(self):
        for ratio in (1, 2):
            with pytest.raises(ValueError, match="between 1 and 2"):
                FractionalMaxPooling2D(ratio)
        with pytest.raises(ValueError, match="at least 3"):
            FractionalMaxPooling2D().build((None, None, None, 3))
        with pytest.raises(ValueError, match="at least 3"):
            FractionalMaxPooling2D().build((None, 2, 8, 3))


class TestInNanoResnet:
    def test_drop_connect_is_in_the_last_layer(self):
        model = NETWORKS["nano_resnet_s"](drop_connect=0.3)
        last = model.layers[-1]
        assert (type(last), last.rate, last.name) == (DropConnectDense, 0.3, "logits")
        assert model.count_params() == NETWORKS["nano_resnet_s"]().count_params()

    @pytest.mark.parametrize(
        "name, rates", [("nano_resnet_s", [0.1, 0.2, 0.3]), ("nano_resnet", [0.05, 0.1, 0.15, 0.2, 0.25, 0.3])]
    )
    def test_stochastic_depth_is_on_every_residual_branch(self, name, rates):
        model = NETWORKS[name](stochastic_depth=0.3)
        drops = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
        assert [layer.rate for layer in drops] == pytest.approx(rates)
        for layer in drops:
            (node,) = layer._outbound_nodes
            assert isinstance(node.operation, keras.layers.Add)

    def test_fractional_pooling_takes_the_place_of_the_strides(self):
        model = NETWORKS["nano_resnet_s"](fractional_pooling=True)
        pools = [layer for layer in model.layers if isinstance(layer, FractionalMaxPooling2D)]
        assert [layer.output.shape[1:3] for layer in pools] == [(20, 20), (12, 12), (7, 7)]
        assert {layer.strides for layer in model.layers if isinstance(layer, keras.layers.Conv2D)} == {(1, 1)}
        assert model.count_params() == NETWORKS["nano_resnet_s"]().count_params()

    @pytest.mark.slow
    def test_all_together_learn(self):
        keras.utils.set_random_seed(0)
        options = {"drop_connect": 0.1, "stochastic_depth": 0.1, "fractional_pooling": True}
        small = CIFAR100._replace(height=16, width=16, classes=4)
        model = NETWORKS["nano_resnet_s"](small, dropout=0.1, **options)
        model.compile(
            keras.optimizers.Adam(0.003),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=False,
        )
        rng = np.random.default_rng(0)
        images, labels = rng.uniform(0, 255, (8, 16, 16, 3)), np.arange(8) % 4
        losses = model.fit(images, labels, batch_size=8, epochs=10, verbose=0).history["loss"]
        assert np.mean(losses[-3:]) < 0.6 * losses[0]
