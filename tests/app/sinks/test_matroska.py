import errno
import io
import os
import struct

import cv2
import numpy as np
import pytest
from support.video import play, room_for

from app.sinks import matroska
from app.sinks.matroska import MatroskaWriter, element
from app.sources.container import is_cut_off

SIZE = (64, 48)
CONTAINERS = {0x18538067: "segment", 0x1F43B675: "cluster", 0x1549A966: "info", 0x1C53BB6B: "cues", 0xBB: "point"}
CONTAINERS.update({0xB7: "positions", 0x114D9B74: "seeks", 0x4DBB: "seek", 0x1654AE6B: "tracks", 0xAE: "track"})
# An old OpenCV makes the time of a frame from its number, whatever the file says.
OPENCV_TELLS_TIMES = tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 6)


def picture(index, size=SIZE):
    """A bluish slope, lighter than the one before. Of one hue, because decoders differ in where hues meet."""
    y, x = np.mgrid[: size[1], : size[0]]
    slope = (x / size[0] + y / size[1]) * 25 + 4 * (index % 40)
    return np.stack([slope + 40, slope, slope], axis=2).astype(np.uint8)


def jpeg(image):
    good, data = cv2.imencode(".jpg", image)
    assert good
    return data.tobytes()


def record(path, times, fps=25, size=SIZE, finish=True):
    with open(str(path), "wb", buffering=0) as file:
        writer = MatroskaWriter(file, size[0], size[1], fps)
        for index, time in enumerate(times):
            writer.write(jpeg(picture(index, size)), time)
        if finish:
            writer.close()
    return path.read_bytes()


def at_rate(fps, frames):
    return [index / fps for index in range(frames)]


