import os

import cv2
import pytest
from support.video import picture, write

from app.errors import OutputError
from app.files import numbered
from app.sinks.stills import ImageSink


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "OUT.BMP", "out.jfif", "out.jpe", "out.dib"])
def test_one_image(tmp_path, name):
    with ImageSink(str(tmp_path / name)) as sink:
        write(sink, picture(100), name="dog.jpg")
    assert os.listdir(str(tmp_path)) == [name]
    image = cv2.imread(str(tmp_path / name))
    assert image.shape == (48, 64, 3)
    assert image.mean() == pytest.approx(100, abs=1)


def test_images_go_to_a_folder_under_their_own_names(tmp_path):
    folder = tmp_path / "some" / "where"
    with ImageSink(str(folder)) as sink:
        write(sink, picture(10), 0, "a.png")
        write(sink, picture(20), 1, "b.JPG")
        write(sink, picture(30), 2)
    assert sorted(os.listdir(str(folder))) == ["000002.jpg", "a.png", "b.JPG"]
    assert cv2.imread(str(folder / "a.png")).mean() == 10
    assert cv2.imread(str(folder / "b.JPG")).mean() == pytest.approx(20, abs=1)


@pytest.mark.parametrize(
    "path, phrase",
    [
        pytest.param("absent/out.png", "no folder", id="an image in a missing folder"),
        pytest.param("file", "cannot create", id="a file for a folder"),
        pytest.param("file/folder", "cannot create", id="a folder in a file"),
    ],
)
def test_images_that_cannot_be_written(tmp_path, path, phrase):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=phrase):
        ImageSink(str(tmp_path / path))


@pytest.mark.parametrize("name", ["out.heic", "out.pgm", "out.PBM"])
def test_an_image_that_opencv_cannot_write_is_refused_at_the_start(tmp_path, name):
    with pytest.raises(OutputError, match=r"writes no images in colour as .*; name a .png"):
        ImageSink(str(tmp_path / name))


@pytest.mark.parametrize(
    "name", ["12:31:00.jpg", "%03d.png", "[1].png", "-dash.bmp", "caf\u00e9.jpg", "n" * 251 + ".png"]
)
def test_every_name_is_an_image_in_the_current_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(str(tmp_path))
    with ImageSink(name) as sink:
        write(sink, picture(100))
    with ImageSink("folder") as sink:
        write(sink, picture(100), 0, name)
        write(sink, picture(100), 1, name)
    assert sorted(os.listdir(".")) == sorted([name, "folder"])
    assert sorted(os.listdir("folder")) == sorted([name, numbered(name, 1)])
