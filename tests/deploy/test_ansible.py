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
    project = small_project(tmp_path / "project")
    with PushBoard(tmp_path / "gate", SERVICE_COMMAND, machine_id="0" * 32) as gate:
        with PushBoard(tmp_path / "yard", SERVICE_COMMAND, machine_id="1" * 32) as yard:
            for file, text in FILES.items():
                write(gate.path(file), text)
                write(yard.path(file), text)
            write_inventory(project.ansible, gate=gate, yard=yard)
            yield project, gate, yard


def write_inventory(folder, **boards):
    """Write inventory.yml; what is for every host in one board's configuration of ssh is for all boards."""
    lines = ["boards:", "  hosts:"]
    for name, board in boards.items():
        lines.append(f"    {name}: {{ansible_host: 127.0.0.1, ansible_port: {board.port}}}")
    lines += ["  vars:", "    ansible_user: free", f"    nanoyolo_ssh_config: {board.config}"]
    lines += [f"    ansible_ssh_common_args: -F {board.config}"]
    write(folder / "inventory.yml", "\n".join(lines) + "\n")


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
    write_inventory(project.ansible, gate=gate, door=gate, yard=yard)
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
