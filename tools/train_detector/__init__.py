"""The parts of `tools.train_detector`: labels, a check of them, augmentation, network, loss, validation, export."""
