"""The process that `tools.soak clips` kills: it films events into a folder, and says which frames are written.

python -m tools.soak.filming FOLDER TURN
"""

import sys
import time
from typing import List, Optional, Sequence

from app.clips.archive import open_archive
from app.clips.clips import ClipSink
from app.clips.retention import Limits
from tools.soak.clips import FPS, HEARD, Event, change
from tools.soak.shots import frame, put

BEFORE, AFTER = 0.5, 0.5  # seconds
EVERY, LONG = 1.6, 0.4  # seconds between the beginnings of two events, and length of one: then a clip ends
MOST_FRAMES = 100000  # of a turn


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Film until somebody kills this. Each line is the number of a frame that is in a clip."""
    folder, turn = sys.argv[1:] if argv is None else argv
    first = int(turn) * MOST_FRAMES
    waiting: List[int] = []
    sink = ClipSink(open_archive(folder, Limits()), "cam0", BEFORE, AFTER)
    with sink:
        start = time.monotonic()
        for index in range(MOST_FRAMES):
            now = index / FPS
            time.sleep(max(0.0, start + now - time.monotonic()))
            made = frame(first + index, now)
            number, since = divmod(now, EVERY)
            event = Event(f"{turn}-{int(number)}", now - since, now - since + LONG, now)
            if since < 1 / FPS:
                sink.listen(change("new", event, now), made)
            elif LONG <= since < LONG + 1 / FPS:
                sink.listen(change("end", event, now), made)
            before = sink.figures()["frames"]
            put(sink, made)
            waiting = (waiting + [first + index])[-int(1 + BEFORE * FPS) :]
            for written in waiting[len(waiting) - (sink.figures()["frames"] - before) :]:
                print(f"{HEARD}{written}", flush=True)


if __name__ == "__main__":
    main()
