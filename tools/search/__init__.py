"""The parts of `tools.search`."""
