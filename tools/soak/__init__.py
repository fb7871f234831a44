"""Soaks: the program under long and bad treatment. See `__main__.py`."""
