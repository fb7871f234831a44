"""The playbooks: their syntax here, and, against two emulated boards, what they do."""

import os
import shutil
import subprocess
import sys

import pytest
from arm64 import why_not
from push_board import PushBoard
from push_projects import SERVICE_COMMAND, small_project

WHY_NOT = why_not("sudo", "git")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ANSIBLE = os.path.join(ROOT, "deploy", "jetson", "ansible")
PLAYBOOKS = ("provision", "push", "rollback", "status")


def find_ansible():
    """Beside this Python, or in the path."""
    beside = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
    return beside if os.path.exists(beside) else shutil.which("ansible-playbook")


pytestmark = pytest.mark.skipif(
    find_ansible() is None, reason="no ansible-playbook: pip install -r deploy/jetson/ansible/requirements.txt"
)


def play(folder, name, *options, **kwargs):
    """(exit code, standard output, standard error)"""
    done = subprocess.run(
        [find_ansible(), name + ".yml", *[str(option) for option in options]],
        cwd=str(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=dict(
            os.environ,
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_HOST_KEY_CHECKING="False",
            PATH=os.path.dirname(find_ansible()) + ":" + os.environ["PATH"],
        ),
        timeout=kwargs.get("timeout", 900),
        start_new_session=True,
    )
    return done.returncode, done.stdout, done.stderr


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


@pytest.fixture
def fleet(tmp_path):
    """Two boards, gate and yard, and an inventory of them."""
    boards = []
    for number, name in enumerate(("gate", "yard")):
        (tmp_path / name).mkdir()
        boards.append(PushBoard(tmp_path / name, SERVICE_COMMAND, machine_id=str(number) * 32).start())
        zone = boards[-1].path("sys/class/thermal/thermal_zone0")
        zone.mkdir(parents=True)
        (zone / "type").write_text("CPU-therm\n")
        (zone / "temp").write_text("41500\n")
        boards[-1].path("etc/nv_tegra_release").write_text("# R32 (release), REVISION: 7.1, GCID: 1, BOARD: t210ref\n")
        boards[-1].path("sys/firmware/devicetree/base").mkdir(parents=True)
        boards[-1].path("sys/firmware/devicetree/base/model").write_text("NVIDIA Jetson Nano Developer Kit\0")
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
@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_a_fleet(fleet):
    project, gate, yard = fleet
    first = project.commit()
    code, out, err = play(project.ansible, "push", "--check")
    assert code == 0, (out, err)
    assert f"would send {first}" in out
    assert gate.state()["current"] is yard.state()["current"] is None

    code, out, err = play(project.ansible, "push")
    assert code == 0, (out, err)
    assert gate.service() == yard.service() == ("active", first)

    code, out, err = play(project.ansible, "status")
    assert code == 0, (out, err)
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
    code, out, err = play(project.ansible, "push")
    assert code != 0
    assert "gate: FAILED: error: the service did not become ready with " + broken in err, (out, err)
    assert gate.service() == yard.service() == ("active", first)
    assert yard.state() == before

    second = project.commit(BROKEN="")
    assert play(project.ansible, "push")[0] == 0
    code, out, err = play(project.ansible, "rollback", "--limit", "yard")
    assert code == 0, (out, err)
    assert (gate.service(), yard.service()) == (("active", second), ("active", first))


@pytest.mark.deploy
@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_a_board_that_is_listed_twice(fleet, tmp_path):
    project, gate, yard = fleet
    write_inventory(project, tmp_path, [("gate", gate), ("door", gate), ("yard", yard)])
    for name in ("push", "provision", "rollback"):
        code, out, err = play(project.ansible, name)
        assert code != 0
        assert (
            "gate: FAILED: has the same machine id, serial number or SSH host key as door: they are one board" in err
        ), (out, err)
        assert "yard: FAILED" not in err
    assert gate.state()["current"] is yard.state()["current"] is None


@pytest.mark.deploy
@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_not_well(fleet):
    """What push.sh does not see and the health check does: the service ends later, or app.doctor says so."""
    project, gate, yard = fleet
    doctor = "import sys; sys.exit('error: the camera sends black frames')\n"
    project.commit(**{"app__doctor.py": doctor})
    code, out, err = play(project.ansible, "push")
    assert code != 0
    assert "gate: FAILED: error: app.doctor says: error: the camera sends black frames" in err, (out, err)
    assert yard.state()["current"] is None
