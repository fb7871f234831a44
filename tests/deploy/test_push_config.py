"""What push-board.sh does with a file of settings, on this machine, with its folders elsewhere.

systemctl, runuser, id and chown are fakes, and so is the version: what it says of a file is in the file itself. The
service ends at once where the current version, or the file, has the word "broken".
"""

import hashlib
import io
import os
import re
import sys
import tarfile

import pytest
from commands import JETSON, run, write
from push_projects import small_project

ON_BOARD = JETSON / "on-board"

CHECK = """import sys
text = open(sys.argv[1]).read()
if "wrong" in text:
    sys.exit("warning: about this\\nerror: {}:1: it is wrong".format(sys.argv[1]))
if "odd" in text:
    print("warning: it is odd", file=sys.stderr)
print("320x256")
"""
SYSTEMCTL = """cd {folder}
echo "$@" >>called
case $1 in
    show) case $3 in LoadState) echo LoadState=loaded ;; *) echo NRestarts=0 ;; esac ;;
    restart) cat opt/current/name etc/nanoyolo.toml >state 2>/dev/null; ! grep -q broken state ;;
    is-active) ! grep -q broken state ;;
esac
"""


class Board:
    """A board in `folder`."""

    def __init__(self, folder):
        self.folder = folder
        self.config = folder / "etc/nanoyolo.toml"
        for name in ("opt/versions", "opt/venv/bin", "etc", "bin"):
            (folder / name).mkdir(parents=True)
        write(folder / "opt/venv/bin/python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', 0o755)
        write(folder / "bin/systemctl", "#!/bin/bash\n" + SYSTEMCTL.format(folder=folder), 0o755)
        write(folder / "bin/runuser", '#!/bin/bash\nshift 3; exec "$@"\n', 0o755)
        for name in ("id", "chown"):
            write(folder / "bin" / name, "#!/bin/sh\n", 0o755)
        self.script = folder / "on-board/push-board.sh"
        for path in [ON_BOARD / "push-board.sh", *(ON_BOARD / "push").iterdir()]:
            text = path.read_text().replace("/opt/nanoyolo", f"{folder}/opt").replace("/etc/nanoyolo", f"{folder}/etc")
            text = text.replace("PATH=/usr/local/sbin:", f"PATH={folder}/bin:").replace("/run/", f"{folder}/")
            text = re.sub(r"^WATCH=5 ", "WATCH=1 ", text, flags=re.M).replace("sleep 1\n", "sleep 0.01\n")
            write(folder / "on-board" / path.relative_to(ON_BOARD), text)

    def push(self, name, config="", check=CHECK, sizes=("160x128",), self_test=""):
        """(exit code, standard output, standard error) of a push; nothing of it names the folder."""
        files = {
            "name": name,
            "deploy/jetson/self-test/self_test.py": self_test,
            "deploy/jetson/on-board/check_settings.py": check,
            "weights/yolov3-tiny.onnx": "a model",
        }
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for path, text in sorted(files.items()):
                if text is not None:
                    info = tarfile.TarInfo(path)
                    info.size = len(text)
                    tar.addfile(info, io.BytesIO(text.encode()))
        lines = [
            f"{hashlib.sha256(text.encode()).hexdigest()} {len(text)} {path}\n"
            for path, text in sorted(files.items())
            if text is not None
        ]
        (self.folder / "input").write_bytes(config.encode() + "".join([*lines, "end\n\n"]).encode() + packed.getvalue())
        words = ["push", "a@b", name, "3", "no", str(len(config)), *sizes]
        command = 'exec bash "$@" <"$0"'
        code, out, err = run("bash", "-c", command, self.folder / "input", self.script, *words)
        return code, out.replace(str(self.folder), ""), err.replace(str(self.folder), "")

    def state(self):
        """The version that is current, the file of settings, and the hidden files that a push has left."""
        name = (self.folder / "opt/current/name").read_text() if (self.folder / "opt/current").exists() else None
        hidden = {path.name for path in (self.folder / "opt/versions").iterdir() if path.name in (".switching",)}
        hidden |= {path.name for path in (self.folder / "etc").iterdir()} - {"nanoyolo.toml"}
        return name, self.config.read_text() if self.config.exists() else None, hidden


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path)


