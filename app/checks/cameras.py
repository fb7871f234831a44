"""Cameras: which are connected, their formats, and whether they can be read. None is opened: a driver might hang."""

import glob
import os
import re
import shlex
import socket
from typing import Dict, Tuple
from urllib.parse import urlsplit

from app.address import PORTS, STREAMS, redacted, scheme, unescaped, why_no_video
from app.checks import Result, failed, passed, skipped, warned
from app.checks.machine import Machine
from app.checks.nvidia import JOIN_VIDEO
from app.checks.process import Failure, Missing, last_words
from app.checks.software import OPENCV
from app.checks.system import unit_state

INSTALL_V4L = "sudo apt-get install v4l-utils"
KERNEL_LOG = "sudo dmesg | tail -n 20"
WITHOUT_CAMERA = "python3 -m app.detect --cam 'test://640x480@30?frames=300'"
ARGUS = "nvargus-daemon"
CSI_NODE = "vi-output"  # the name of a /dev/video* starts so where it is a CSI sensor
REACHED = 2.0  # seconds to connect to a network camera

Format = Tuple[int, int, float]  # width, height, frames per second


def connected(machine: Machine) -> Result:
    """The /dev/video* there are."""
    cameras = machine.cameras()
    if cameras:
        return passed(", ".join(f"/dev/video{number}" for number in cameras))
    if machine.cam is not None and not _is_camera(machine.cam):
        return skipped("none is connected, and --cam names none")
    return warned("none is connected; videos, streams and the test picture work without one", WITHOUT_CAMERA)


def camera(number: int, machine: Machine) -> Result:
    """The formats of one camera, from v4l2-ctl, which also works while the camera is in use."""
    device = f"/dev/video{number}"
    name = machine.camera_name(number) or "unnamed"
    if machine.is_second_node(number):
        return skipped(f"{name}: metadata of the same camera")
    if not os.access(machine.path(device), os.R_OK | os.W_OK):
        return failed(f"{name}: no permission to read it", JOIN_VIDEO)
    if name.startswith(CSI_NODE):
        return passed(f"{name}: a CSI camera; use it as csi://0 or csi://1")
    try:
        output = machine.command("v4l2-ctl", "-d", machine.path(device), "--list-formats-ext")
    except Missing:
        return warned(f"{name}: its formats are unknown without v4l2-ctl", INSTALL_V4L)
    except Failure as failure:
        return warned(f"{name}: does not respond ({failure})", KERNEL_LOG)
    if output.code:
        return warned("{}: {}".format(name, last_words(output.err) or "v4l2-ctl fails"), f"v4l2-ctl -d {device} --all")
    formats = best_formats(output.out)
    if not formats:
        return skipped(f"{name}: delivers no pictures")
    texts = ["{} up to {}x{} at {:g} FPS".format(code, *best) for code, best in sorted(formats.items())]
    return passed("{}: {}".format(name, ", ".join(texts)))


def best_formats(text: str) -> Dict[str, Format]:
    """The largest size and its highest rate for each pixel format in the output of `v4l2-ctl --list-formats-ext`."""
    found: Dict[str, Format] = {}
    code, size = "", (0, 0)
    for line in text.splitlines():
        # `[0]: 'MJPG' (...)`, and `Pixel Format: 'MJPG' (...)` on Ubuntu 18.04
        named = re.search(r": '([^']+)'", line)
        sized = re.findall(r"(\d+)x(\d+)", line) if "Size: " in line else []  # of a range, its end
        rated = re.search(r"\((\d+\.?\d*)(?:-(\d+\.?\d*))? fps\)", line)
        if named:
            code = named.group(1).strip()
        elif sized:
            size = int(sized[-1][0]), int(sized[-1][1])
        if code and (sized or rated):
            rate = float(rated.group(2) or rated.group(1)) if rated else 0.0
            found[code] = max(found.get(code, (0, 0, 0.0)), (size[0], size[1], rate), key=_area_and_rate)
    return {code: best for code, best in found.items() if best[0]}


def _area_and_rate(best: Format) -> Tuple[int, float]:
    return best[0] * best[1], best[2]


def csi(machine: Machine) -> Result:
    """Whether the daemon runs that CSI cameras are read through."""
    if not machine.is_jetson():
        return skipped("not needed here")
    state = unit_state(machine, ARGUS)
    if state is None:
        return skipped("unknown: systemd does not run here")
    if state == "active":
        return passed(f"{ARGUS} is active")
    wanted = machine.cam is not None and scheme(machine.cam) == "csi"
    return (failed if wanted else warned)(
        f"{ARGUS} is {state}: CSI cameras cannot be read",
        f"sudo systemctl restart {ARGUS}",
    )


def source(machine: Machine) -> Result:
    """Whether the source that --cam names exists. It is not read."""
    uri = machine.cam or ""
    kind = scheme(uri)
    if kind == "test":
        return passed(f"{uri}: a generated test picture")
    if kind in ("csi", "gst"):
        try:
            has_gstreamer = machine.ask(OPENCV)[1]
        except Failure as failure:
            return skipped(f"{redacted(uri)}: unknown without OpenCV ({failure})")
        if has_gstreamer:
            return passed(f"{redacted(uri)}: OpenCV has GStreamer")
        return failed(f"{redacted(uri)}: this OpenCV has no GStreamer", "sudo apt-get install python3-opencv")
    if kind in STREAMS:
        return _stream(uri)
    if kind:
        return failed(f"{redacted(uri)}: unknown kind of source", "python3 -m app.detect --help")
    if _is_camera(uri):
        device = f"/dev/video{int(uri)}" if uri.isdigit() else uri
        if not machine.is_there(device):
            return failed(f"there is no {device}", "ls -l /dev/video* /dev/v4l/by-id")
        if not os.access(machine.path(device), os.R_OK | os.W_OK):
            return failed(f"{device}: no permission to read it", JOIN_VIDEO)
        return passed(f"{device} exists")
    if os.path.exists(uri) or glob.glob(uri):
        return passed(f"{uri} exists")
    return failed(f"{redacted(uri)}: no such file, folder or camera", f"ls -l {_folder(uri)}")


def _is_camera(uri: str) -> bool:
    return uri.isdigit() or uri.startswith("/dev/")


def _folder(uri: str) -> str:
    return shlex.quote(redacted(os.path.dirname(uri)) or ".")


def _stream(uri: str) -> Result:
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port or PORTS[scheme(uri)]
    except ValueError:
        host = None
    if not host:
        return failed(f"{redacted(uri)}: {why_no_video(uri)}", "python3 -m app.detect --help")
    try:
        socket.create_connection((host, port), REACHED).close()
    except OSError:
        # What was taken for the host may be a part of the password, which is not printed.
        fix = "python3 -m app.detect --help" if unescaped(uri) else f"ping -c 3 {shlex.quote(host)}"
        return failed(f"{redacted(uri)}: {why_no_video(uri)}", fix)
    return passed(f"{redacted(uri)}: the host responds; whether it sends video was not tested")
