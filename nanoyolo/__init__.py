"""Real-time object detection, from Python:

    import nanoyolo

    with nanoyolo.load_detector("yolov3-tiny", size=416) as detector:
        for found in detector.detect(image):          # (h, w, 3) uint8 BGR
            print(found.label, found.score, found.box)

These are the functions of `app.detector`, `app.classifier`, `app.sources` and `app.overlay` under a name of their own.
Raises ImportError when another package called `app` is imported in their place.
"""

import os

import app

_app, _own = (os.path.dirname(os.path.dirname(os.path.abspath(path))) for path in (app.__file__ or "", __file__))
if _app != _own:
    raise ImportError(
        f"nanoyolo needs its own package 'app', but the one in {_app} comes first on Python's path; "
        "run from another folder, or rename that package"
    )

from app import __version__  # noqa: E402
from app.classifier import load_classifier  # noqa: E402
from app.detector import load_detector  # noqa: E402
from app.overlay import draw  # noqa: E402
from app.sources import open_source  # noqa: E402

__all__ = ["__version__", "draw", "load_classifier", "load_detector", "open_source"]
