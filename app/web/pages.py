"""The files of the pages, and what kind each is."""

import os
from typing import Dict

from app.web.response import HTML

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
CSS, SCRIPT, SVG = "text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"
FILES = {"page.html": HTML, "places.html": HTML, "page.css": CSS, "icon.svg": SVG}
FILES.update(dict.fromkeys(("page.js", "camera.js", "events.js", "pull.js", "places.js"), SCRIPT))


def read_files() -> Dict[str, bytes]:
    """The content of each, by name."""
    found = {}
    for name in FILES:
        with open(os.path.join(FOLDER, name), "rb") as file:
            found[name] = file.read()
    return found
