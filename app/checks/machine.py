"""The machine that the doctor examines: a Board, and what only the doctor reads.

As in `board.py`, none of these files has been seen on a board.
"""

import grp
import os
import re
import sys
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from app.board import Board
from app.checks import process
from app.checks.process import ENGLISH, Failure, Output, ask_python, run
from app.modelcard import find_model

DEFAULT_MODEL = "yolov3-tiny"  # as in `arguments.py`, which would import OpenCV
# Cooling devices that do not throttle. Others on a Nano do, such as `cpu-balanced` and `gpu-balanced`.
NO_THROTTLE = re.compile("fan|lcd|backlight|tcc offset|iwlwifi|charge", re.IGNORECASE)

L4T = Tuple[int, int, int]


class Swap(NamedTuple):
    """Swap space in bytes: on disk, and in compressed memory (zram)."""

    disk: int
    zram: int


class Machine(Board):
    """The machine whose file system is under `root`, a model by name or path, a source or None, and where the live view
    is to be, as `--serve` takes it, or None.
    """

    def __init__(
        self, root: str = "/", model: str = DEFAULT_MODEL, cam: Optional[str] = None, serve: Optional[str] = None
    ) -> None:
        super().__init__(root)
        self.model_name = model
        self.model_path = os.path.abspath(find_model(model))
        self.cam = cam
        self.serve = serve
        self.python: Tuple[int, ...] = sys.version_info[:3]
        self._answers: Dict[Any, Any] = {}

    def is_jetson(self) -> bool:
        """Whether it is an NVIDIA Jetson."""
        return self._is("jetson") or self.l4t() is not None

    def is_nano(self) -> bool:
        """Whether it is a Jetson Nano, which an Orin Nano is not."""
        return self._is("jetson nano")

    def l4t(self) -> Optional[L4T]:
        """The release of L4T, NVIDIA's Linux: (32, 7, 1) for `# R32 (release), REVISION: 7.1, ...`."""
        text = self._text("etc/nv_tegra_release") or ""
        match = re.search(r"R(\d+) \(release\), REVISION: (\d+)(?:\.(\d+))?", text)
        return (int(match.group(1)), int(match.group(2)), int(match.group(3) or 0)) if match else None

    def has_jetpack4(self) -> bool:
        """Whether it runs JetPack 4, with Python 3.6 and TensorRT 8.0 or 8.2."""
        l4t = self.l4t()
        return l4t is not None and l4t[0] == 32

    def throttled(self) -> Optional[List[str]]:
        """The cooling devices that throttle now, for heat or lack of power; None if the kernel has none."""
        found = [
            (self._text(device, "type") or "", self._number(device, "cur_state") or 0)
            for device in self._folders("sys/class/thermal/cooling_device*")
        ]
        brakes = [(name, state) for name, state in found if not NO_THROTTLE.search(name)]
        return [f"{name} at {state:g}" for name, state in brakes if state > 0] if brakes else None

    def cameras(self) -> List[int]:
        """Numbers of the /dev/video* there are."""
        numbers = [re.match(r"dev/video(\d+)$", path) for path in self._folders("dev/video*")]
        return sorted(int(number.group(1)) for number in numbers if number)

    def camera_name(self, number: int) -> Optional[str]:
        """The name that a camera's driver reports."""
        return self._text("sys/class/video4linux", f"video{number}", "name")

    def is_second_node(self, number: int) -> bool:
        """Whether a /dev/video* is not the first of its camera, and so delivers metadata, not pictures."""
        return bool(self._number("sys/class/video4linux", f"video{number}", "index"))

    def memory(self) -> Dict[str, int]:
        """The fields of /proc/meminfo, in bytes; empty if there is none."""
        fields = re.findall(r"^(\w+):\s+(\d+) kB$", self._text("proc/meminfo") or "", re.MULTILINE)
        return {name: int(size) << 10 for name, size in fields}

    def swap(self) -> Swap:
        """The size of all swap spaces."""
        lines = [line.split() for line in (self._text("proc/swaps") or "").splitlines()[1:]]
        sizes = [("zram" in words[0], int(words[2]) << 10) for words in lines if len(words) > 2]
        return Swap(*(sum(size for is_zram, size in sizes if is_zram is kind) for kind in (False, True)))

    def is_there(self, path: str) -> bool:
        """Whether a file or folder exists."""
        return os.path.exists(self.path(path))

    def path(self, path: str) -> str:
        """Where a path of the machine is in this file system."""
        return os.path.join(self._root, path.lstrip("/"))

    def in_group(self, name: str) -> bool:
        """Whether this process has a group's rights, or the group does not exist and so is not needed."""
        try:
            return os.geteuid() == 0 or grp.getgrnam(name).gr_gid in [os.getegid()] + os.getgroups()
        except KeyError:
            return True

    def command(self, *words: str) -> Output:
        """Run a command with English output. Raises Missing or Failure."""
        return run(words, ENGLISH, process.LIMIT)

    def ask(self, code: str, *arguments: str, **env: str) -> Any:
        """Run Python code in a process of its own, once for each code and its arguments. Raises Failure."""
        question = (code, arguments, tuple(sorted(env.items())))
        if question not in self._answers:
            try:
                self._answers[question] = ask_python(code, *arguments, **env)
            except Failure as failure:
                self._answers[question] = failure
        answer = self._answers[question]
        if isinstance(answer, Failure):
            raise answer
        return answer
