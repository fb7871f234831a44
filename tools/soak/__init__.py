"""Stress tests of the real command: see `python -m tools.soak --help`."""
