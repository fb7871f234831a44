"""Cameras on real servers, with faults that can be switched on."""

import contextlib
from functools import partial
from typing import Callable, Dict, Iterator, NamedTuple, Optional

from tools.camera_servers.faults import FaultProxy
from tools.camera_servers.footage import parse_size
from tools.camera_servers.mjpeg import MjpegServer
from tools.camera_servers.rtsp import RtspServer

SIZES = ("384x288", "256x192")  # of one shape, so that the number has the same place in the recording
STEADY = "test://384x288@10?live"


class Fault(NamedTuple):
    """How to break a camera, and how to restore it."""

    begin: Callable[[], None]
    end: Callable[[], None]


class Camera(NamedTuple):
    """A camera with faults that can be switched on, or without any."""

    name: str
    uri: str
    faults: Dict[str, Fault]


@contextlib.contextmanager
def http_camera(video: str) -> Iterator[Camera]:
    """Motion JPEG, from this project's server."""
    with MjpegServer(video, size=parse_size(SIZES[0]), password=("user", "secret")) as server:

        def set_fault(name: Optional[str]) -> None:
            server.fault = name

        def on_connecting(name: str) -> None:  # a fault that only new connections meet
            set_fault(name)
            server.cut()

        def resize() -> None:
            server.size = parse_size(SIZES[server.size == parse_size(SIZES[0])])
            server.cut()

        restore = partial(set_fault, None)
        faults = {name: Fault(partial(set_fault, name), restore) for name in ("freeze", "garbage", "half")}
        faults.update({name: Fault(partial(on_connecting, name), restore) for name in ("slow", "deny")})
        faults.update(
            refuse=Fault(server.refuse, server.listen), cut=Fault(server.cut, at_once), size=Fault(resize, at_once)
        )
        yield Camera("http", server.url("user", "secret"), faults)


@contextlib.contextmanager
def rtsp_camera(video: str) -> Iterator[Camera]:
    """H.264, from GStreamer's RTSP server behind a proxy that disturbs the connection."""
    with RtspServer(video, size=SIZES[0]) as server, FaultProxy(server.port) as proxy:

        def set_fault(name: Optional[str]) -> None:
            proxy.fault = name

        sizes = [SIZES[1], SIZES[0]]

        def resize() -> None:
            server.command("size " + sizes[0])
            sizes.reverse()

        def begin(name: str) -> None:
            set_fault(name)
            if name == "slow":
                proxy.cut()

        restore = partial(set_fault, None)
        faults = {name: Fault(partial(begin, name), restore) for name in ("freeze", "garbage", "slow")}
        faults.update(
            refuse=Fault(proxy.refuse, proxy.listen), cut=Fault(proxy.cut, at_once), size=Fault(resize, at_once)
        )
        yield Camera("rtsp", server.url(port=proxy.port), faults)


def steady_camera() -> Camera:
    """One that never fails, beside which the others do."""
    return Camera("steady", STEADY, {})


def at_once() -> None:
    """Restores a fault that is over at once."""
