"""The names of topics. A level of a topic may have no `/`, `+` or `#`; these have letters, digits, `-` and `_` only.

nanoyolo/nano/status                      online or offline: the program
nanoyolo/nano/yard/status                 online or offline: the camera
nanoyolo/nano/yard/person                 how many are seen
nanoyolo/nano/yard/person/snapshot        a JPEG
nanoyolo/nano/yard/zones/drive/person     how many are in a zone
nanoyolo/nano/yard/lines/door/in          how many have crossed a line
nanoyolo/nano/yard/event                  what happens
nanoyolo/nano/yard/diagnostics            rates
"""

import hashlib
import re
import socket
from typing import Dict, Iterable, Sequence

LONGEST = 64  # characters of a level
OF_A_CAMERA = ("status", "zones", "lines", "event", "diagnostics")  # what a label below a camera cannot be called
OF_A_HOST = ("status",)
ONLY_CAMERA = "cam0"  # the name of a camera without one

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,%d}" % LONGEST)
_OTHER = re.compile(r"[^A-Za-z0-9_-]+")


def level(text: str, reserved: Sequence[str] = ()) -> str:
    """A text as a level of a topic: itself if it is plain and not reserved, else changed and with a part of its hash.

    So two texts have two levels, and a text has the same one in every run.
    """
    if _PLAIN.fullmatch(text) and text not in reserved:
        return text
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    return _OTHER.sub("_", text)[: LONGEST - 9] + "-" + digest


def label_levels(labels: Iterable[str]) -> Dict[str, str]:
    """The levels of a model's labels. One that is not plain has its spaces replaced, if no other has that level."""
    labels = list(dict.fromkeys(labels))
    simple = {label: label.replace(" ", "_") for label in labels}
    names = list(simple.values())
    return {
        label: name if names.count(name) == 1 and level(name, OF_A_CAMERA) == name else level(label, OF_A_CAMERA)
        for label, name in simple.items()
    }


def host_level() -> str:
    """The name of this machine."""
    return level(socket.gethostname().split(".")[0] or "localhost")


class CameraTopics:
    """The topics of one camera. root: those of the machine, as nanoyolo/nano."""

    def __init__(self, root: str, camera: str) -> None:
        self.level = level(camera or ONLY_CAMERA, OF_A_HOST)
        self.base = f"{root}/{self.level}"
        self.status = self.base + "/status"
        self.event = self.base + "/event"
        self.diagnostics = self.base + "/diagnostics"
        self._labels: Dict[str, str] = {}

    def know(self, labels: Sequence[str]) -> None:
        """Be told of the labels of the model. Others have levels too."""
        self._labels = label_levels(labels)

    def label_level(self, label: str) -> str:
        """The level of a label."""
        return self._labels.get(label) or level(label, OF_A_CAMERA)

    def label(self, label: str) -> str:
        """Where the count of a label is."""
        return f"{self.base}/{self.label_level(label)}"

    def snapshot(self, label: str) -> str:
        """Where the picture of a label is."""
        return self.label(label) + "/snapshot"

    def zone(self, zone: str, label: str) -> str:
        """Where the count of a label in a zone is."""
        return f"{self.base}/zones/{level(zone)}/{self.label_level(label)}"

    def line(self, line: str, direction: str) -> str:
        """Where the total of a line's direction is."""
        return f"{self.base}/lines/{level(line)}/{level(direction)}"
