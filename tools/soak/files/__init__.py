"""Damaged files, thousands of them, read by the program itself: `python -m tools.soak files`."""
