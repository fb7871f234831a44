"""flash-emmc.sh round a folder that stands in for NVIDIA's Linux_for_Tegra, with its flash.sh and lsusb being fakes."""

import os
import shutil
import stat

import pytest
from cards import make_root, needs_cards, refused, run, succeed
from commands import JETSON, put_first, write

pytestmark = needs_cards
SCRIPT = JETSON / "flash-emmc.sh"
NANO = "Bus 001 Device 015: ID 0955:7f21 NVIDIA Corp. APX"
HUB = "Bus 002 Device 001: ID 1d6b:0003 Linux Foundation 3.0 root hub"

FAKE_FLASH = 'echo "$PWD: $*" >>"$(dirname "$0")/flashed"\necho "*** flashing ***"\nexit {}\n'


def fake_lsusb(folder, *lines):
    return put_first(folder, "lsusb", "".join(f"echo '{line}'\n" for line in lines))


def fake_flash(folder, code=0):
    put_first(folder, "flash.sh", FAKE_FLASH.format(code))


@pytest.fixture
def tegra(tmp_path):
    folder = tmp_path / "Linux_for_Tegra"
    root = make_root(folder / "rootfs")
    for program in ("bin/bash", "usr/bin/sudo"):
        write(root / program, "", 0o4755 if program.endswith("sudo") else 0o755)
    (root / "etc/nv_tegra_release").write_text("# R32 (release), REVISION: 7.1\n")
    (folder / "apply_binaries.sh").write_text("")
    (folder / "jetson-nano-devkit-emmc.conf").write_text("")
    fake_flash(folder)
    return folder


@pytest.fixture
def usb(tmp_path):
    return fake_lsusb(tmp_path / "first", HUB, NANO)


def test_nvidias_flash_is_called_in_its_folder(tegra, usb):
    said = succeed(run(SCRIPT, tegra, first=usb))
    assert (tegra / "flashed").read_text() == f"{tegra}: jetson-nano-devkit-emmc mmcblk0p1\n"
    assert said.index("ten minutes") < said.index("*** flashing ***") < said.index("take the jumper off FC REC")
    assert not (tegra / "rootfs/usr/local/lib").exists()


def test_the_first_boot_is_the_same_as_on_a_card(tegra, usb, key):
    said = succeed(run(SCRIPT, tegra, "--user", "ada", "--ssh-key", key, "--hostname", "nano1", first=usb))
    assert (tegra / "flashed").exists()
    own = tegra / "rootfs/usr/local/lib/nanoyolo"
    assert (own / "settings").read_text() == "user=ada\nhostname=nano1\n"
    assert stat.S_IMODE(os.stat(str(own / "settings")).st_mode) == 0o600
    assert (own / "authorized_keys").read_text() == key.read_text()
    assert os.readlink(str(tegra / "rootfs/etc/systemd/system/default.target")).endswith("multi-user.target")
    assert "ssh ada@192.168.55.1" in said


def test_a_dry_run_changes_nothing(tegra, usb, key):
    said = succeed(run(SCRIPT, tegra, "--dry-run", "--user", "ada", "--ssh-key", key, first=usb))
    assert f"cd {tegra} && sudo ./flash.sh jetson-nano-devkit-emmc mmcblk0p1" in said
    assert not (tegra / "flashed").exists()
    assert not (tegra / "rootfs/usr/local/lib").exists()


def test_nvidias_failure_is_passed_on(tegra, usb):
    fake_flash(tegra, 8)
    result = run(SCRIPT, tegra, first=usb)
    refused(result, "NVIDIA's flash.sh failed", code=1)
    assert "done:" not in result[1]


def test_another_board(tegra, usb):
    (tegra / "jetson-nano-2gb-devkit.conf").write_text("")
    succeed(run(SCRIPT, tegra, "--board", "jetson-nano-2gb-devkit", first=usb))
    assert "jetson-nano-2gb-devkit mmcblk0p1" in (tegra / "flashed").read_text()


def not_flashed(tegra, usb, message, *options):
    refused(run(SCRIPT, tegra, *options, first=usb), message)
    assert not (tegra / "flashed").exists()


@pytest.mark.parametrize(
    "gone, message",
    [
        ("", "no such folder; get NVIDIA's driver package"),
        ("flash.sh", "is not Linux_for_Tegra: it has no flash.sh"),
        ("apply_binaries.sh", "is not Linux_for_Tegra"),
        ("jetson-nano-devkit-emmc.conf", "has no jetson-nano-devkit-emmc.conf"),
        ("rootfs/etc", "the sample root file system is not unpacked; type: sudo tar xpf"),
        ("rootfs/bin/bash", "the sample root file system is not unpacked"),
        ("rootfs/usr/bin/sudo", "unpacked without root's rights"),
        ("rootfs/etc/nv_tegra_release", "drivers are not in rootfs; type: cd "),
    ],
)
def test_a_folder_in_which_something_is_missing(tegra, usb, gone, message):
    path = tegra / gone
    shutil.rmtree(str(path)) if path.is_dir() else path.unlink()
    not_flashed(tegra, usb, message)


@pytest.mark.parametrize("wrong", ["owner", "mode"])
def test_a_root_file_system_that_was_unpacked_without_sudo(tegra, usb, wrong):
    if wrong == "owner":
        os.chown(str(tegra / "rootfs/etc/passwd"), 1000, 1000)
    else:
        (tegra / "rootfs/usr/bin/sudo").chmod(0o755)
    not_flashed(tegra, usb, "unpacked without root's rights; empty it, and type: sudo tar xpf")


@pytest.mark.parametrize(
    "lines, message",
    [
        ([HUB], "no Nano in recovery mode: power off, join FC REC to GND"),
        ([HUB, NANO.replace("7f21", "7020")], "the board has booted (0955:7020)"),
        ([NANO.replace("7f21", "7721")], "is a Jetson TX1"),
        ([NANO.replace("7f21", "7c18")], "is a Jetson TX2"),
        ([NANO.replace("7f21", "7e19")], "is a Jetson Xavier NX"),
        ([NANO.replace("7f21", "7019")], "is a Jetson AGX Xavier"),
        ([NANO.replace("7f21", "beef"), NANO.replace("7f21", "cafe")], "0955:beef, 0955:cafe is not a Nano"),
        ([NANO, NANO], "2 Nanos are in recovery mode; connect one at a time"),
    ],
)
def test_what_is_connected_instead(tegra, tmp_path, lines, message):
    not_flashed(tegra, fake_lsusb(tmp_path / "first", *lines), message)


def test_the_options_are_those_of_a_card(tegra, usb, key):
    not_flashed(tegra, usb, "is not a user name", "--user", "Ada", "--ssh-key", key)
    not_flashed(tegra, usb, 'the system has a group entry "video" of its own', "--user", "video", "--ssh-key", key)
    not_flashed(tegra, usb, "unknown option --password", "--password", "x")
    not_flashed(tegra, usb, "one folder is enough", "another")


def test_help():
    assert "examples" in succeed(run(SCRIPT, "--help"))
