"""What of the provisioning can be seen in a moment. On a whole board: test_provision_board.py."""

import hashlib
import os

import pytest
from commands import JETSON, failed, put_first, run, write

PROVISION = JETSON / "provision.sh"
ON_BOARD = JETSON / "on-board"
RELEASE = (
    "# R{} (release), REVISION: {}, GCID: 29818004, BOARD: t210ref, EABI: aarch64, DATE: Sat Feb 19 17:05:08 UTC 2022\n"
)


def on_board(script, files="report board swap packages environment power service", path=None, **settings):
    """Run some lines among the functions of the board's scripts."""
    head = f"set -euEo pipefail; HERE={ON_BOARD}; FILES={JETSON}; DRY_RUN=no ANY_BOARD=no WHEEL= WHEEL_SHA256= L4T=32; "
    head += "NANOYOLO=${NANOYOLO:-/nowhere}; "
    head += "".join(f'. "$HERE/{name}.sh"; ' for name in files.split())
    env = dict({name: str(value) for name, value in settings.items()}, LC_ALL="C")
    if path is not None:
        env["PATH"] = "{}:{}".format(path, os.environ["PATH"])
    return run("bash", "-c", head + script, env=env)


@pytest.mark.parametrize(
    "words, part",
    [
        (["--help-me"], "unknown option --help-me"),
        (["a@b", "c@d"], "one board at a time"),
        ([""], "is not a board's name"),
        (["nano@a b"], "is not a board's name"),
        (["--ssh-config"], "needs a value"),
        (["--onnxruntime-gpu", "/nowhere/a.whl"], "there is no such file"),
        (["--onnxruntime-gpu", str(PROVISION)], "not a wheel"),
        (["--onnxruntime-gpu-sha256", "0"], "goes with --onnxruntime-gpu"),
    ],
)
def test_wrong_arguments(words, part):
    result = run(PROVISION, *words)
    failed(result, part, code=2)
    assert result[1] == ""


def test_help():
    code, out, _ = run(PROVISION, "--help")
    assert code == 0
    assert "provision.sh nano@" in out


def test_a_wheel_is_taken_with_its_checksum_only(tmp_path):
    wheel = tmp_path / "onnxruntime_gpu-1.11.0-cp36-cp36m-linux_aarch64.whl"
    wheel.write_bytes(b"wheel")
    sha256 = hashlib.sha256(b"wheel").hexdigest()
    failed(run(PROVISION, "--onnxruntime-gpu", wheel), sha256, code=2)
    result = run(PROVISION, "--onnxruntime-gpu", wheel, "--onnxruntime-gpu-sha256", "0" * 64)
    failed(result, "download it again", code=2)


@pytest.mark.skipif(os.geteuid() != 0, reason="sudo would ask")
@pytest.mark.skipif(os.path.exists("/etc/nv_tegra_release"), reason="this is a Jetson")
def test_this_machine_is_no_board():
    failed(run(PROVISION, "--dry-run"), "is not a Jetson")


def test_nobody_answers():
    failed(run(PROVISION, "ssh://nano@127.0.0.1:1"), "Connection refused; try: ssh ssh://nano@127.0.0.1:1")


@pytest.fixture
def board(tmp_path):
    """Makes the files by which a board is known."""

    def make(release=None, model="NVIDIA Jetson Nano Developer Kit", memory=4059196, swaps=()):
        if release is not None:
            write(tmp_path / "etc/nv_tegra_release", release)
        if model is not None:
            write(tmp_path / "proc/device-tree/model", model + "\0")
        write(tmp_path / "proc/meminfo", f"MemTotal:        {memory} kB\nMemFree: 1 kB\n")
        lines = ["Filename\t\t\t\tType\t\tSize\tUsed\tPriority"]
        lines += [f"{name}   partition\t{size}\t0\t5" for name, size in swaps]
        (tmp_path / "proc/swaps").write_text("\n".join(lines) + "\n")
        return tmp_path

    return make