def assert_same(images, size=SIZE):
    for index, image in enumerate(images):
        expected = cv2.imdecode(np.frombuffer(jpeg(picture(index, size)), np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == expected.shape
        assert np.abs(image.astype(int) - expected).mean() < 1.5, index  # neighbours differ by 4


def number(data, position, keep_marker):
    width = 9 - data[position].bit_length()
    value = int.from_bytes(data[position : position + width], "big")
    open_size = value == (1 << 7 * width + 1) - 1
    return (value if keep_marker else value - (1 << 7 * width)), position + width, open_size


def parse(data, position=0, end=None):
    """A reader of its own: [(id, position, content)], the content being bytes or such a list."""
    found, end = [], len(data) if end is None else end
    while position < end:
        start = position
        name, position, _ = number(data, position, True)
        size, position, is_open = number(data, position, False)
        stop = end if is_open else position + size
        if is_open and name == 0x1F43B675:  # the next cluster or the index ends it
            after = [data.find(struct.pack(">I", each), position) for each in (0x1F43B675, 0x1C53BB6B)]
            stop = min([each for each in after if each > 0] + [end])
        assert stop <= end, "an element reaches out of its parent"
        found.append((name, start, parse(data, position, stop) if name in CONTAINERS else data[position:stop]))
        position = stop
    return found


def children(tree, *names):
    """All contents under a path of ids."""
    for name in names[:-1]:
        tree = [child for each, _, content in tree if each == name for child in content]
    return [content for each, _, content in tree if each == names[-1]]


def block_times(data):
    times = []
    for cluster in children(parse(data), matroska.SEGMENT, matroska.CLUSTER):
        base = int.from_bytes(children(cluster, matroska.TIMESTAMP)[0], "big")
        for block in children(cluster, matroska.SIMPLE_BLOCK):
            track, offset, flags = struct.unpack(">BhB", block[:4])
            assert (track, flags) == (0x81, 0x80)
            times.append(base + offset)
    return times


def duration(data):
    return struct.unpack(">d", children(parse(data), matroska.SEGMENT, matroska.INFO, matroska.DURATION)[0])[0]


@pytest.mark.parametrize("finish", [True, False], ids=["finished", "killed"])
@pytest.mark.parametrize("size", [(2, 2), (1, 1), (64, 48), (65, 49), (640, 480), (33, 200)])
def test_the_pictures_come_back_in_order(tmp_path, size, finish):
    path = tmp_path / "a.mkv"
    record(path, at_rate(10, 24), 10, size, finish)
    images, _ = play(path)
    assert len(images) == 24
    assert_same(images, size)
    assert not is_cut_off(str(path))


@pytest.mark.parametrize("fps", [25, 12.5, 30000 / 1001, 5, 60, 0.5, np.float64(15)])
def test_a_constant_rate(tmp_path, fps):
    path = tmp_path / "a.mkv"
    data = record(path, at_rate(fps, 40), fps)
    assert duration(data) == pytest.approx(1000 * 40 / fps, abs=1)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(fps, rel=1e-3)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 40
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == SIZE
    capture.release()
    _, times = play(path)
    if OPENCV_TELLS_TIMES:
        assert times == pytest.approx(at_rate(fps, 40), abs=0.001)


@pytest.mark.parametrize("fps", [None, 10])
@pytest.mark.parametrize(
    "times",
    [
        pytest.param([0, 0.04, 0.5, 0.512, 1.9, 2.0, 2.001, 9.75], id="irregular"),
        pytest.param([0, 0.1, 3600.1, 3600.2, 7300], id="gaps of an hour"),
        pytest.param([3, 3.25, 3.5], id="late beginning"),
        pytest.param([index * index / 1000 for index in range(90)], id="slowing down"),
        pytest.param([0], id="one frame"),
        pytest.param([0, 0.999, 1.998, 2.999, 4.0], id="around a cluster's length"),
        pytest.param([1e7, 1e7 + 0.5], id="four months"),
    ],
)
def test_irregular_times(tmp_path, times, fps):
    path = tmp_path / "a.mkv"
    data = record(path, times, fps)
    expected = [round(1000 * time) for time in times]
    assert block_times(data) == expected
    images, played = play(path)
    assert len(images) == len(times)
    assert_same(images)
    if OPENCV_TELLS_TIMES:
        since_first = [time - times[0] for time in times]
        assert [time - played[0] for time in played] == pytest.approx(since_first, abs=0.001)
    mean = (expected[-1] - expected[0]) / max(1, len(times) - 1) or 1
    assert duration(data) == pytest.approx(expected[-1] + (100 if fps else mean))


def test_times_that_do_not_increase(tmp_path):
    data = record(tmp_path / "a.mkv", [-1, 0, 0, 0.5, 0.4, 0.5, 0.5004, 1.6, 0], 25)
    assert block_times(data) == [0, 1, 2, 500, 501, 502, 503, 1600, 1601]


@pytest.mark.parametrize("every", [pytest.param(1, id="all clusters"), pytest.param(4, id="every fourth")])
def test_seeking(tmp_path, monkeypatch, every):
    if every > 1:
        monkeypatch.setattr(matroska, "MAX_CUES", 2)
    path = tmp_path / "a.mkv"
    record(path, at_rate(10, 40), 10)
    capture = cv2.VideoCapture(str(path))
    for index in [30, 3, 39, 0, 20, 19, 10, 9]:
        for place, value in ((cv2.CAP_PROP_POS_FRAMES, index), (cv2.CAP_PROP_POS_MSEC, 100 * index)):
            capture.set(place, value)
            good, image = capture.read()
            assert good
            assert image.mean() == pytest.approx(picture(index).mean(), abs=1.5), index
    capture.release()


def test_a_finished_file_is_whole(tmp_path):
    """Every size is known, every position points at what it says."""
    data = record(tmp_path / "a.mkv", at_rate(10, 55), 10)
    assert matroska.UNKNOWN not in data
    tree = parse(data)
    assert [name for name, _, _ in tree] == [0x1A45DFA3, matroska.SEGMENT]
    names = [name for name, _, _ in tree[1][2]]
    assert names == [matroska.SEEK_HEAD, matroska.INFO, matroska.TRACKS] + [matroska.CLUSTER] * 6 + [matroska.CUES]
    first = tree[1][2][0][1]  # where positions count from
    places = {position - first: (name, content) for name, position, content in tree[1][2]}
    seeks = children(tree, matroska.SEGMENT, matroska.SEEK_HEAD, matroska.SEEK)
    for seek in seeks:
        name = int.from_bytes(children(seek, matroska.SEEK_ID)[0], "big")
        assert places[int.from_bytes(children(seek, matroska.SEEK_POSITION)[0], "big")][0] == name
    assert len(seeks) == 3
    points = children(tree, matroska.SEGMENT, matroska.CUES, matroska.CUE_POINT)
    for point in points:
        positions = children(point, matroska.CUE_TRACK_POSITIONS)[0]
        name, content = places[int.from_bytes(children(positions, matroska.CUE_CLUSTER_POSITION)[0], "big")]
        assert name == matroska.CLUSTER
        assert children(content, matroska.TIMESTAMP) == children(point, matroska.CUE_TIME)
    assert len(points) == 6


def test_only_the_last_cluster_is_open(tmp_path):
    """A reader can skip from one to the next, also in the file of a program that was killed."""
    data = record(tmp_path / "a.mkv", at_rate(10, 35), 10, finish=False)
    assert data.count(matroska.UNKNOWN) == 2, "segment and last cluster"
    assert data.rindex(matroska.UNKNOWN) == data.rindex(struct.pack(">I", matroska.CLUSTER)) + 4


def test_no_frames(tmp_path):
    path = tmp_path / "a.mkv"
    data = record(path, [])
    assert [name for name, _, _ in parse(data)[1][2]] == [matroska.VOID, matroska.INFO, matroska.TRACKS]
    assert not is_cut_off(str(path))
    assert play(path)[0] == []


def test_a_cut_loses_only_the_frame_that_is_cut(tmp_path):
    path, size = tmp_path / "a.mkv", (16, 16)
    ends = []  # of the file after each frame
    with open(str(path), "wb", buffering=0) as file:
        writer = MatroskaWriter(file, size[0], size[1], 10)
        header = os.path.getsize(str(path))
        for index, time in enumerate(at_rate(10, 14)):
            writer.write(jpeg(picture(index, size)), time)
            ends.append(os.path.getsize(str(path)))
        # The file as it is before the second cluster ends, so that the cuts below are what a kill can leave.
        data = path.read_bytes()
    cluster = ends[9]  # the second begins here
    cuts = set(range(header, len(data), 97)) | set(range(cluster - 3, cluster + 45))
    cuts |= {end + near for end in ends for near in (-2, -1, 0, 1)}
    for cut in sorted(cuts):
        path.write_bytes(data[:cut])
        whole = sum(end <= cut for end in ends)
        images, _ = play(path)
        assert whole <= len(images) <= whole + 1, cut  # a decoder may show the part of a picture that is there
        assert_same(images[:whole], size)
    for cut in range(0, header, 7):
        path.write_bytes(data[:cut])
        assert play(path)[0] == []


@pytest.mark.parametrize("limit", [7000, 20000, 31234])
def test_a_full_disk_leaves_a_playable_file(tmp_path, limit):
    path = tmp_path / "a.mkv"
    written = 0
    with open(str(path), "wb", buffering=0) as file, room_for(limit):
        writer = MatroskaWriter(file, SIZE[0], SIZE[1], 10)
        with pytest.raises(OSError, match="No space left") as caught:
            while written < 1000:
                writer.write(jpeg(picture(written)), written / 10)
                written += 1
        assert caught.value.errno == errno.ENOSPC
        assert len(block_times(path.read_bytes())) == written
        with pytest.raises(OSError, match="No space left"):  # and once more, into a new cluster
            writer.write(jpeg(picture(0)) + bytes(limit), written / 10 + 2)
        writer.close()
    data = path.read_bytes()
    assert 3 < written < 1000
    assert block_times(data) == [100 * index for index in range(written)]
    assert matroska.UNKNOWN not in data
    assert duration(data) == pytest.approx(100 * written)
    images, _ = play(path)
    assert len(images) == written
    assert_same(images)
    assert not is_cut_off(str(path))


class FullDisk(io.BytesIO):
    """Takes so many bytes in all, then has no room, not even to overwrite."""

    def __init__(self, room, error=errno.ENOSPC):
        super().__init__()
        self.room, self.error = room, error

    def write(self, data):
        if self.tell() + len(data) > self.room:
            raise OSError(self.error, os.strerror(self.error))
        return super().write(data)


def test_room_again_after_a_full_disk():
    disk = FullDisk(10000)
    writer = MatroskaWriter(disk, 2, 2, 10)
    writer.write(bytes(1000), 0)
    for time in (0.1, 1.5):
        with pytest.raises(OSError, match="No space"):
            writer.write(bytes(10000), time)
    disk.room = 1 << 20
    writer.write(bytes(1000), 0.2)
    writer.write(bytes(1000), 1.7)
    writer.close()
    assert block_times(disk.getvalue()) == [0, 200, 1700]
    assert len(children(parse(disk.getvalue()), matroska.SEGMENT, matroska.CUES, matroska.CUE_POINT)) == 3


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "failing"])
def test_a_disk_that_takes_nothing_at_the_end(error):
    disk = FullDisk(10000, error)
    writer = MatroskaWriter(disk, 2, 2, 10)
    writer.write(bytes(1000), 0)
    data = disk.getvalue()
    disk.room = 0
    with pytest.raises(OSError, match=os.strerror(error)):
        writer.write(bytes(10), 0)
    if error == errno.ENOSPC:
        writer.close()
    else:
        with pytest.raises(OSError, match=os.strerror(error)):
            writer.close()
    assert disk.getvalue() == data


