"""Files with a few bytes changed, or cut off: never an error, never more frames than bytes."""

import itertools
import random

import pytest
import test_container_avi as avi
import test_container_fragments as fragments
import test_container_matroska as matroska
import test_container_mp4 as mp4

from app.sources.container import is_cut_off, read_track

CODEC = mp4.entry(b"mp4v", mp4.full(b"esds", b"\x03\x14\0\1\xe0" + bytes(60)), mp4.box(b"pasp", mp4.words(4, 3)))
RUN = mp4.full(b"trun", 2, 0, 9, *range(40, 48), flags=0xF05)
FILES = {
    "mp4": mp4.movie(mp4.trak(*mp4.B_FRAMES, edits=[(50, -1), (80, 40), (80, 0)], codec=CODEC)),
    "fragments": mp4.movie(fragments.TREX, mp4.trak(*fragments.NONE)) + fragments.fragment(RUN, time=9, duration=4) * 3,
    "matroska": matroska.film(
        *[matroska.cluster(40 * index, matroska.simple(0), matroska.simple(20)) for index in range(3)],
        tracks=[matroska.entry(matroska.element(0x23E383, 20000000), video=[matroska.element(0x54B0, 99)])],
    ),
    "avi": avi.film(avi.INDEX),
    "opendml": avi.film(streams=[avi.stream(avi.chunk(b"indx", avi.standard(3, 0, 4)))]),
    "chunks": avi.film(),
}
STRIKING = (0, 1, 0x7F, 0x80, 0xFF)


def damaged(data, seed):
    chance = random.Random(seed)
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place, width = chance.randrange(len(data)), chance.choice((1, 1, 4, 8))
        data[place : place + width] = bytes([chance.choice(STRIKING + (chance.randrange(256),))]) * width
    return bytes(data[: chance.randrange(len(data))] if chance.random() < 0.2 else data)


@pytest.mark.parametrize("name", FILES)
def test_damage(tmp_path, name):
    path = tmp_path / "film"
    seen = set()
    for seed in range(400):
        data = damaged(FILES[name], seed)
        path.write_bytes(data)
        is_cut_off(str(path))
        track = read_track(str(path))
        if track is None:
            seen.add("nothing")
            continue
        seen.add(track.codec)
        assert track.orientation in range(1, 9)
        assert track.aspect > 0
        if track.times is not None:
            times = list(itertools.islice(track.times, 100000))
            assert track.frames in (None, len(times))
            assert len(times) <= 1 << 18  # frames of a fragment may have no bytes of their own
    assert len(seen) > 1


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_track(str(tmp_path / "film.mp4"))
