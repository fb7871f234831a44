import os
import re

import pytest
from support.darknet_files import NET, YOLO, conv, network

from models.darknet import ConvShape
from models.darknet_cfg import read_cfg
from models.darknet_sections import CfgError
from models.darknet_table import Add, AveragePool, Concat, Conv, MaxPool, Multiply, Slice, SpaceToDepth, Upsample

HEAD = conv() + YOLO


def first(*sections, **options):
    """The first layer of a network that ends in a head."""
    return network(*sections, HEAD, **options).layers[0]


def test_defaults_are_darknets():
    assert first("[convolutional]\n") == Conv("conv0", ("images",), 3, 1, 1, (1, 1), 0, 1, 1, False)
    assert network("[convolutional]\n", HEAD).layers[1].function == "logistic"
    assert first("[maxpool]\nstride=2\n") == MaxPool("pool0", ("images",), 2, (2, 2), 1)
    upsampled = network("[maxpool]\nstride=4\n[upsample]\n", HEAD)
    assert upsampled.layers[1] == Upsample("upsample1", ("pool0",), 2)
    assert upsampled.heads[0].stride == 2


@pytest.mark.parametrize(
    "options, size, stride, padding, dilation",
    [
        pytest.param({"size": 3, "pad": 1}, 3, (1, 1), 1, 1, id="pad is half the size"),
        pytest.param({"size": 5, "pad": 1, "stride": 2}, 5, (2, 2), 2, 1, id="5x5"),
        pytest.param({"size": 3, "padding": 1, "pad": 0}, 3, (1, 1), 1, 1, id="padding"),
        pytest.param({"size": 3, "padding": 7, "pad": 1}, 3, (1, 1), 1, 1, id="pad comes before padding"),
        pytest.param({"size": 1, "pad": 1, "dilation": 3}, 1, (1, 1), 0, 1, id="dilation of 1x1"),
        pytest.param({"size": 3, "pad": 1, "dilation": 2}, 3, (1, 1), 2, 2, id="dilation pads as much more"),
    ],
)
def test_convolutions(options, size, stride, padding, dilation):
    made = first(conv(8, "linear", **options))
    assert (made.size, made.stride, made.padding, made.dilation) == (size, stride, padding, dilation)


@pytest.mark.parametrize(
    "options, stride",
    [
        pytest.param("stride=4\n", (4, 4), id="stride"),
        pytest.param("stride_x=2\nstride=4\n", (4, 2), id="across"),
        pytest.param("stride_y=2\nstride=4\n", (2, 4), id="down"),
        pytest.param("stride_y=2\nstride_x=4\nstride=0\n", (2, 4), id="both"),
        pytest.param("stride_y=0\nstride=4\n", (4, 4), id="0 is none"),
    ],
)
@pytest.mark.parametrize("window", ["[convolutional]\nsize=5\npad=1\n", "[maxpool]\nsize=4\n"], ids=["conv", "pool"])
def test_strides_down_and_across(window, options, stride):
    other = "[maxpool]\nsize=4\nstride_y={1}\nstride_x={0}\n".format(*stride)
    made = network(window + options, other, HEAD)
    assert made.layers[0].stride == stride
    assert made.heads[0].stride == stride[0] * stride[1]


def test_groups_and_batch_norm_decide_what_the_file_holds():
    made = network(conv(8, "linear", batch_normalize=1), conv(12, "linear", groups=4, size=3, pad=1, cbn=1), HEAD)
    assert made.conv_shapes() == [ConvShape(8, 3, 1, True), ConvShape(12, 2, 3, True), ConvShape(14, 12, 1, False)]


def test_routes():
    made = network(
        conv(8), conv(4), "[route]\nlayers=-1,0\n", "[route]\nlayers = -1\n[dropout]\n",
        "[route]\nlayers=2,1\ngroups=2\ngroup_id=1\n", HEAD,
    )  # fmt: skip
    routes = [layer for layer in made.layers if isinstance(layer, (Concat, Slice))]
    assert routes == [
        Concat("concat2", ("conv1", "conv0")),
        Slice("group0_5", ("concat2",), 6, 12),
        Slice("group1_5", ("conv1",), 2, 4),
        Concat("concat5", ("group0_5", "group1_5")),
    ]
    assert made.layers[-1].channels == 8