def test_no_room_for_the_header():
    disk = FullDisk(20)
    with pytest.raises(OSError, match="No space"):
        MatroskaWriter(disk, 2, 2, 10)
    assert disk.getvalue() == b""


def test_an_interrupted_write_is_forgotten():
    file = io.BytesIO()
    writer = MatroskaWriter(file, 2, 2, 10)
    writer.write(bytes(1000), 0)
    file.write(bytes(5000))  # of a frame whose end was never reached
    writer.close()
    data = file.getvalue()
    assert block_times(data) == [0]
    writer.close()
    assert file.getvalue() == data, "closing twice changes nothing"


def test_the_index_stays_small():
    file = io.BytesIO()
    writer = MatroskaWriter(file, 2, 2, 1)
    for second in range(20000):
        writer.write(b"", second)
        assert len(writer._cues) <= matroska.MAX_CUES
    writer.close()
    points = children(parse(file.getvalue()), matroska.SEGMENT, matroska.CUES, matroska.CUE_POINT)
    times = [int.from_bytes(children(point, matroska.CUE_TIME)[0], "big") for point in points]
    assert times == list(range(0, 20000 * 1000, 8000)), "evenly thinned"


@pytest.mark.parametrize(
    "length, size",
    [
        (0, b"\x80"),
        (126, b"\xfe"),
        pytest.param(127, b"\x40\x7f", id="all bits set would be unknown"),
        (16382, b"\x7f\xfe"),
        (16383, b"\x20\x3f\xff"),
    ],
)
def test_sizes_of_elements(length, size):
    assert element(0xEC, bytes(length)) == b"\xec" + size + bytes(length)


@pytest.mark.parametrize(
    "value, payload",
    [(0, b"\0"), (255, b"\xff"), (256, b"\1\0"), ("é", b"\xc3\xa9"), (1.0, b"\x3f\xf0" + bytes(6)), (b"ab", b"ab")],
)
def test_values_of_elements(value, payload):
    assert element(0x4DBB, value) == b"\x4d\xbb" + bytes([0x80 + len(payload)]) + payload
