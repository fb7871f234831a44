import json

import cv2
import pytest
from support.streams import write_video

from app.errors import SourceError
from tools import demo


def test_the_still_is_the_fullest_frame(tmp_path):
    video, lines, still = (str(tmp_path / name) for name in ("video.avi", "lines.jsonl", "still.jpg"))
    write_video(video, 3)
    with open(lines, "w") as file:
        for number, count in enumerate([0, 2, 1]):
            file.write(json.dumps({"frame": number, "detections": [{"score": 0.5}] * count}) + "\n")
    assert demo.fullest_frame(lines) == 1
    demo.save_still(video, 1, still)
    assert abs(float(cv2.imread(still).mean()) - 10) < 5
    with pytest.raises(SourceError, match="cannot read frame 99"):
        demo.save_still(video, 99, still)
