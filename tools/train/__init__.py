"""The parts of `tools.train`: schedules, augmentation, the data, the journal of a run, curves, and the export."""
