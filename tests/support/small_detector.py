"""A detector's network that is small enough to be trained in a test, and the command that trains it."""

from support.darknet_files import network, write_weights

CONV = "[convolutional]\nbatch_normalize=1\nfilters={}\nsize=3\nstride={}\npad=1\nactivation=leaky\n"
HEAD = "[convolutional]\nfilters=24\nactivation=linear\n[yolo]\nclasses=3\nanchors=12,12, 20,20, 30,30\nmask={}\n"
CFG = "".join(
    ["[net]\nwidth=64\nheight=64\nchannels=3\nletter_box=1\n"]
    + [CONV.format(filters, 2) for filters in (8, 16, 24)]
    + [CONV.format(32, 1), HEAD.format("0,1,2")]
)


def write_network(folder):
    """A configuration and its weights, of three classes, in a folder: options of tools.train_detector."""
    (folder / "small.cfg").write_text(CFG)
    made = network(CFG[CFG.index("[convolutional]") :], net=CFG[: CFG.index("[convolutional]")])
    write_weights(folder / "small.weights", made.conv_shapes())
    return ["--cfg", str(folder / "small.cfg"), "--weights", str(folder / "small.weights"), "--size", "64"]