@pytest.mark.parametrize(
    "before, after, layers",
    [
        pytest.param(4, 4, [Add("add0_2", ("conv1", "conv0"))], id="equal"),
        pytest.param(
            8,
            4,
            [Slice("from0_2", ("conv0",), 0, 4), Add("add0_2", ("conv1", "from0_2"))],
            id="of the wider, the first",
        ),
        pytest.param(
            4,
            8,
            [
                Slice("first0_2", ("conv1",), 0, 4),
                Add("add0_2", ("first0_2", "conv0")),
                Slice("rest0_2", ("conv1",), 4, 8),
                Concat("sum0_2", ("add0_2", "rest0_2")),
            ],
            id="of the narrower, to the first",
        ),
    ],
)
def test_shortcuts(before, after, layers):
    made = network(conv(before), conv(after), "[shortcut]\nfrom=-2\nactivation=leaky\n", HEAD)
    assert list(made.layers[2:-2]) == layers
    assert made.layers[-2].function == "leaky"
    assert made.layers[-1].channels == after, "the layer before keeps its channels"


def test_shortcut_from_several():
    made = network(conv(4), conv(4), conv(4), "[shortcut]\nfrom=-2,0\n", HEAD)
    assert list(made.layers[3:-1]) == [Add("add0_3", ("conv2", "conv1")), Add("add1_3", ("add0_3", "conv0"))]


def test_attention():
    made = network(conv(4), "[avgpool]\n", conv(4, "logistic"), "[scale_channels]\nfrom=-3\n", "[sam]\nfrom=0\n", HEAD)
    assert made.layers[1] == AveragePool("average1", ("conv0",))
    assert [layer for layer in made.layers if isinstance(layer, Multiply)] == [
        Multiply("multiply3", ("conv0", "logistic2")),
        Multiply("multiply4", ("conv0", "multiply3")),
    ]
    assert made.heads[0].stride == 1


def test_reorg3d():
    made = network(conv(4), "[reorg3d]\nstride=2\n", HEAD)
    assert made.layers[1] == SpaceToDepth("reorg1", ("conv0",), 2)
    assert (made.layers[2].channels, made.heads[0].stride) == (16, 2)


def test_heads():
    pool = "[maxpool]\nstride=8\nsize=8\n"
    other = YOLO.replace("mask=0,1", "mask=2,0#,7") + "scale_x_y = 1.05\n"
    made = network(pool, HEAD, "[route]\nlayers=0\n[upsample]\nstride=4\n", conv(), other, net=NET + "letter_box=1\n")
    assert [tuple(head)[2:] for head in made.heads] == [
        (8, ((10, 14), (23, 27)), 1, False),
        (2, ((37, 58), (10, 14)), 1.05, False),
    ]
    assert [head.source for head in made.heads] == ["conv1", "conv5"]
    assert (made.classes, made.width, made.height, made.multiple, made.letter_box) == (2, 64, 64, 8, True)
    assert not network(pool, HEAD).letter_box


def test_new_coords_are_logits_again():
    """The logistic function is left to the decoder, and what does not lead to a head is not needed."""
    made = network(conv(14, "logistic"), YOLO + "new_coords=1\nscale_x_y=2.0\n")
    assert (made.heads[0].source, made.heads[0].scale_x_y, made.heads[0].squared) == ("conv0", 2, True)
    assert made.needed() == {"images", "conv0"}


def test_synonyms():
    made = network("[conv]\n[max]\nstride=2\n[avg]\n[route]\nlayers=1\n", HEAD, net=NET.replace("net", "network"))
    assert made.heads[0].stride == 2


def test_masks_are_counted_from_the_anchors_and_not_from_num():
    assert len(network(conv(7), YOLO.replace("mask=0,1", "mask=2") + "num=1\n").heads[0].anchors) == 1


def test_without_masks_all_anchors_count():
    assert len(network(conv(21), YOLO.replace("mask=0,1", "num=3")).heads[0].anchors) == 3


