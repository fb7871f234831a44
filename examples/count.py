"""Count what crosses a line, in a film or before a camera. The line has two ends, in pixels.

python examples/count.py street.mp4 100,200-400,200
"""

import sys

from nanoyolo import Line, Scene, Tracker, load_detector, open_source

start, end = (tuple(map(float, point.split(","))) for point in sys.argv[2].split("-"))
line = Line("door", start, end)
tracker, scene = Tracker(), Scene([line])
# Scores as low as 0.1: weak ones start no track, but keep hold of one.
with open_source(sys.argv[1]) as source, load_detector("yolov3-tiny", size=416, confidence=0.1) as detector:
    for frame in source:
        if frame is not None:
            found = tracker.update(detector.detect(frame.image), frame.time)
            for event in scene.update(found, frame.time):
                if event.type == "cross":
                    print(f"{event.t:.1f} s: {event.seen.label} {event.seen.track} goes {event.direction}")
print(line.totals)
