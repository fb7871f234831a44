"""The playbooks: their syntax here, and, against two emulated boards, what they do."""

import os
import shutil
import sys

import pytest
from commands import JETSON, run, write
from push_board import PushBoard
from push_projects import SERVICE_COMMAND, small_project

ANSIBLE = JETSON / "ansible"
PLAYBOOKS = ("provision", "push", "rollback", "status")


def find_ansible():
    """Beside this Python, or in the path."""
    beside = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
    return beside if os.path.exists(beside) else shutil.which("ansible-playbook")


pytestmark = pytest.mark.skipif(
    find_ansible() is None, reason="no ansible-playbook: pip install -r deploy/jetson/ansible/requirements.txt"
)


def play(folder, name, *options):
    """(exit code, standard output, standard error)"""
    path = os.path.dirname(find_ansible()) + ":" + os.environ["PATH"]
    env = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_HOST_KEY_CHECKING": "False", "PATH": path}
    return run(find_ansible(), name + ".yml", *options, cwd=str(folder), env=env)


def succeed(folder, name, *options):
    """Standard output."""
    code, out, err = play(folder, name, *options)
    assert code == 0, (out, err)
    return out


def fail(folder, name):
    """Standard error."""
    code, out, err = play(folder, name)
    assert code != 0, (out, err)
    return err


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_syntax(name):
    code, out, err = play(ANSIBLE, name, "--syntax-check", "-i", "inventory.example.yml")
    assert (code, err) == (0, ""), (out, err)


def test_a_board_that_does_not_answer_has_a_line(tmp_path):
    inventory = tmp_path / "inventory.yml"
    inventory.write_text("boards:\n  hosts:\n    gate: {ansible_host: 127.0.0.1, ansible_port: 1}\n")
    code, out, err = play(ANSIBLE, "status", "-i", inventory)
    assert any(line.split() == ["gate", "does", "not", "answer"] for line in out.splitlines()), (out, err)
    assert "{" not in out


FILES = {
    "sys/class/thermal/thermal_zone0/type": "CPU-therm\n",
    "sys/class/thermal/thermal_zone0/temp": "41500\n",
    "etc/nv_tegra_release": "# R32 (release), REVISION: 7.1, GCID: 1, BOARD: t210ref\n",
    "sys/firmware/devicetree/base/model": "NVIDIA Jetson Nano Developer Kit\0",
}


@pytest.fixture
def fleet(tmp_path):
    """Two boards, gate and yard, and an inventory of them."""
    boards = []
    for number, name in enumerate(("gate", "yard")):
        (tmp_path / name).mkdir()
        boards.append(PushBoard(tmp_path / name, SERVICE_COMMAND, machine_id=str(number) * 32).start())
        for file, text in FILES.items():
            write(boards[-1].path(file), text)
    (tmp_path / "project").mkdir()
    project = small_project(tmp_path / "project")
    write_inventory(project, tmp_path, zip(("gate", "yard"), boards))
    yield (project, *boards)
    for board in boards:
        if board.path("run/fake-systemctl").exists():
            board.assert_used_well()
        board.cut_power()


def write_inventory(project, folder, boards):
    lines = ["boards:", "  hosts:"]
    config = folder / "ssh_config"
    for name, board in boards:
        lines.append(
            "    {}: {{ansible_host: 127.0.0.1, ansible_port: {}, ansible_ssh_private_key_file: {}}}".format(
                name, board.port, board.folder / "key"
            )
        )
        config.write_text(board.config.read_text().replace(str(board.folder / "key"), str(folder / "%p")))
        shutil.copy(str(board.folder / "key"), str(folder / str(board.port)))
    lines += ["  vars:", "    ansible_user: free", f"    nanoyolo_ssh_config: {config}"]
    lines += [f"    ansible_ssh_common_args: -F {config}"]
    (project.ansible / "inventory.yml").write_text("\n".join(lines) + "\n")


@pytest.mark.deploy
def test_a_fleet(fleet):
    project, gate, yard = fleet
    first = project.commit()
    assert f"would send {first}" in succeed(project.ansible, "push", "--check")
    assert gate.state()["current"] is yard.state()["current"] is None

    succeed(project.ansible, "push")
    assert gate.service() == yard.service() == ("active", first)

    out = succeed(project.ansible, "status")
    rows = [line for line in out.splitlines() if line.startswith(("gate ", "yard ")) and "Nano" in line]
    assert len(rows) == 2, out
    for row in rows:
        assert "NVIDIA Jetson Nano Developer Kit" in row
        for word in ("32.7.1", first, "active", "41 C", "14.9 FPS, 100 frames, 0 dropped"):
            assert word in row, row
    assert "{" not in out

    # One that does not start: it stops at the first board, and the second was never touched.
    before = yard.state()
    broken = project.commit(BROKEN="start")
    err = fail(project.ansible, "push")
    assert "gate: FAILED: error: the service did not become ready with " + broken in err
    assert gate.service() == yard.service() == ("active", first)
    assert yard.state() == before

    second = project.commit(BROKEN="")
    succeed(project.ansible, "push")
    succeed(project.ansible, "rollback", "--limit", "yard")
    assert (gate.service(), yard.service()) == (("active", second), ("active", first))


@pytest.mark.deploy
def test_a_board_that_is_listed_twice(fleet, tmp_path):
    project, gate, yard = fleet
    write_inventory(project, tmp_path, [("gate", gate), ("door", gate), ("yard", yard)])
    for name in ("push", "provision", "rollback"):
        err = fail(project.ansible, name)
        same = "gate: FAILED: has the same machine id, serial number or SSH host key as door: they are one board"
        assert same in err
        assert "yard: FAILED" not in err
    assert gate.state()["current"] is yard.state()["current"] is None


@pytest.mark.deploy
def test_not_well(fleet):
    """What push.sh does not see and the health check does: the service ends later, or app.doctor says so."""
    project, gate, yard = fleet
    doctor = "import sys; sys.exit('error: the camera sends black frames')\n"
    project.commit(**{"app__doctor.py": doctor})
    err = fail(project.ansible, "push")
    assert "gate: FAILED: error: app.doctor says: error: the camera sends black frames" in err
    assert yard.state()["current"] is None
