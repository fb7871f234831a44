import numpy as np
import pytest
from sequences import SEQINFO

from app.errors import SourceError
from tools.track.motchallenge import (
    Boxes,
    check_frames,
    last,
    read_detections,
    read_sequence,
    read_truth,
    write_tracks,
)


def written(tmp_path, text):
    path = tmp_path / "boxes.txt"
    path.write_text(text)
    return str(path)


def test_detections(tmp_path):
    text = "3,-1,10,20,30,40,0.75,-1,-1,-1\n1,-1,1.5,2,3,4,0.5\n3,-1,0,0,1,1,0.9,-1,-1,-1\n\n"
    found = read_detections(written(tmp_path, text))
    assert sorted(found) == [1, 3]
    assert found[1].boxes.tolist() == [[1.5, 2, 4.5, 6]]
    assert found[3].boxes.tolist() == [[10, 20, 40, 60], [0, 0, 1, 1]]
    assert found[3].scores.tolist() == [0.75, 0.9]
    assert last(found) == 3
    assert last({}) == 0


@pytest.mark.parametrize(
    "given, read",
    [((0.5, 0.25), [0.5, 0.25]), ((50, -1, 12.5), [1, 0, 0.25]), ((-1, -1), [1, 1]), ((1, 0), [1, 0])],
)
def test_scores_of_any_scale(tmp_path, given, read):
    text = "".join(f"1,-1,0,0,5,5,{score},-1,-1,-1\n" for score in given)
    assert read_detections(written(tmp_path, text))[1].scores.tolist() == read


def test_truth_without_what_does_not_count(tmp_path):
    found = read_truth(written(tmp_path, "1,7,0,0,5,5,1,-1,-1,-1\n1,8,0,0,5,5,0,-1,-1,-1\n2,8,0,0,5,5,0,1,1,1\n"))
    assert {frame: one.ids.tolist() for frame, one in found.items()} == {1: [7]}


def test_an_id_twice_in_a_frame(tmp_path):
    with pytest.raises(SourceError, match="twice in frame 4"):
        read_truth(written(tmp_path, "4,7,0,0,5,5,1\n4,7,9,9,5,5,1\n"))


def test_truth_in_which_nothing_counts(tmp_path):
    with pytest.raises(SourceError, match="no box that counts"):
        read_truth(written(tmp_path, "1,7,0,0,5,5,0\n"))


@pytest.mark.parametrize(
    "line",
    [
        "1,-1,10,20,30,40",
        "1 -1 10 20 30 40 0.5",
        "0,-1,10,20,30,40,0.5",
        "1.5,-1,10,20,30,40,0.5",
        "1,-1,10,20,-30,40,0.5",
        "1,-1,nan,20,30,40,0.5",
        "1e9,-1,10,20,30,40,0.5",
        "frame,id,left,top,width,height,score",
        "\x00\xff",
    ],
)
def test_what_is_no_row(tmp_path, line):
    with pytest.raises(SourceError, match="line 2"):
        read_detections(written(tmp_path, f"1,-1,10,20,30,40,0.5\n{line}\n"))


def test_an_empty_file_has_no_detections(tmp_path):
    assert read_detections(written(tmp_path, "")) == {}
    with pytest.raises(SourceError, match="none.txt"):
        read_detections(str(tmp_path / "none.txt"))


def test_tracks_are_written_and_read_again(tmp_path):
    path = str(tmp_path / "tracks.txt")
    first = Boxes(np.array([7]), np.array([[1.25, 2, 4.5, 8]]), np.array([0.5]))
    write_tracks(path, {5: first, 1: first})
    with open(path) as file:
        assert file.read().splitlines() == [f"{n},7,1.250,2.000,3.250,6.000,0.5000,-1,-1,-1" for n in (1, 5)]
    assert read_detections(path)[5].boxes.tolist() == [[1.25, 2, 4.5, 8]]


def test_sequence(tmp_path):
    (tmp_path / "seqinfo.ini").write_text(SEQINFO.format(length=30))
    assert read_sequence(str(tmp_path)) == ("walk", 10.0, 30, (640, 480))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[Sequence]\n",
        "frameRate=5",
        SEQINFO.format(length="many"),
        SEQINFO.format(length=0),
        SEQINFO.format(length=1.5),
        "[Sequence]\nframeRate=5\nseqLength=30\nimWidth=640\n",
        "[Sequence]\nframeRate=5\nimWidth=640\nimHeight=480\n",
        "[Sequence]\nseqLength=30\n",
    ],
)
def test_what_is_no_sequence(tmp_path, text):
    (tmp_path / "seqinfo.ini").write_text(text)
    with pytest.raises(SourceError, match="seqinfo.ini"):
        read_sequence(str(tmp_path))


@pytest.mark.parametrize(
    "text, size",
    [
        ("[Sequence]\nframeRate=10\nseqLength=30\n", None),
        (
            "\ufeff[Sequence]\r\nFRAMERATE = 10.0 ; a second\r\nseqlength=30.0\r\nimWidth=640\r\nimHeight=480",
            (640, 480),
        ),
    ],
)
def test_other_forms_of_a_sequence(tmp_path, text, size):
    folder = tmp_path / "walk"
    folder.mkdir()
    (folder / "seqinfo.ini").write_bytes(text.encode())
    assert read_sequence(str(folder)) == ("walk", 10.0, 30, size)


def test_frames_of_another_film():
    check_frames("gt.txt", {30: None}, 30, "street.mp4")
    with pytest.raises(SourceError, match=r"gt.txt.* 31.*street.mp4 has 30"):
        check_frames("gt.txt", {31: None}, 30, "street.mp4")
