import numpy as np
import pytest
from support.darknet_files import HEAD, NETWORKS, YOLO, conv, network

from models.darknet import random_parameters
from models.darknet_table import Conv
from models.darknet_transfer import PRIOR, shared_layers, transferred, with_classes
from models.yolov3_tiny import NETWORK

TWO_HEADS = network(conv(14), "[maxpool]\nstride=2\n", HEAD, "[route]\nlayers=0\n", conv(14, size=3, pad=1), YOLO)


def last_layers(table):
    return {head.source: layer for head in table.heads for layer in table.layers if layer.name == head.source}


def test_heads_for_other_classes():
    new = with_classes(NETWORK, 3)
    assert new.classes == 3
    assert [layer.filters for layer in last_layers(new).values()] == [3 * 8, 3 * 8]
    others = [(one, other) for one, other in zip(NETWORK.layers, new.layers) if one != other]
    assert len(others) == 2, "all other layers are the same"
    fitted = with_classes(NETWORK, 1, [((1, 2), (3, 4), (5, 6)), ((7, 8), (9, 10), (11, 12))])
    assert fitted.heads[1].anchors == ((7, 8), (9, 10), (11, 12))


def test_all_but_objectness_and_classes_is_kept():
    old, new = TWO_HEADS, with_classes(TWO_HEADS, 5)
    before = list(random_parameters(old.conv_shapes()))
    after = list(transferred(old, iter(before), new))
    names = [layer.name for layer in old.layers if isinstance(layer, Conv)]
    assert [each.kernel.shape for each in after] == [
        (shape.filters, shape.channels, shape.size, shape.size) for shape in new.conv_shapes()
    ]
    heads = {head.source for head in new.heads}
    for name, one, other in zip(names, before, after):
        if name in heads:
            kept = one.kernel.reshape(2, 7, *one.kernel.shape[1:])[:, :4]
            np.testing.assert_array_equal(other.kernel.reshape(2, 10, *one.kernel.shape[1:])[:, :4], kept)
            bias = other.beta.reshape(2, 10)
            np.testing.assert_array_equal(bias[:, :4], one.beta.reshape(2, 7)[:, :4])
            assert 1 / (1 + np.exp(-bias[:, 4])) == pytest.approx(PRIOR)
            assert 1 / (1 + np.exp(-bias[:, 5:])) == pytest.approx(1 / 5)
        else:
            assert other is one


def test_with_other_anchors_what_was_known_of_boxes_is_forgotten():
    new = with_classes(NETWORK, 1, [((1, 2), (3, 4), (5, 6)), NETWORK.heads[1].anchors])
    before = list(random_parameters(NETWORK.conv_shapes()))
    after = dict(zip((layer.name for layer in NETWORK.layers if isinstance(layer, Conv)),
                     zip(before, transferred(NETWORK, iter(before), new))))  # fmt: skip
    (old_coarse, coarse), (old_fine, fine) = (after[head.source] for head in new.heads)
    assert abs(coarse.kernel).max() < 0.1
    np.testing.assert_array_equal(fine.kernel[:4], old_fine.kernel[:4])
    assert abs(old_coarse.kernel).max() > 0.1


def test_the_backbone_is_what_all_heads_depend_on():
    shared = shared_layers(NETWORK)
    names = [layer.name for layer in NETWORK.layers]
    # Up to the 1x1 convolution with 256 filters, where the heads part: 8 convolutions of 13.
    convolutions = [layer for layer in NETWORK.layers if isinstance(layer, Conv) and layer.name in shared]
    assert len(convolutions) == 8
    assert convolutions[-1].filters == 256
    assert names[: len(shared)] == [name for name in names if name in shared], "they come first"


def test_a_head_that_is_no_plain_convolution():
    with pytest.raises(ValueError, match="no plain convolution"):
        with_classes(network(conv(14, batch_normalize=1), YOLO), 3)
    with pytest.raises(ValueError, match="uses what a head returns"):
        with_classes(network(conv(14), YOLO, "[route]\nlayers=0\n", conv(14), YOLO), 3)


UNLIKE = ("pool 3x3 with stride 2", "strides down and across")  # pads where Keras does not


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in UNLIKE])
def test_convolutions_come_back_from_keras_as_they_went_in(name):
    pytest.importorskip("tensorflow")
    from models.darknet_keras import convolutions, emit_keras

    made = network(*NETWORKS[name], HEAD)
    folded = [each.fold() for each in random_parameters(made.conv_shapes())]
    back = list(convolutions(made, emit_keras(made, random_parameters(made.conv_shapes()))))
    needed = made.needed()
    layers = [layer for layer in made.layers if isinstance(layer, Conv)]
    assert len(back) == len(folded)
    for layer, one, other in zip(layers, folded, back):
        if layer.name in needed:
            np.testing.assert_allclose(other.kernel, one.kernel, rtol=1e-6)
            np.testing.assert_allclose(other.bias, one.bias, rtol=1e-5, atol=1e-6)
        else:
            assert other is None