pytestmark = pytest.mark.slow


def test_a_model_of_the_settings(board):
    """It is tested at its own sizes, not at those of the version before. The environment may name it, too."""
    say = "import sys; print(*sys.argv[1:], file=sys.stderr)\n"
    other = CHECK + 'print("model weights/mine.onnx")\n'
    assert board.push("one")[0] == 0
    code, _, err = board.push("two", "a = 1", check=other, sizes=(), self_test=say)
    assert code == 0, err
    tested = [line for line in err.splitlines() if "--model" in line]
    assert tested == [
        "320x256 --known --model weights/mine.onnx", "320x256 --backend auto --model weights/mine.onnx",
    ]  # fmt: skip
    board.config.unlink()
    (board.folder / "etc/nanoyolo.env").write_text("NANOYOLO_MODEL=mine\n")
    only = 'print("64x64")\nprint("model weights/mine.onnx")\n'
    code, _, err = board.push("three", check=only, sizes=(), self_test=say)
    assert code == 0, err
    assert "64x64 --backend auto --model weights/mine.onnx" in err


def test_a_file_comes_with_a_version_and_alone(board):
    assert board.push("one")[0] == 0
    assert board.state() == ("one", None, set())
    code, _, err = board.push("one", "odd = 1", sizes=())
    assert code == 0, err
    assert board.state() == ("one", "odd = 1", set())
    assert board.config.stat().st_mode & 0o777 == 0o640
    assert "checking nanoyolo.toml\nwarning: it is odd\n" in err
    assert (board.folder / "opt/versions/one/.sizes").read_text() == "320x256\n"
    assert board.push("two", "a = 2")[0] == 0
    assert board.state() == ("two", "a = 2", set())
    assert board.push("three")[0] == 0
    assert board.state() == ("three", "a = 2", set())


def test_a_wrong_file_changes_nothing(board):
    board.push("one", "a = 1")
    for name in ("one", "two"):
        code, out, err = board.push(name, "wrong = 2")
        assert code == 1
        assert err.splitlines()[-1] == "error: nanoyolo.toml:1: it is wrong; one still runs on a@b, with its settings"
        assert err.count("error: ") == 1
        assert board.state() == ("one", "a = 1", set())
    board.config.write_text("wrong = 3")
    assert board.push("two")[2].splitlines()[-1].startswith("error: /etc/nanoyolo.toml:1: it is wrong; one still runs")
    assert board.push("two", "a = 4")[0] == 0
    assert board.state() == ("two", "a = 4", set())


def test_a_file_with_which_the_service_does_not_start(board):
    board.push("one")
    expected = "error: the service did not become ready with the new nanoyolo.toml; one runs again with the old one; "
    assert board.push("one", "broken = 1")[2].splitlines()[-1].startswith(expected)
    assert board.state() == ("one", None, set())
    board.push("one", "a = 1")
    assert board.push("one", "broken = 1")[2].splitlines()[-1].startswith(expected)
    assert board.state() == ("one", "a = 1", set())
    assert board.config.stat().st_mode & 0o777 == 0o640
    code, _, err = board.push("two", "broken = 1")
    assert (code, "with two; one runs again" in err) == (1, True), err
    assert board.state() == ("one", "a = 1", set())


def test_a_file_for_a_version_that_is_too_old(board):
    board.push("one", "a = 1")
    code, _, err = board.push("old", "a = 2", check=None)
    assert (code, "old is older than nanoyolo.toml, and does not read it; push without --config" in err) == (1, True)
    assert board.push("old", check=None)[0] == 0
    assert board.state() == ("old", "a = 1", set())


def test_a_file_that_arrives_incomplete(board):
    (board.folder / "input").write_bytes(b"a = 1")
    command = 'exec bash "$@" <"$0"'
    code, _, err = run("bash", "-c", command, board.folder / "input", board.script, *"push a@b one 3 no 6".split())
    assert (code, err) == (1, "error: the file of settings arrived incomplete; type the same again\n")


SSH = """#!/bin/bash
id() { echo 0; }
export -f id
for command; do :; done
exec bash -c "$command"
"""


