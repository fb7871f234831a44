"""Viewers: what pages see of a camera of 15 FPS at size 160, over what link, and what they cost the program.

  cost     four pages, one of which takes nothing, beside none: rate, processor time, pictures missed
  painted  the page in Chromium: from the capture to the canvas, by the clock in the picture, at both ends of the time
  slow     the same over 1 Mbit/s
  eight    eight cameras on one page
  film     a film at full speed at 416, with a viewer and without

What viewers cost is measured against the same program without any. Run it on a machine that does nothing else.
"""

import argparse
import time
from typing import Callable, Dict, List, Tuple

from app.errors import UsageError, say
from tools.soak.figure import Figure
from tools.soak.program import Program
from tools.soak.viewers import judged
from tools.soak.viewers.browser import Browser, why_not
from tools.soak.viewers.link import SlowLink
from tools.soak.viewers.pages import Page, Period, port_of, stalled, state

FPS, SOURCE = 15, "test://640x480@15?live"
SEVERAL = [f"c{number}=test://640x480@5?live" for number in range(8)]
SETTLE = 5.0  # seconds before anything is measured
ADAPT = 15.0  # seconds in which a page finds out how slow its link is
SPAN = 10.0  # seconds at the beginning and at the end whose pictures are compared
TURNS = 3  # with a viewer and without
LINK = 10**6  # bits a second
BROWSED = ("painted", "slow", "eight")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options besides those that all soaks have."""
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS) + " (default: all)")
    parser.add_argument("--film", metavar="FILE", default="weights/bikes.mp4", help="for film (default: %(default)s)")


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test; its figures."""
    names = args.only or list(PARTS)
    reason = why_not()
    if reason is not None and set(names) & set(BROWSED):
        if args.only:
            raise UsageError(f"{' and '.join(BROWSED)} need a browser: {reason}")
        say(f"without a browser {' and '.join(BROWSED)} are left out: {reason}")
        names = [name for name in names if name not in BROWSED]
    return [figure for name in names for figure in PARTS[name](args)]


def _program(*arguments: str, module: str = "app.detect") -> Program:
    return Program("--serve", "127.0.0.1:0", *arguments, module=module)


def _cost(args: argparse.Namespace) -> List[Figure]:
    with _program("--cam", SOURCE, "--size", "160") as program:
        port = port_of(program)
        time.sleep(SETTLE)
        alone = Period(port, args.seconds)
        with Page(port, "/cam0/frame.jpg") as page, stalled(port):
            time.sleep(1.0)
            two = Period(port, args.seconds)
            with Page(port, "/cam0/frame.jpg"), Page(port, "/cam0/frame.jpg"):
                time.sleep(1.0)
                four = Period(port, args.seconds)
        program.stop()
    return judged.cost(alone, two, four, page.between(two.first + 1, four.last - 1))


def _painted(args: argparse.Namespace) -> List[Figure]:
    with _program("--cam", SOURCE, "--size", "160", module="tools.soak.viewers.stamped") as program:
        port = port_of(program)
        with Browser(port) as browser:
            time.sleep(SETTLE)
            early, first = _span(port, args)
            time.sleep(max(0.0, args.seconds - 2 * SPAN))
            late, last = _span(port, args)
            time.sleep(1.0)
        program.stop()
    paints = browser.paints
    latencies = early.latency, late.latency
    return judged.painted(judged.between(paints, *first), judged.between(paints, *last), latencies, FPS)


def _span(port: int, args: argparse.Namespace) -> Tuple[Period, Tuple[float, float]]:
    """What a program did from now on, and when that was."""
    began = time.monotonic()
    period = Period(port, min(SPAN, args.seconds / 2))
    return period, (began, time.monotonic())


def _slow(args: argparse.Namespace) -> List[Figure]:
    with _program("--cam", SOURCE, "--size", "160", module="tools.soak.viewers.stamped") as program:
        with SlowLink(port_of(program), LINK) as link, Browser(link.port) as browser:
            time.sleep(ADAPT)
            began = time.monotonic()
            time.sleep(args.seconds)
            ended = time.monotonic()
            time.sleep(1.0)
        program.stop()
    span = min(SPAN, args.seconds / 2)
    paints = browser.paints
    return judged.slow(judged.between(paints, began, began + span), judged.between(paints, ended - span, ended))


def _eight(args: argparse.Namespace) -> List[Figure]:
    cameras = [word for camera in SEVERAL for word in ("--cam", camera)]
    with _program(*cameras, "--size", "160", module="tools.soak.viewers.stamped") as program:
        port = port_of(program)
        with Browser(port) as browser:
            time.sleep(SETTLE)
            before, began = state(port), time.monotonic()
            time.sleep(args.seconds)
            after, ended = state(port), time.monotonic()
            time.sleep(1.0)
        program.stop()
    seconds = ended - began
    frames = [after["cameras"][name]["frame"] - one["frame"] for name, one in before["cameras"].items()]
    paints = judged.between(browser.paints, began, ended)
    return judged.moving(paints, seconds, [count / seconds for count in frames])


def _film(args: argparse.Namespace) -> List[Figure]:
    alone, watched = [], []
    with _program("--cam", args.film, "--loop", "--size", "416") as program:
        port = port_of(program)
        time.sleep(SETTLE)
        for _ in range(TURNS):
            alone.append(Period(port, args.seconds / TURNS).rate)
            with Page(port, "/cam0/frame.jpg"):
                time.sleep(1.0)
                watched.append(Period(port, args.seconds / TURNS).rate)
            time.sleep(1.0)
        program.stop()
    return judged.film(alone, watched)


PARTS: Dict[str, Callable[[argparse.Namespace], List[Figure]]] = {
    "cost": _cost, "painted": _painted, "slow": _slow, "eight": _eight, "film": _film,
}  # fmt: skip