@pytest.mark.parametrize(
    "major, revision, jetpack",
    [("32", "6.1", "4.6"), ("32", "7.1", "4.6"), ("32", "7.6", "4.6"), ("35", "4.1", "5"), ("36", "4.3", "6")],
)
def test_known_boards(board, major, revision, jetpack):
    script = 'check_board; echo "L4T=$L4T" >&3'
    code, out, err = on_board(script, FACTS=board(RELEASE.format(major, revision)))
    assert (code, err) == (0, "")
    assert f"ok       board: NVIDIA Jetson Nano Developer Kit, L4T {major}.{revision} (JetPack {jetpack})" in out
    assert f"L4T={major}\n" in out


@pytest.mark.parametrize(
    "release, model, part",
    [
        (RELEASE.format("32", "5.1"), "NVIDIA Jetson Nano Developer Kit", "older than JetPack 4.6"),
        (RELEASE.format("32", "4.4"), "NVIDIA Jetson Nano Developer Kit", "flash a newer one"),
        (RELEASE.format("34", "1.1"), "Jetson AGX Orin", "L4T 34.1.1 is not supported"),
        (RELEASE.format("38", "2.0"), "NVIDIA Jetson AGX Thor", "not supported"),
        (None, "Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi 4 Model B Rev 1.4 is not a Jetson"),
        (None, None, "this machine is not a Jetson"),
        ("", "A", "not a Jetson"),
        ("# R32 (release), REVISION: \n", "A", "not a Jetson"),
        ("something else\n", "A", "not a Jetson"),
    ],
)
def test_refused_boards(board, release, model, part):
    failed(on_board("check_board", FACTS=board(release, model)), part)


def test_any_board(board):
    code, out, _ = on_board("ANY_BOARD=yes; check_board", FACTS=board(None, "Raspberry Pi 4"))
    assert code == 0
    assert "Raspberry Pi 4 is not a Jetson; continuing" in out


@pytest.mark.parametrize(
    "memory, swaps, missing",
    [
        (4059196, [], True),
        (4059196, [("/dev/zram0", 507392)] * 4, True),  # as JetPack comes
        (4059196, [("/swapfile", 4194300)], False),
        (4059196, [("/dev/sda2", 3900000)], False),
        (4059196, [("/dev/sda2", 1000000)], True),
        (7800000, [("/dev/zram0", 507392)] * 4, False),  # an Orin with 8 GB
    ],
)
def test_who_needs_swap(board, memory, swaps, missing):
    code, _, _ = on_board("if swap_is_missing; then exit 7; fi", FACTS=board(None, "A", memory, swaps))
    assert code == (7 if missing else 0)


def test_too_little_room_is_reported_at_the_start(board):
    failed(on_board("SWAP_MB=$((1 << 40)); check_room", FACTS=board(None)), "are needed")


def test_a_dry_run_runs_nothing(tmp_path):
    code, out, _ = on_board(f'DRY_RUN=yes; step s; change "make a file" touch {tmp_path}/a; summary')
    assert code == 0
    assert "would    s: make a file" in out
    assert list(tmp_path.iterdir()) == []


def test_a_change_that_fails_is_one_line(tmp_path):
    script = f'LOG={tmp_path}/log; step s; change "look for it" ls /nowhere/at/all; echo never >&3'
    result = on_board(script)
    failed(result, "s: look for it failed: ls: cannot access '/nowhere/at/all': No such file or directory; more in")
    assert "never" not in result[1]
    assert "changed" not in result[1]


def test_a_full_disk_is_named(tmp_path):
    script = "LOG={0}/log; seq 99999 >{0}/log; step s; "
    script += 'f() {{ echo "OSError: [Errno 28] No space left on device"; seq 99999; return 1; }}; change x f'
    failed(on_board(script.format(tmp_path)), "the disk is full (no space left on device)")
    # What an earlier change met is not what this one failed by.
    script = "LOG={0}/log; step s; change y false"
    assert "disk is full" not in on_board(script.format(tmp_path))[2]


@pytest.mark.skipif(os.geteuid() != 0, reason="root mounts a small disk")
def test_a_disk_that_is_full_now_is_named(tmp_path):
    report = (ON_BOARD / "report.sh").read_text().replace(" /opt/nanoyolo ", " {} ".format(tmp_path / "small"))
    (tmp_path / "report.sh").write_text(report)
    (tmp_path / "small").mkdir()
    lines = "mount -t tmpfs -o size=1M tmpfs {0}/small; exec bash -euEo pipefail -c 'DRY_RUN=no NANOYOLO=/nowhere; "
    lines += '. {0}/report.sh; LOG={0}/log; step s; change "write it" dd if=/dev/zero of={0}/small/a\''
    result = run("unshare", "--mount", "sh", "-ec", lines.format(tmp_path))
    failed(result, f"s: write it: the disk is full (0 MB left in {tmp_path}/small)")


