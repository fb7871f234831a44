import json
import os

import pytest

from app.clips.manifest import NAME, Manifest
from app.errors import OutputError

ONE, TWO, THREE = (f"yard/2026-11-29/1{hour}-00-00.mkv" for hour in range(3))


def make(folder, name, size=10):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))


def read(folder):
    manifest = Manifest(str(folder))
    manifest.close()
    return {name: (entry.nbytes, entry.end) for name, entry in manifest.entries.items()}


def test_what_was_written_is_read_again_in_its_order(tmp_path):
    manifest = Manifest(str(tmp_path))
    for name in (TWO, ONE, THREE):
        make(tmp_path, name)
        entry = manifest.begin(name, 5.0)
        entry.nbytes = 10
        manifest.end(entry, 7.0, 0.0)
    manifest.forget(manifest.entries[ONE], 9.0)
    manifest.close()
    assert read(tmp_path) == {TWO: (10, 7.0), THREE: (10, 7.0)}
    assert list(read(tmp_path)) == [TWO, THREE]


def test_a_file_that_was_being_written_ends_with_its_last_change(tmp_path):
    manifest = Manifest(str(tmp_path))
    make(tmp_path, ONE, 33)
    os.utime(str(tmp_path / ONE), (11, 22))
    manifest.begin(ONE, 5.0)
    manifest.close()
    assert read(tmp_path) == {ONE: (33, 22.0)}


def test_what_is_gone_is_forgotten(tmp_path):
    manifest = Manifest(str(tmp_path))
    for name in (ONE, TWO):
        make(tmp_path, name)
        manifest.end(manifest.begin(name, 1.0), 2.0, 0.0)
    manifest.close()
    (tmp_path / ONE).unlink()
    assert list(read(tmp_path)) == [TWO]


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b"[1]\n",
        b"{}\n",
        b'{"file": 5, "start": 1}\n',
        b'{"file": "../../etc/passwd", "start": 1}\n',
        b'{"file": "/etc/passwd", "start": 1}\n',
        b'{"file": "yard/../2026-11-29/10-00-00.mkv", "start": 1}\n',
        b'{"file": "yard/2026-11-29/holiday.mkv", "start": 1}\n',
        b'{"file": "yard/2026-11-29/10-00-00.mkv\\n", "start": 1}\n',
        b'{"file": "yard/2026-11-29/10-00-00.mkv", "start": "x"}\n',
        b"\xff\xfe\n",
        b"[" * 20000 + b"\n",
    ],
)
def test_a_damaged_line_names_nothing(tmp_path, line, capsys):
    make(tmp_path, TWO)
    good = json.dumps({"file": TWO, "start": 1.0}).encode() + b"\n"
    (tmp_path / NAME).write_bytes(good + line + good)
    assert list(read(tmp_path)) == [TWO]
    assert "1 lines are damaged" in capsys.readouterr().err


def test_half_a_line_is_cut_off_and_the_next_one_whole(tmp_path):
    manifest = Manifest(str(tmp_path))
    for name in (ONE, TWO):
        make(tmp_path, name)
    manifest.end(manifest.begin(ONE, 1.0), 2.0, 0.0)
    manifest.close()
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes() + b'{"file": "yard/2026-')
    manifest = Manifest(str(tmp_path))
    manifest.begin(TWO, 3.0)
    manifest.close()
    assert [json.loads(line)["file"] for line in path.read_text().splitlines()] == [ONE, ONE, TWO]


def test_it_does_not_grow_for_ever(tmp_path):
    for _ in range(3):
        manifest = Manifest(str(tmp_path))
        for _ in range(12):
            make(tmp_path, ONE)
            entry = manifest.begin(ONE, 1.0)
            manifest.end(entry, 2.0, 0.0)
            manifest.forget(entry, 3.0)
        manifest.begin(ONE, 4.0)
        manifest.close()
    read(tmp_path)
    assert len((tmp_path / NAME).read_text().splitlines()) == 2


def test_two_programs_cannot_have_one_folder(tmp_path):
    manifest = Manifest(str(tmp_path))
    with pytest.raises(OutputError, match="another program is writing to it"):
        Manifest(str(tmp_path))
    manifest.close()
    Manifest(str(tmp_path)).close()


def test_a_line_for_which_there_is_no_room_is_taken_back(tmp_path):
    class Full:
        def __init__(self, file):
            self.file = file

        def fileno(self):
            return self.file.fileno()

        def truncate(self, size):
            self.file.truncate(size)

        def write(self, data):
            return self.file.write(data[:7])

    manifest = Manifest(str(tmp_path))
    make(tmp_path, ONE)
    entry = manifest.begin(ONE, 1.0)
    before = (tmp_path / NAME).read_bytes()
    whole, manifest._file = manifest._file, Full(manifest._file)
    with pytest.raises(OSError, match="No space left"):
        manifest.begin(TWO, 1.0)
    assert list(manifest.entries) == [ONE]
    manifest.end(entry, 2.0, 0.0)
    assert (tmp_path / NAME).read_bytes() == before
    whole.close()
