"""Clips of events: where each begins and ends, whether it has its snapshot, and what is left after kill -9.

Events come at random, and many overlap; frames come at an uneven rate, and some not at all. Then the same in a process
that is killed, again and again, and started again in the same folder.
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from typing import Dict, List, NamedTuple, Sequence, Set

from tqdm import tqdm

from app.clips.archive import open_archive
from app.clips.clips import ClipSink
from app.clips.manifest import NAME, Manifest
from app.clips.replay import Film
from app.clips.retention import Limits
from app.errors import NanoyoloError
from app.events.incident import Change, Incident
from tools.soak.figure import Figure
from tools.soak.program import PATIENCE, ROOT
from tools.soak.shots import frame, number_of, put

BEFORE, AFTER = 5.0, 5.0
WALL = 1795953600.0  # when the camera's time is 0
STEPS = (0.05, 0.066, 0.1, 0.4)  # seconds between two frames
CONFIRMED, MISSED = 0.3, 1.5  # seconds after which a thing is told, and after which it is taken to be gone
FPS = 20.0  # of the process that is killed
HEARD = "frame "  # begins the lines of that process


class Event(NamedTuple):
    """Times in seconds of the camera. best: of its snapshot."""

    name: str
    start: float
    end: float
    best: float


def soak(args: argparse.Namespace) -> List[Figure]:
    """Run the test."""
    found = _events(args.events)
    return found + (_kills(args.kills) if args.kills else [])


def _events(count: int) -> List[Figure]:
    chance = random.Random(0)
    events, now = [], BEFORE + 1
    for number in range(count):
        now += chance.uniform(0.5, 25)
        end = now + chance.uniform(CONFIRMED, 12)
        events.append(Event(str(number), now, end, chance.uniform(now, end)))
    times = [0.0]
    while times[-1] < max(event.end for event in events) + MISSED + AFTER + 2:
        times.append(times[-1] + chance.choice(STEPS))
    times = [at for at in times if chance.random() > 0.02]
    clips: Dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        archive = open_archive(folder, Limits())
        sink = ClipSink(archive, "cam0", BEFORE, AFTER, clips.__setitem__)
        with sink:
            _film(sink, times, events)
        films = {}
        for clip in set(clips.values()):
            with Film(os.path.join(folder, clip)) as film:
                films[clip] = [times[number_of(jpeg)] for _, jpeg in film]
    shared: Dict[str, List[Event]] = {}
    for event in events:
        shared.setdefault(clips.get(event.name, ""), []).append(event)
    shared.pop("", None)
    first = last = snapshot = 0
    for clip, group in shared.items():
        begin, finish = min(event.start for event in group) - BEFORE, max(event.end for event in group) + AFTER
        wanted = [at for at in times if begin <= at <= finish]
        first += len(group) * (films[clip][0] == wanted[0])
        last += len(group) * (films[clip][-1] == wanted[-1])
        snapshot += sum(_seen(times, event.best) in films[clip] for event in group)
    what = f"{count}"
    return [
        Figure("events with a clip", f"{len(clips)} of {what}, in {len(films)} files", "all", len(clips) == count),
        Figure("first frame within one of the pre-roll", f"{first} of {what}", "all", first == count),
        Figure("last frame within one of the post-roll", f"{last} of {what}", "all", last == count),
        Figure("snapshot in its clip", f"{snapshot} of {what}", "all", snapshot == count),
    ]


def _seen(times: Sequence[float], at: float) -> float:
    """The last frame at a time."""
    return max(time for time in times if time <= at)


def _film(sink: ClipSink, times: Sequence[float], events: Sequence[Event]) -> None:
    """Frames at these times, with the changes that a tracker would tell: late, and after the thing is gone."""
    changes = sorted(
        [(event.start + CONFIRMED, 0, "new", event) for event in events]
        + [(event.end + MISSED, 1, "end", event) for event in events]
    )
    for number, now in enumerate(tqdm(times, unit=" frames", leave=False, disable=None)):
        made = frame(number, now)
        while changes and changes[0][0] <= now:
            _, _, kind, event = changes.pop(0)
            sink.listen(change(kind, event, now), made)
        put(sink, made)


def change(kind: str, event: Event, now: float) -> Change:
    """What is told of an event at a time of the camera."""
    end = WALL + event.end if kind == "end" else None
    return Change(kind, Incident(event.name, "cam0", 1, "person", 0, WALL + event.start, end), WALL + now)


def _kills(count: int) -> List[Figure]:
    chance = random.Random(0)
    bad: List[str] = []
    lost, seen = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        checked: Set[str] = set()
        for turn in tqdm(range(count), unit=" kills", leave=False, disable=None):
            written = film_and_kill(folder, chance.uniform(0.2, 3.0), turn)
            clips = _clips(folder)
            for path in sorted(clips - checked):
                numbers = _numbers(path)
                if not numbers or not _opens(path) or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
                    bad.append(path)
                seen += len(numbers)
                written -= set(numbers)
            lost = max(lost, len(written))
            checked |= clips
        manifest = Manifest(folder)
        unnamed = [path for path in _clips(folder) if os.path.relpath(path, folder) not in manifest.entries]
        manifest.close()
    return [
        Figure("clips that do not open after kill -9", f"{len(bad)} of {len(checked)}", "none", not bad and seen > 0),
        Figure("most frames that a kill lost", str(lost), "1 at most", lost <= 1),
        Figure("clips that the manifest does not name", str(len(unnamed)), "none", not unnamed),
    ]


def film_and_kill(folder: str, seconds: float, turn: int) -> Set[int]:
    """Start a process that films, and kill it; the numbers of the frames that it had written by then."""
    command = [sys.executable, "-m", "tools.soak.filming", folder, str(turn)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if not process.stdout.readline().startswith(HEARD):
        process.kill()
        raise NanoyoloError("the process that films did not start")
    time.sleep(seconds)
    process.kill()
    lines = process.communicate(timeout=PATIENCE)[0].splitlines(keepends=True)
    return {int(line[len(HEARD) :]) for line in lines if line.startswith(HEARD) and line.endswith("\n")}


def _clips(folder: str) -> Set[str]:
    return {os.path.join(place, name) for place, _, names in os.walk(folder) for name in names if name != NAME}


def _numbers(path: str) -> List[int]:
    try:
        with Film(path) as film:
            return [number_of(jpeg) for _, jpeg in film]
    except NanoyoloError:
        return []


def _opens(path: str) -> bool:
    """Whether ffprobe can play it to its end; True where there is no ffprobe."""
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    try:
        found = subprocess.run([*command, path], capture_output=True, text=True, timeout=PATIENCE)
    except FileNotFoundError:
        return True
    return (
        found.returncode == 0 and found.stdout.strip().rstrip(",").isdecimal() and int(found.stdout.split(",")[0]) > 0
    )