def test_a_file_is_written_once_and_put_right(tmp_path):
    (tmp_path / "a").write_text("text\n")
    owner = "{}:{}".format(*[run("id", flag)[1].strip() for flag in ("-un", "-gn")])
    script = f"step s; install_file {tmp_path}/a {tmp_path}/new/b 640 {owner}; summary"
    assert f"write {tmp_path}/new/b" in on_board(script)[1]
    assert "nothing changed" in on_board(script)[1]
    (tmp_path / "new/b").chmod(0o644)
    assert f"write {tmp_path}/new/b" in on_board(script)[1]
    assert (tmp_path / "new/b").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["b"]


LOCKED = "E: Could not get lock /var/lib/dpkg/lock-frontend - open (11: Resource temporarily unavailable)"


def test_another_apt_is_waited_for(tmp_path):
    calls = tmp_path / "calls"
    script = f'echo "$@" >> {calls}; [ "$(wc -l < {calls})" -gt 3 ] || {{ echo "{LOCKED}" >&2; exit 100; }}\n'
    fakes = put_first(tmp_path / "bin", "apt-get", script)
    lines = 'step packages; change "install a" apt_install a'
    code, out, err = on_board(lines, path=fakes, APT_PAUSE=0)
    assert (code, err) == (0, "")
    assert out.count("waiting  packages: another apt or dpkg is running") == 1
    called = calls.read_text().splitlines()
    assert called[:4] == ["update"] * 4
    assert called[4:] == ["install -y --no-install-recommends -o Dpkg::Options::=--force-confold a"]


def test_another_apt_that_never_ends(tmp_path):
    fakes = put_first(tmp_path / "bin", "apt-get", f'echo "{LOCKED}" >&2; exit 100\n')
    result = on_board('step p; change "install a" apt_install a', path=fakes, APT_PAUSE=0, APT_PATIENCE=0)
    failed(result, "still running")


def test_an_apt_that_fails_otherwise(tmp_path):
    fakes = put_first(tmp_path / "bin", "apt-get", 'echo "E: Unable to locate package a" >&2; exit 100\n')
    script = f'LOG={tmp_path}/log; step p; change "install a" apt_install a'
    failed(on_board(script, path=fakes), "install a failed: E: Unable to locate package a")


PIP = """
words="$*"
for word in "$@"; do
    case $word in
        *constraints.txt | *index-requirements.txt) ;;
        /dev/fd/*) words="$words [$(grep -v '^#' "$word" | tr '\\n' ' ')]" ;;
    esac
done
echo "${PATH##*:} $words" >> "$CALLS"
"""


def pip_calls(tmp_path, script, **settings):
    put_first(tmp_path / "bin", "python", PIP)
    calls = tmp_path / "calls"
    code, _, err = on_board("DRY_RUN=no; " + script, CALLS=calls, **settings)
    assert (code, err) == (0, "")
    return [line.split("--no-cache-dir install ")[1] for line in calls.read_text().splitlines()]


@pytest.mark.parametrize(
    "python, pip, file",
    [("3.6", "pip<22", JETSON / "constraints.txt"), ("3.10", "pip", ON_BOARD / "index-requirements.txt")],
)
def test_what_a_nano_and_a_newer_board_get(tmp_path, python, pip, file):
    script = f'NVCC=/nowhere; install_into {tmp_path} "$(requirements_file {python})"'
    assert pip_calls(tmp_path, script) == ["--upgrade " + pip, f"-r {file}"]


def test_pycuda_is_compiled_where_its_compiler_is(tmp_path):
    nvcc = put_first(tmp_path / "cuda", "nvcc", "exit 64\n") / "nvcc"
    calls = pip_calls(tmp_path, f'NVCC={nvcc}; install_into {tmp_path} "$(requirements_file 3.6)"')
    assert calls[2:] == [f"pycuda==2022.1 -c {JETSON}/constraints.txt"]
    assert (tmp_path / "calls").read_text().splitlines()[2].startswith(str(tmp_path / "cuda"))
    assert "python3-dev" in on_board(f"NVCC={nvcc}; wanted_packages >&3")[1]
    assert "python3-dev" not in on_board("NVCC=/nowhere; wanted_packages >&3")[1]


