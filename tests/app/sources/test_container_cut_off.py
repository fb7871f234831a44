import pytest
from support.video import picture, write_video

from app.sources.container import is_cut_off


@pytest.mark.parametrize("suffix, code", [(".avi", "MJPG"), (".mp4", "mp4v"), (".mkv", "mp4v")])
def test_real_files(tmp_path, suffix, code):
    path = write_video(tmp_path / ("video" + suffix), [picture(5 * index) for index in range(50)], code=code)
    data = path.read_bytes()
    assert not is_cut_off(str(path))
    for length in (len(data) - 1, len(data) // 2):
        path.write_bytes(data[:length])
        assert is_cut_off(str(path))


MATROSKA = b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67"  # an EBML header of 2 bytes, then a segment's id
FLV = b"FLV\x01\x01\0\0\0\x09\0\0\0\0"


@pytest.mark.parametrize(
    "data, cut_off",
    [
        pytest.param(b"\x00\x00\x00\x10ftyp12345678\x00\x00\x00\x00mdat", False, id="mp4, last box to the end"),
        pytest.param(b"\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x12ab", False, id="mp4, 64-bit size"),
        pytest.param(b"\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x13ab", True, id="mp4, 64-bit, a byte short"),
        pytest.param(b"\x00\x00\x00\x03mdat", False, id="mp4, a size that is nonsense"),
        pytest.param(MATROSKA + b"\x83abc", False, id="mkv, whole"),
        pytest.param(MATROSKA + b"\x84abc", True, id="mkv, a byte short"),
        pytest.param(MATROSKA + b"\xff", False, id="mkv, size left open, as of a live recording"),
        pytest.param(MATROSKA + b"\x01\xff\xff\xff\xff\xff\xff\xff", False, id="mkv, size left open, in 8 bytes"),
        pytest.param(MATROSKA + b"\x40\x03abc", False, id="mkv, size in 2 bytes"),
        pytest.param(b"\x1a\x45\xdf\xa3\x01" + b"\xee" * 7, True, id="mkv, a header that does not end"),
        pytest.param(b"RIFF\x04\x00\x00\x00AVI ", False, id="avi, whole"),
        pytest.param(b"RIFF\x05\x00\x00\x00AVI ", True, id="avi, a byte short"),
        pytest.param(FLV + b"\x09\0\0\x02" + bytes(7) + b"ab\0\0\0\x0d", False, id="flv, whole"),
        pytest.param(FLV + b"\x09\0\0\x02" + bytes(7) + b"ab\0\0\0", True, id="flv, a byte short"),
        pytest.param(FLV + b"\x09\0\0\x02" + bytes(7) + b"a", True, id="flv, cut in a tag"),
        pytest.param(FLV + b"\x09", True, id="flv, cut in a tag's head"),
        pytest.param(b"something else", False, id="another kind"),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_headers(tmp_path, data, cut_off):
    path = tmp_path / "video"
    path.write_bytes(data)
    assert is_cut_off(str(path)) == cut_off