def test_push_sends_the_file_and_undoes_it(board, tmp_path, monkeypatch):
    """All of push.sh, over an ssh that runs what it is told on this machine."""
    project = small_project(tmp_path / "project")
    for path in (board.folder / "on-board").rglob("*.sh"):
        write(project.folder / "deploy/jetson/on-board" / path.relative_to(board.folder / "on-board"), path.read_text())
    files = {"deploy__jetson__on-board__check_settings.py": CHECK, "name": "one"}
    project.commit(**files)
    write(tmp_path / "first/ssh", SSH, 0o755)
    monkeypatch.setenv("PATH", "{}:{}".format(tmp_path / "first", os.environ["PATH"]))
    config = tmp_path / "my cameras.toml"

    def push(text):
        config.write_text(text)
        return run(project.push_script, "--no-engine", "--config", config, "a@b")

    code, _, err = push("a = 1  # \u00e9")
    assert code == 0, err
    assert board.state() == ("one", "a = 1  # \u00e9", set())
    code, _, err = push("wrong = 1")
    assert (code, err.splitlines()[-1].startswith("error: nanoyolo.toml:1: it is wrong; ")) == (1, True), err
    code, _, err = push("broken = 1")
    assert (code, "runs again with the old one" in err) == (1, True), err
    assert board.state() == ("one", "a = 1  # \u00e9", set())
    code, out, err = run(project.push_script, "--dry-run", "--config", config, "a@b")
    assert code == 0, err
    assert out.splitlines()[-1].startswith(f"would install {config} as /etc/nanoyolo/nanoyolo.toml")


SAYS = (
    CHECK
    + """
for line in text.splitlines():
    if line.startswith("serve ="):
        print(line.replace(" =", ""))
"""
)


@pytest.mark.parametrize(
    "served, ufw, expected",
    [
        (
            "http 127.0.0.1 8080",
            "inactive",
            ["on a@b only; from here: ssh -N -L 8080:localhost:8080 a@b, and open http:"],
        ),
        ("http 192.168.1.7 80", "inactive", ["http://192.168.1.7:80/, for those", "has to let in port 80/tcp"]),
        ("https 0.0.0.0 8443", "active\\n8443/tcp  ALLOW", ["https://10.0.0.2:8443/,", "has to let in port 8443/tcp"]),
        ("https :: 8443", "active\\n443/tcp  ALLOW", ["https://10.0.0.2:8443/,", "ssh a@b sudo ufw allow 8443/tcp"]),
        ("http fd00::1 1", "active", ["http://[fd00::1]:1/,", "ssh a@b sudo ufw allow 1/tcp"]),
    ],
)
def test_where_the_live_view_is(board, served, ufw, expected):
    write(board.folder / "bin/hostname", "#!/bin/sh\necho 10.0.0.2 fd00::2\n", 0o755)
    write(board.folder / "bin/ufw", f"#!/bin/sh\nprintf 'Status: {ufw}\\n'\n", 0o755)
    code, _, err = board.push("one", f"serve = {served}\n", check=SAYS)
    assert code == 0, err
    said = err.splitlines()[-len(expected) :]
    assert all(phrase in line for phrase, line in zip(expected, said)), err
    assert "live view: " in said[0]


def test_without_a_live_view_nothing_is_said_of_it(board):
    assert "live view" not in board.push("one", "a = 1", check=SAYS)[2]
    assert "live view" not in board.push("one", "serve = 8080", check=CHECK)[2]  # by a version without one


@pytest.mark.parametrize("new, stays", [("a = 2", True), ("broken = 2", False)])
def test_a_power_cut_during_the_switch(board, new, stays):
    """The next push first makes up its mind about the file, by whether the service starts with it."""
    board.push("one", "a = 1")
    board.config.rename(board.folder / "etc/nanoyolo.toml.before")
    board.config.write_text(new)
    (board.folder / "opt/versions/.switching").write_text("push one\n")
    code, _, err = board.push("one", check=CHECK.replace("print(", "sys.exit('error: enough')\nprint("))
    assert code == 1, err
    assert board.state() == ("one", new if stays else "a = 1", set())
