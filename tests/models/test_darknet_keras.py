"""The Keras emitter against the table's oracle. TensorFlow takes seconds to load."""

import numpy as np
import pytest
from support.darknet_files import HEAD, NETWORKS, YOLO, conv, network
from support.oracles import run_table

from models.darknet import random_parameters
from models.darknet_keras import emit_keras

pytest.importorskip("tensorflow")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:numpy.ufunc size changed")]
UNLIKE = ("pool 3x3 with stride 2", "strides down and across")  # pads where Keras does not


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in UNLIKE])
def test_keras_computes_the_table(name):
    made = network(*NETWORKS[name], HEAD)
    parameters = list(random_parameters(made.conv_shapes()))
    image = np.random.RandomState(1).uniform(-2, 2, size=(3, 8, 16))
    layers = run_table(made, [each.fold() for each in parameters], image)
    tensor = image.transpose(1, 2, 0)[None].astype(np.float32)
    for batch_norm in (False, True):
        model = emit_keras(made, parameters, batch_norm=batch_norm)
        (head,) = made.heads
        output = np.asarray(model.predict(tensor, verbose=0))
        expected = layers[head.source].transpose(1, 2, 0)
        np.testing.assert_allclose(output[0], expected, rtol=1e-3, atol=1e-3 * expected.std())


def test_batch_norm_can_stay():
    made = network(conv(5, "mish", batch_normalize=1), HEAD)
    parameters = list(random_parameters(made.conv_shapes()))

    def kinds(model):
        return [type(layer).__name__ for layer in model.layers]

    assert "BatchNormalization" not in kinds(emit_keras(made, parameters))
    trained = emit_keras(made, parameters, "mine", batch_norm=True)
    assert trained.name == "mine"
    assert kinds(trained).count("BatchNormalization") == 1
    (normalisation,) = [layer for layer in trained.layers if type(layer).__name__ == "BatchNormalization"]
    assert normalisation.epsilon == 1e-5, "Darknet's"
    assert trained.count_params() == sum(shape.floats() for shape in made.conv_shapes()), "as many as in the file"


def test_a_padding_that_keras_does_not_have():
    made = network(*NETWORKS["pool 3x3 with stride 2"], HEAD)
    with pytest.raises(ValueError, match="pool0: Keras does not pad a pool by"):
        emit_keras(made, random_parameters(made.conv_shapes()))


def test_two_heads():
    made = network(conv(14), YOLO, "[route]\nlayers=0\n[maxpool]\nstride=2\n", HEAD)
    model = emit_keras(made, random_parameters(made.conv_shapes()))
    outputs = model.predict(np.zeros((1, 4, 4, 3), np.float32), verbose=0)
    assert [output.shape for output in outputs] == [(1, 4, 4, 14), (1, 2, 2, 14)]
