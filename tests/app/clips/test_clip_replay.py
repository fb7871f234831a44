import random

import pytest
from support.recorded import frame

from app.clips.replay import Film, Replay
from app.errors import SourceError
from app.sinks.matroska import MatroskaWriter

TIMES = [0.0, 0.1, 0.25, 1.5, 1.6, 4.0]


def jpegs(count):
    return [frame(0, index).picture.jpeg() for index in range(count)]


def record(path, at=TIMES, finish=True, size=(16, 8)):
    with open(str(path), "wb", buffering=0) as file:
        writer = MatroskaWriter(file, size[0], size[1])
        for jpeg, time in zip(jpegs(len(at)), at):
            writer.write(jpeg, time)
        if finish:
            writer.close()
    return str(path)


@pytest.mark.parametrize("finish", [True, False], ids=["finished", "killed"])
def test_the_very_same_jpegs_come_back_with_their_times(tmp_path, finish):
    with Film(record(tmp_path / "a.mkv", finish=finish)) as film:
        assert list(film) == list(zip(TIMES, jpegs(len(TIMES))))
        assert film.size == (16, 8)
        assert len(film) == 6


def test_times_count_from_the_first_frame(tmp_path):
    with Film(record(tmp_path / "a.mkv", [100.0, 100.5, 140.0])) as film:
        assert film.times == [0, 0.5, 40.0]


@pytest.mark.parametrize("seconds, index", [(-1, 0), (0, 0), (0.099, 0), (0.1, 1), (1.49, 2), (1.5, 3), (99, 5)])
def test_what_is_shown_at_a_time(tmp_path, seconds, index):
    with Film(record(tmp_path / "a.mkv")) as film:
        assert film.at(seconds) == index


def test_every_cut(tmp_path):
    """What a kill leaves: all frames that are complete, and never half of one."""
    record(tmp_path / "a.mkv", finish=False)
    whole = (tmp_path / "a.mkv").read_bytes()
    expected = jpegs(len(TIMES))
    ends = [whole.index(jpeg) + len(jpeg) for jpeg in expected]
    path = tmp_path / "cut.mkv"
    for cut in sorted({*range(0, len(whole), 151), *(end + near for end in ends for near in (-1, 0, 1))}):
        path.write_bytes(whole[:cut])
        count = sum(end <= cut for end in ends)
        if not count:
            with pytest.raises(SourceError, match="no recording of this program"):
                Film(str(path))
            continue
        with Film(str(path)) as film:
            assert [jpeg for _, jpeg in film] == expected[:count], cut


def test_one_that_grows(tmp_path):
    path = tmp_path / "a.mkv"
    with open(str(path), "wb", buffering=0) as file:
        writer = MatroskaWriter(file, 16, 8)
        for index, (jpeg, time) in enumerate(zip(jpegs(6), TIMES)):
            writer.write(jpeg, time)
            with Film(str(path)) as film:
                assert film.times == TIMES[: index + 1]


@pytest.mark.parametrize(
    "data", [b"", b"\x1a\x45\xdf\xa3", b"RIFF" + bytes(100), b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\xff" * 9]
)
def test_what_is_no_recording(tmp_path, data):
    path = tmp_path / "a.mkv"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="no recording of this program"):
        Film(str(path))
    with pytest.raises(SourceError, match="No such file"):
        Film(str(tmp_path / "b.mkv"))


def test_damage_anywhere_neither_raises_nor_reads_more_than_the_file(tmp_path):
    record(tmp_path / "a.mkv")
    whole = (tmp_path / "a.mkv").read_bytes()
    chance, path = random.Random(0), tmp_path / "damaged.mkv"
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(bytes(data))
        try:
            with Film(str(path)) as film:
                assert film.times == sorted(set(film.times))
                assert sum(len(jpeg) for _, jpeg in film) < len(whole)
        except SourceError:
            pass


def test_a_replay_shows_each_picture_when_it_is_due(tmp_path):
    clock = [50.0]
    with Film(record(tmp_path / "a.mkv")) as film:
        replay = Replay(film, 2.0, lambda: clock[0])
        found = []
        for _ in range(26):
            picture = replay.picture()
            found.append(picture.number)
            assert picture.jpeg(320) == jpegs(6)[picture.number - 1]
            assert replay.ended == (picture.number == 6)
            clock[0] += 0.1
        assert found[:10] == [1, 2, 3, 3, 3, 3, 3, 3, 5, 5]  # 0, 0.2, 0.4, ... seconds of the film
        assert found[19:] == [5, 6, 6, 6, 6, 6, 6]


def test_a_replay_that_starts_in_the_middle(tmp_path):
    clock = [50.0]
    with Film(record(tmp_path / "a.mkv")) as film:
        replay = Replay(film, now=lambda: clock[0], begin=1.55)
        assert not replay.ended
        assert replay.picture().number == 4
        clock[0] += 0.1
        assert replay.picture().number == 5
        clock[0] += 2.4
        assert replay.picture().number == 6
        assert replay.ended