def test_a_runtime_for_the_gpu_takes_the_place_of_the_cpus(tmp_path):
    script = f'NVCC=/nowhere WHEEL=/a/gpu.whl; install_into {tmp_path} "$(requirements_file 3.6)"'
    calls = pip_calls(tmp_path, script)
    assert len(calls) == 3
    assert "numpy==1.19.4" in calls[1]
    assert "onnx==1.11.0" in calls[1]
    assert "onnxruntime" not in calls[1]
    assert calls[2] == "--no-deps /a/gpu.whl"


@pytest.mark.parametrize(
    "record", ["opencv_python-4.6.0.66.dist-info", "opencv_contrib_python_headless-4.6.0.66.egg-info"]
)
def test_an_opencv_of_pip_is_refused(tmp_path, record):
    (tmp_path / "venv/lib/python3.6/site-packages" / record).mkdir(parents=True)
    name = record.split("-")[0].replace("_", "-")
    err = failed(on_board("step opencv; refuse_pip_opencv", NANOYOLO=tmp_path))
    assert err.endswith(f"run: sudo {tmp_path}/venv/bin/python -m pip uninstall -y {name}\n")


def test_an_environment_with_a_gpus_runtime_is_not_replaced_by_one_without(tmp_path):
    (tmp_path / "venv/bin").mkdir(parents=True)
    put_first(tmp_path / "venv/bin", "python", "exit 0\n")
    settings = f"NVCC=/nowhere NANOYOLO={tmp_path}; "
    version = "version=$(python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'); "
    text = on_board(settings + version + 'described "$version" "$(requirements_file "$version")" abc >&3')[1]
    (tmp_path / "venv/.nanoyolo").write_text(text)
    check = settings + "DRY_RUN=yes L4T=35; make_environment; summary"
    code, out, _ = on_board(check)
    assert (code, "nothing would change" in out) == (0, True)
    (tmp_path / "venv/.nanoyolo").write_text(text + "something older\n")
    failed(on_board(check), "--onnxruntime-gpu WHEEL --onnxruntime-gpu-sha256 abc")


@pytest.mark.parametrize("before", ["", "UUID=1 / ext4 defaults 0 1\n", "UUID=1 / ext4 defaults 0 1"])
def test_the_swap_file_is_one_line_of_fstab(tmp_path, before):
    (tmp_path / "fstab").write_text(before)
    script = (ON_BOARD / "swap.sh").read_text().replace("/etc/fstab", str(tmp_path / "fstab"))
    (tmp_path / "swap.sh").write_text(script)
    lines = f". {tmp_path}/swap.sh; step swap; remember_swapfile; remember_swapfile"
    assert on_board(lines)[0] == 0
    first = before.strip() + "\n" if before else ""
    assert (tmp_path / "fstab").read_text() == first + "/swapfile none swap sw 0 0\n"


def test_a_file_system_that_fallocate_does_not_serve(tmp_path):
    fakes = put_first(tmp_path / "bin", "fallocate", 'echo "fallocate: Operation not supported" >&2; exit 1\n')
    put_first(fakes, "swapoff", "exit 4\n")
    # The first time the kernel refuses, as it does a file with holes.
    put_first(fakes, "swapon", 'echo "$1" >> {0}; [ "$(wc -l < {0})" -gt 1 ]\n'.format(tmp_path / "swapons"))
    lines = "SWAP_MB=2 SWAPFILE={}/swapfile; step s; "
    lines += "change make write_swapfile fallocate_swap; change use use_swapfile; is_swap"
    assert on_board(lines.format(tmp_path), path=fakes)[0] == 0
    swapfile = tmp_path / "swapfile"
    assert swapfile.stat().st_size == 2 << 20
    assert swapfile.stat().st_blocks * 512 >= 2 << 20
    assert swapfile.stat().st_mode & 0o777 == 0o600
    assert len((tmp_path / "swapons").read_text().splitlines()) == 2
