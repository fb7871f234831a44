"""The parts of `tools.sweep`."""
