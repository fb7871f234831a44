"""The parts of `tools.train`: options, data and augmentation, network, schedule and pace, journal, export."""
