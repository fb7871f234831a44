import pytest

from app.config.file import CAMERA_KEYS, RUN_KEYS, SWITCHES, read_config
from app.errors import UsageError


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def read(text):
        (tmp_path / "front.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_config("front.toml")

    return read


def contents(table):
    return {key: value.content for key, value in table.items()}


def test_each_key_has_its_text_and_its_place(read):
    file = read(
        """# size = 1
size = 416
wait = true

[camera.front]
cam = "rtsp://h/live"   # cam = 1
fps = 12.5
loop = false
classes = ["traffic light", "dog"]

[camera.yard-2]
source = 0
"""
    )
    assert contents(file.top) == {"size": "416", "wait": True}
    assert list(file.cameras) == ["front", "yard-2"]
    front = {"cam": "rtsp://h/live", "fps": "12.5", "loop": False, "classes": "traffic light,dog"}
    assert contents(file.cameras["front"]) == front
    assert contents(file.cameras["yard-2"]) == {"cam": "0"}
    assert file.top["size"].place == "front.toml:2: size"
    assert file.cameras["front"]["classes"].place == "front.toml:9: classes"
    assert file.cameras["yard-2"]["cam"].place == "front.toml:12: source"
    assert file.sources == []


def test_sources_above_the_tables(read):
    assert [value.content for value in read("cam = 2").sources] == ["2"]
    assert [value.content for value in read('cam = ["a.mp4", "yard=b.mp4", 0]').sources] == ["a.mp4", "yard=b.mp4", "0"]
    assert read("") == ([], {}, {})


def test_no_key_is_of_both_kinds():
    assert not set(RUN_KEYS) & set(CAMERA_KEYS)
    assert set(SWITCHES) < set(RUN_KEYS) | set(CAMERA_KEYS)


@pytest.mark.parametrize(
    "text, message",
    [
        ("\nszie = 5", "front.toml:2: szie: unknown key; did you mean size?"),
        ("max-frames = 5", "front.toml:1: max-frames: unknown key; did you mean max_frames?"),
        ("[cameras.front]\ncam = 0", "front.toml:1: cameras: unknown key; did you mean camera?"),
        ("config = 'a.toml'", "front.toml:1: config: unknown key; "),
        ("check = true", "front.toml:1: check: unknown key; "),
        ("[camera.front]\ncam = 0\n  zzz = 5", "front.toml:3: zzz: unknown key; choose from: cam, password_file, "),
        (
            "[camera.front]\ncam = 0\nmodel = 'x'",
            "front.toml:3: model: is for all cameras; move it to the top of the file, above the first [camera.NAME]",
        ),
        ("[camera.front]\ncam = 0\n[camera.front.size]\na = 1", "front.toml:3: size: should be one text or number"),
        ("[camera]\ncam = 0", "front.toml:1: camera: should be followed by a name, as [camera.front]"),
        ("[[camera]]\ncam = 0", "front.toml: camera: should be followed by a name, as [camera.front]"),
        ("[camera.Front]\ncam = 0", "front.toml:1: Front: a camera's name has a-z"),
        ("[camera.front]\nsize = 32", 'front.toml:1: front: the camera has no source; add a line: cam = "SOURCE"'),
        ("[camera.a]\ncam = 0\nsource = 0", "front.toml:3: source: cam and source are the same; remove one of them"),
        ("cam = 0\n[camera.a]\ncam = 1", "front.toml:1: cam: each camera has its own, below [camera.NAME]"),
        ("cam = []", "front.toml:1: cam: the list is empty"),
        ("[camera.a]\ncam = [0]", "front.toml:2: cam: should be one text or number"),
        ("wait = 'yes'", "front.toml:1: wait: should be true or false"),
        ("wait = 1", "front.toml:1: wait: should be true or false"),
        ("size = true", "front.toml:1: size: should not be true or false"),
        ("size = [32]", "front.toml:1: size: should be one text or number"),
        ("classes = [1]", 'front.toml:1: classes: should be a list of labels, as ["person", "dog"]'),
        ("save = 2024-01-01", "front.toml:1: save: should be one text or number"),
    ],
)
def test_what_is_wrong(read, text, message):
    with pytest.raises(UsageError) as caught:
        read(text)
    assert str(caught.value).startswith(message)


def test_variables_of_the_environment(read, monkeypatch):
    monkeypatch.setenv("PW", "a$b")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("NONE", raising=False)
    found = read('save = "$$x ${PW}${EMPTY}/{camera}"\nmodel = "$$"\nclasses = ["${PW}", "$$PW"]').top
    assert contents(found) == {"save": "$x a$b/{camera}", "model": "$", "classes": "a$b,$PW"}
    assert [found[key].secret for key in ("save", "model", "classes")] == [True, False, True]
    with pytest.raises(UsageError, match=r"^front.toml:2: cam: the environment has no NONE$"):
        read('[camera.a]\ncam = "rtsp://a:${NONE}@h/"')


@pytest.mark.parametrize("text", ["p$a", "${", "${A", "${A-B}", "${}", "$PW", "a$"])
def test_a_dollar_that_is_neither(read, text):
    with pytest.raises(UsageError) as caught:
        read(f"cam = '{text}'")
    expected = "front.toml:1: cam: write $$ for a dollar, and ${NAME} for a variable of the environment"
    assert str(caught.value) == expected, "the text may be a password"