REFUSED = {
    "line 5, [crnn]: recurrent layers": ["[crnn]\n"],
    "line 5, [region]: the head of YOLOv2": ["[region]\n"],
    "line 5, [magic]: this kind of layer is not supported": ["[magic]\n"],
    "line 5, [yolo#head]: this kind": ["[yolo] #head\n"],
    "line 5, [convolutional]: share_index=0 is not supported": [conv(share_index=0)],
    "line 5, [convolutional]: xnor=1 is not supported": [conv(xnor=1)],
    "activation=Leaky is not supported; these are: linear, leaky": [conv(8, "Leaky"), HEAD],
    "groups=2 should divide its 3 channels and filters=4": [conv(4, groups=2), HEAD],
    "groups=3 should divide its 3 channels and filters=4": [conv(4, groups=3), HEAD],
    "filters=10000000 should be from 1 to 65536": [conv(10**7), HEAD],
    "size=0 should be from 1 to 255": [conv(4, size=0), HEAD],
    "stride=0 should be from 1 to 255": [conv(4, stride=0), HEAD],
    "size less padding is 3, which crops or pads the picture; should be 1": [conv(4, size=3), HEAD],
    "size less padding is -1": [conv(4, size=1, padding=1), HEAD],
    "size less padding is 3, which crops or pads the picture; should be from 1 to the stride, 2": [
        conv(4, size=5, padding=1, stride=2),
        HEAD,
    ],
    "stride is 2048; should be at most 1024": [conv(4, size=3, pad=1, stride=64), conv(4, size=3, pad=1, stride=32)],
    "there is no layer -2: 1 come before this one": [conv(), "[route]\nlayers=-2\n"],
    "there is no layer 1: 1 come before this one": [conv(), "[route]\nlayers=1\n"],
    "[route]: layers= is missing": [conv(), "[route]\n"],
    "should have one width and height, they have 64x64, 32x32": [
        conv(4), "[maxpool]\nstride=2\n", "[route]\nlayers=0,1\n",
    ],
    "group_id=2 should be from 0 to 1": [conv(4), "[route]\nlayers=0\ngroups=2\ngroup_id=2\n"],
    "groups=2 should divide the 5 channels of its input": [conv(5), "[route]\nlayers=0\ngroups=2\n"],
    "layer 1 is a [yolo] section, whose output no layer can use": [HEAD, "[route]\nlayers=1\n"],
    "[convolutional]: follows a [yolo] section": [HEAD, HEAD],
    "weights_type is not supported": [conv(4), conv(4), "[shortcut]\nfrom=0\nweights_type=per_feature\n"],
    "[shortcut]: its inputs should have one width": [conv(4), "[maxpool]\nstride=2\n[shortcut]\nfrom=0\n"],
    "its input should be a single pixel": [conv(4), conv(4), "[scale_channels]\nfrom=0\n"],
    "equal channels, they have 5 and 4": [conv(4), conv(5), "[sam]\nfrom=0\n"],
    "stride=2 gives an output that": [conv(4), "[upsample]\n"],
    "[reorg]: the order in which": [conv(4), "[reorg]\n"],
    "2 masks of 5 + 2 classes need filters=14 in the convolution before, which has 255": [conv(255), YOLO],
    "mask 3 is beyond its 3 anchors, which count from 0": [conv(), YOLO.replace("mask=0,1", "mask=0,3")],
    "mask -1 is beyond": [conv(), YOLO.replace("mask=0,1", "mask=0,-1")],
    "anchors= is missing": [conv(), "[yolo]\nclasses=2\n"],
    "sides of its anchors should be above 0": [conv(), YOLO.replace("10,14", "0,14")],
    "scale_x_y=0 should be above 0": [conv(), YOLO + "scale_x_y=0\n"],
    "[yolo]: activation=logistic in the convolution before it and new_coords=1 belong together": [
        conv(14, "logistic"), YOLO,
    ],
    "belong together; only one of them is here": [conv(14), YOLO + "new_coords=1\n"],
    "those of the first [yolo] section": [
        HEAD, "[route]\nlayers=0\n", conv(16), YOLO.replace("classes=2", "classes=3"),
    ],
    "another [yolo] section has the same input": [HEAD, "[route]\nlayers=0\n", YOLO],
    "one stride in both directions, has (2, 1)": [conv(4), "[maxpool]\nstride=1\nstride_y=2\nsize=2\n", HEAD],
    "line 1, [net]: no [yolo] section follows": [conv()],
    "line 1, [net]: width=64 should be a multiple of 128": ["[maxpool]\nstride=128\n", HEAD],
    "weights; an ONNX file can hold 400,000,000": [conv(65536), conv(65536), "[maxpool]\nstride=2\n", HEAD],
}  # fmt: skip


@pytest.mark.parametrize("phrase, sections", REFUSED.items(), ids=REFUSED.keys())
def test_refused(phrase, sections):
    with pytest.raises(CfgError, match=re.escape(phrase)) as caught:
        network(*sections)
    assert re.match(r"line [0-9]+, \[.+\]: ", str(caught.value))


@pytest.mark.parametrize(
    "net, phrase",
    [
        pytest.param(NET.replace("channels=3", "channels=1"), "channels=1 should be 3", id="grey"),
        pytest.param("[net]\n", "width=0 should be from 1 to 65536", id="no size"),
    ],
)
def test_refused_inputs(net, phrase):
    with pytest.raises(CfgError, match=phrase):
        network(HEAD, net=net)


def test_a_chain_of_routes_cannot_grow_without_end():
    with pytest.raises(CfgError, match="returns 98304 channels"):
        network(conv(2**15), "[route]\nlayers=0,0\n[route]\nlayers=0,1\n")


def test_files(tmp_path):
    path = tmp_path / "small.cfg"
    path.write_text(NET + HEAD)
    assert read_cfg(str(path)) == network(HEAD)
    with pytest.raises(FileNotFoundError):
        read_cfg(os.path.join(str(tmp_path), "absent.cfg"))
