import pytest

from app.errors import SourceError
from tools.train_detector.examples import Object
from tools.train_detector.voc import read_voc

BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30.5</xmax><ymax>40</ymax></bndbox>"
PART = "<part><name>head</name><bndbox><xmin>9</xmin><ymin>9</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>"


def write(folder, body, head=""):
    path = folder / "label.xml"
    path.write_text(f"{head}<annotation>{body}</annotation>")
    return str(path)


def test_objects_with_their_names_and_corners(tmp_path):
    body = f"<filename>a.jpg</filename><object><name> cat </name>{BOX}</object><object>{BOX}<name>dog</name></object>"
    assert read_voc(write(tmp_path, body)) == [Object("cat", (1, 2, 30.5, 40)), Object("dog", (1, 2, 30.5, 40))]


def test_parts_of_an_object_are_not_objects(tmp_path):
    body = f"<object><name>person</name>{BOX}{PART}</object>"
    assert read_voc(write(tmp_path, body)) == [Object("person", (1, 2, 30.5, 40))]


def test_a_picture_without_objects(tmp_path):
    assert read_voc(write(tmp_path, "<size><width>3</width></size>")) == []


BOMB = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "head, body, message",
    [
        (BOMB, f"<object><name>&c;</name>{BOX}</object>", "DOCTYPE"),
        (OUTSIDE, f"<object><name>&b;</name>{BOX}</object>", "DOCTYPE"),
        ("", f"<object><name>&b;</name>{BOX}</object>", "undefined entity"),
        ("", f"<object>{BOX}</object>", "object 1 has no name"),
        ("", "<object><name>cat</name></object>", "object 1 has no <xmin>"),
        ("", f"<object><name>cat</name>{BOX.replace('30.5', 'x')}</object>", "should be numbers"),
        ("", f"<object><name>cat</name>{BOX.replace('30.5', 'inf')}</object>", "should be finite"),
        ("", "<object>" * 20, "nested too deeply"),
        ("", "<object>", "not a Pascal VOC label"),
        ("<other/>", "", "not a Pascal VOC label"),
        ('<?xml version="1.0" encoding="klingon"?>', "", "not a Pascal VOC label"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path, head, body, message):
    with pytest.raises(SourceError, match=message):
        read_voc(write(tmp_path, body, head))


def test_a_file_that_is_too_large(tmp_path):
    with pytest.raises(SourceError, match="larger than 4 MB"):
        read_voc(write(tmp_path, " " * (5 << 20)))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SourceError, match="No such file"):
        read_voc(str(tmp_path / "none.xml"))
