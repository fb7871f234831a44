"""Commands for the developer's machine: a file with a main() each, or a package with a __main__.py."""

import app  # noqa: F401  (first: it sets how much OpenCV logs, which OpenCV reads on import)
