"""Darknet configurations for tests, written section by section, and weights for them."""

import numpy as np
from support.oracles import ACTIVATIONS

from models.darknet import random_parameters
from models.darknet_cfg import build
from models.darknet_sections import parse_sections

NET = "[net]\nwidth=64\nheight=64\nchannels=3\n"
YOLO = "[yolo]\nclasses=2\nanchors=10,14, 23,27, 37,58\nmask=0,1\n"


def conv(filters=14, activation="linear", **options):
    """A convolution; by default the one before a head of YOLO."""
    lines = [f"{key}={value}" for key, value in options.items()]
    return "\n".join(["[convolutional]", f"filters={filters}", f"activation={activation}"] + lines) + "\n"


def network(*sections, net=NET):
    """The table of a network of these sections."""
    return build(parse_sections(net + "".join(sections)))


HEAD = conv() + YOLO
SIX = conv(6, size=3, pad=1)

# What each kind of layer is tried with, before a head.
NETWORKS = {
    "groups": [SIX, conv(8, "linear", groups=2, size=3, pad=1, batch_normalize=1)],
    "depthwise with stride": [SIX, conv(6, "linear", groups=6, size=5, pad=1, stride=2)],
    "strides down and across": [
        conv(4, size=3, pad=1, stride_x=2, stride_y=1), "[maxpool]\nsize=3\nstride_x=1\nstride_y=2\n",
    ],
    "dilation": [conv(4, size=3, pad=1, dilation=2)],
    "pools of SPP": ["[maxpool]\nsize=5\nstride=1\n[maxpool]\nsize=4\nstride=1\n"],
    "pool 2x2": ["[maxpool]\nstride=2\n"],
    "pool 3x3 with stride 2": ["[maxpool]\nsize=3\nstride=2\n"],
    "pool 4x4 with stride 2": ["[maxpool]\nsize=4\nstride=2\n"],
    "route of groups": [SIX, conv(4), "[route]\nlayers=0,1\ngroups=2\ngroup_id=1\n"],
    "shortcut from more channels": [SIX, conv(4), "[shortcut]\nfrom=0\nactivation=leaky\n"],
    "shortcut from fewer channels": [conv(4), SIX, "[shortcut]\nfrom=0\nactivation=linear\n"],
    "shortcut from two": [conv(4), conv(4), conv(4), "[shortcut]\nfrom=0,1\n"],
    "upsample": ["[maxpool]\nstride=2\n[maxpool]\nstride=2\n[upsample]\nstride=4\n"],
    "attention": [SIX, "[avgpool]\n", conv(6, "logistic"), "[scale_channels]\nfrom=0\n[sam]\nfrom=0\n"],
    "reorg3d": [conv(4), "[reorg3d]\nstride=2\n"],
    "dropout": [SIX, "[dropout]\nprobability=.5\n"],
}  # fmt: skip
NETWORKS.update({name: [conv(5, name, size=3, pad=1, batch_normalize=1)] for name in ACTIVATIONS})


def write_weights(path, shapes):
    """A weights file with the random parameters of these shapes."""
    with open(str(path), "wb") as file:
        file.write(np.array([0, 2, 0, 0, 0], "<i4").tobytes())
        for kernel, *vectors in random_parameters(shapes):
            for part in [vector for vector in vectors if vector is not None] + [kernel]:
                file.write(part.astype("<f4").tobytes())
    return str(path)
