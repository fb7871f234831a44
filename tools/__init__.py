"""Commands for the developer's machine: one file each, with a main()."""

import app  # noqa: F401  (first: it says how quiet OpenCV is to be, which is read when that is imported)
