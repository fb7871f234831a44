"""Real-time object detection, from Python:

    import nanoyolo

    with nanoyolo.load_detector("yolov3-tiny", size=416) as detector:
        for found in detector.detect(image):          # (h, w, 3) uint8 BGR
            print(found.label, found.score, found.box)

These are the functions and classes of `app.detector`, `app.classifier`, `app.sources`, `app.overlay` and `app.tracking`
under a name of their own.
Raises ImportError when another package called `app` is imported in their place.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

import app

_app, _own = (os.path.dirname(os.path.dirname(os.path.abspath(path))) for path in (app.__file__ or "", __file__))
if _app != _own:
    raise ImportError(
        f"nanoyolo needs its own package 'app', but the one in {_app} comes first on Python's path; "
        "run from another folder, or rename that package"
    )

from app import __version__  # noqa: E402

__all__ = [
    "CameraOptions",
    "Line",
    "Scene",
    "Tracker",
    "Zone",
    "__version__",
    "draw",
    "load_classifier",
    "load_detector",
    "open_source",
]

if TYPE_CHECKING or sys.version_info < (3, 7):
    from app.classifier import load_classifier
    from app.detector import load_detector
    from app.overlay import draw
    from app.sources import CameraOptions, open_source
    from app.tracking.lines import Line
    from app.tracking.scene import Scene
    from app.tracking.tracker import Tracker
    from app.tracking.zones import Zone
else:
    # Imported when first used: `nanoyolo doctor` has to run where numpy or OpenCV cannot be imported.
    _MODULES = {
        "CameraOptions": "app.sources",
        "Line": "app.tracking.lines",
        "Scene": "app.tracking.scene",
        "Tracker": "app.tracking.tracker",
        "Zone": "app.tracking.zones",
        "draw": "app.overlay",
        "load_classifier": "app.classifier",
        "load_detector": "app.detector",
        "open_source": "app.sources",
    }

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            raise AttributeError(f"module 'nanoyolo' has no attribute {name!r}")
        return getattr(importlib.import_module(_MODULES[name]), name)
