"""What is put onto a card for its first boot, and that boot's script, run on the card's own root file system."""

import configparser
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest
from arm64 import debian
from cards import FLASH, command, flash, make_image, make_root, needs_cards, refused, run, succeed
from commands import JETSON, put_first

pytestmark = needs_cards
OWN = "usr/local/lib/nanoyolo"
WANTED = "etc/systemd/system/multi-user.target.wants/nanoyolo-first-boot.service"
WIFI = "etc/NetworkManager/system-connections/nanoyolo-wifi.nmconnection"
# From the standard, IEEE 802.11i, H.4.
SSID, PASSWORD = "ThisIsASSID", "ThisIsAPassword"
PSK = "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af"


@pytest.fixture
def password_file(tmp_path):
    (tmp_path / "password").write_text(PASSWORD + "\r\nsecond line\n")
    return tmp_path / "password"


def mode_of(file):
    found = os.lstat(str(file))
    return oct(stat.S_IMODE(found.st_mode)), found.st_uid, found.st_gid


def test_the_files_on_the_card(image, card, key, tmp_path, password_file):
    python = f'echo "$*" >>{tmp_path}/seen\nexec {shutil.which("python3")} "$@"\n'
    options = ["--user", "ada", "--ssh-key", key, "--hostname", "nano-1", "--wifi", SSID]
    options += ["--wifi-password-file", password_file]
    said = succeed(flash(image, card, *options, first=put_first(tmp_path / "first", "python3", python)))
    assert "first boot prepared: user ada, host name nano-1, Wi-Fi " + SSID in said
    assert "ssh ada@nano-1.local" in said
    with card.mounted("p1", tmp_path / "m") as root:
        assert (root / OWN / "settings").read_text() == "user=ada\nhostname=nano-1\n"
        assert (root / OWN / "authorized_keys").read_text() == key.read_text()
        assert os.readlink(str(root / WANTED)) == "../nanoyolo-first-boot.service"
        assert (root / "etc/systemd/system/nanoyolo-first-boot.service").is_file()
        for file, mode in [
            (OWN + "/settings", "0o600"),
            (OWN + "/authorized_keys", "0o600"),
            (OWN + "/first-boot.sh", "0o755"),
            (OWN, "0o755"),
            (WIFI, "0o600"),
            ("etc/systemd/system/nanoyolo-first-boot.service", "0o644"),
        ]:
            assert mode_of(root / file) == (mode, 0, 0), file
        # NVIDIA's assistant, which would wait for a screen, is neither started nor wanted.
        units = root / "etc/systemd/system"
        assert os.readlink(str(units / "default.target")) == "/lib/systemd/system/multi-user.target"
        assert os.readlink(str(units / "nv-oem-config-gui.service")) == "/dev/null"
        assert not os.path.lexists(str(units / "nv-oem-config-debconf@.service"))
        wifi = configparser.ConfigParser()
        wifi.read(str(root / WIFI))
        assert bytes(int(byte) for byte in wifi["wifi"]["ssid"].strip(";").split(";")).decode() == SSID
        assert wifi["wifi-security"]["psk"] == PSK
    assert PASSWORD.encode() not in card.bytes()
    assert PASSWORD not in said
    # No command has the password among its arguments, where other users could read it.
    seen = (tmp_path / "seen").read_text()
    assert SSID in seen
    assert PASSWORD not in seen


def test_the_password_is_asked_for_first_and_shown_nowhere(image, card, key):
    typed = f"{PASSWORD}\n{card.name}\n"
    arguments = ["--no-checksum", "--user", "ada", "--ssh-key", key, "--wifi", SSID]
    said = succeed(run(FLASH, image, card.device, *arguments, typed=typed))
    assert PSK.encode() in card.bytes()
    assert PASSWORD.encode() not in card.bytes()
    assert PASSWORD not in said


@pytest.mark.parametrize("ssid", ["Home; sweet=home ", "Café", "[x]\\s", "'\"$(id)`"])
def test_networks_with_names_that_files_have_rules_for(tmp_path, ssid):
    script = f". {JETSON}/first-boot/prepare.sh; first_boot[wifi]=$1; connection"
    said = succeed(run("bash", "-c", script, "bash", ssid))
    found = configparser.ConfigParser()
    found.read_string(said)
    assert bytes(int(byte) for byte in found["wifi"]["ssid"].strip(";").split(";")) == ssid.encode()


@pytest.mark.parametrize(
    "options, message",
    [
        (["--hostname", "nano"], "--hostname needs --user NAME"),
        (["--user", "ada"], "--user needs --ssh-key FILE"),
        (["--user", "root", "--ssh-key", "KEY"], "must not be root"),
        (["--user", "Ada", "--ssh-key", "KEY"], "is not a user name"),
        (["--user", "a;reboot", "--ssh-key", "KEY"], "is not a user name"),
        (["--user", "a" * 33, "--ssh-key", "KEY"], "is not a user name"),
        (["--user", "ada", "--hostname", "-a", "--ssh-key", "KEY"], "is not a host name"),
        (["--user", "ada", "--hostname", "a_b", "--ssh-key", "KEY"], "is not a host name"),
        (["--user", "ada", "--hostname", "a" * 64, "--ssh-key", "KEY"], "is not a host name"),
        (["--user", "ada", "--hostname", "", "--ssh-key", "KEY"], "is not a host name"),
        (["--user", "ada", "--ssh-key", "/none.pub"], "/none.pub: no such key; create one: ssh-keygen"),
        (["--user", "ada", "--ssh-key", "PRIVATE"], "is the private key, which never leaves this machine; name "),
        (["--user", "ada", "--ssh-key", "/etc/passwd"], "is not a public key"),
        (["--user", "ada", "--ssh-key", "/dev/null"], "no such key"),
        (["--user", "ada", "--ssh-key", "KEY", "--wifi-password-file", "x"], "needs --wifi SSID"),
        (["--user", "ada", "--ssh-key", "KEY", "--wifi", ""], "has 1 to 32 bytes"),
        (["--user", "ada", "--ssh-key", "KEY", "--wifi", "é" * 17], "has 1 to 32 bytes"),
        (["--user", "ada", "--ssh-key", "KEY", "--wifi", "a", "--wifi-password-file", "/none"], "no such file"),
        (
            ["--user", "ada", "--ssh-key", "KEY", "--wifi", "a"],
            "has 8 to 63 printable ASCII characters; this one has 5",
        ),
    ],
)
def test_what_is_refused_before_anything_is_written(image, card, key, options, message):
    names = {"KEY": str(key), "PRIVATE": str(key.with_suffix(""))}
    refused(flash(image, card, *[names.get(option, option) for option in options], typed="short\n"), message, card)


@pytest.mark.parametrize("line", ["ssh-ed25519 AAAA broken", "sk-ssh-ed25519@openssh.com AAAA", "ssh-rsa", "hello"])
def test_lines_that_are_no_key(image, card, key, tmp_path, line):
    (tmp_path / "bad.pub").write_text(key.read_text() + line + "\n")
    result = flash(image, card, "--user", "ada", "--ssh-key", tmp_path / "bad.pub")
    refused(result, "is not a public key that the Nano's OpenSSH 7.6 accepts", card)


@pytest.mark.parametrize("name, list_name", [("video", "group"), ("sync", "passwd")])
def test_a_name_that_the_system_has_itself(image, card, key, name, list_name):
    result = flash(image, card, "--user", name, "--ssh-key", key)
    refused(result, f'the system has a {list_name} entry "{name}" of its own', code=1)
    assert "the image is on the card and verified, but the first boot is not prepared" in result[1]


def test_a_link_in_the_image_does_not_lead_out_of_it(card, key, tmp_path, password_file):
    root = make_root(tmp_path / "root")
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "etc/NetworkManager").mkdir()
    os.symlink(str(outside), str(root / "etc/NetworkManager/system-connections"))
    image = make_image(tmp_path / "sd.img", root)
    options = ["--user", "ada", "--ssh-key", key, "--wifi", SSID, "--wifi-password-file", password_file]
    refused(flash(image, card, *options), "is a link, which is not followed", code=1)
    assert list(outside.iterdir()) == []
    assert card.device not in pathlib.Path("/proc/mounts").read_text()
    with card.mounted("p1", tmp_path / "m") as found:
        assert not (found / OWN / "settings").exists()  # without it the service does nothing


def test_an_image_without_a_root_file_system(card, key, tmp_path):
    image = tmp_path / "sd.img"
    with open(str(image), "wb") as out:
        out.truncate(4 << 20)
    command("sfdisk", "--quiet", image, input="label: dos\nstart=2048\n")
    result = flash(image, card, "--user", "ada", "--ssh-key", key)
    refused(result, "has no ext4 partition that could be prepared", code=1)


# The boot itself. The card's root file system gets this machine's programs, in a mount namespace of its own, and a
# host name of its own; everything else, from /etc to the partition that grows, is the card's.

BOOT = r"""
set -eu
mount "$1" "$2"
for folder in bin sbin lib lib64 libexec; do
    for place in $folder usr/$folder; do
        [ -d /$place ] || continue
        mkdir -p "$2/$place"
        mount --bind /$place "$2/$place"
    done
done
mkdir -p "$2/dev" "$2/proc" "$2/sys" "$2/tmp"
for folder in dev proc sys; do mount --rbind /$folder "$2/$folder"; done
chroot "$2" /bin/bash -c "$3"
"""
SCRIPT = f"/bin/bash /{OWN}/first-boot.sh"


def may_resize():
    """Whether a mounted file system may be made larger here; root in a container may lack CAP_SYS_RESOURCE."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("CapEff:")[1].split()[0], 16) >> 24 & 1


def boot(card, folder, script=SCRIPT + " && echo host name: $(hostname)"):
    """Run a script on the card. Where resize2fs must fail it is noted down, and done afterwards, unmounted."""
    folder.mkdir(exist_ok=True)
    fake = "/usr/local/sbin/resize2fs"
    if not may_resize():
        script = f"printf '#!/bin/sh\\necho $1 >/resize\\n' >{fake}; chmod 755 {fake}; {script}"
    result = run("unshare", "--mount", "--uts", "bash", "-c", BOOT, "bash", card.device + "p1", folder, script)
    if not may_resize():
        with card.mounted("p1", folder) as root:
            asked = (root / "resize").read_text() if (root / "resize").exists() else ""
        if asked:
            assert asked == card.device + "p1\n"
            command("e2fsck", "-fy", card.device + "p1")
            command("resize2fs", card.device + "p1")
    return result


def snapshot(root):
    """All that is in /etc and /home: kind, owner, mode, content."""
    found = {}
    for top in ("etc", "home"):
        for folder, folders, files in os.walk(str(root / top)):
            for name in folders + files:
                path = pathlib.Path(folder, name)
                content = os.readlink(str(path)) if path.is_symlink() else path.is_file() and path.read_bytes()
                found[str(path.relative_to(root))] = (mode_of(path), content)
    return found


def entry(file, name):
    """The fields of a line of passwd and the like."""
    return [line for line in file.read_text().splitlines() if line.startswith(name + ":")][0].split(":")


def part(table, name):
    """A partition's line of sfdisk's dump, without its size."""
    line = [line for line in table.splitlines() if f"{name} :" in line][0]
    return re.sub("size= *[0-9]+, ", "", line)


def root_size(card):
    lines = command("dumpe2fs", "-h", card.device + "p1", stderr=subprocess.DEVNULL).splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields["Block count"]) * int(fields["Block size"])


@pytest.fixture
def prepared(image, card_of, key):
    card = card_of(40 << 20)
    succeed(flash(image, card, "--user", "ada", "--ssh-key", key, "--hostname", "nano1"))
    return card


def test_the_first_boot(prepared, key, tmp_path):
    table = command("sfdisk", "--dump", prepared.device)
    before = root_size(prepared)
    here = command("hostname")
    said = succeed(boot(prepared, tmp_path / "m"))
    assert "ada can log in to nano1" in said
    assert "host name: nano1" in said
    assert command("hostname") == here
    with prepared.mounted("p1", tmp_path / "m") as root:
        user = entry(root / "etc/passwd", "ada")
        assert user[5:] == ["/home/ada", "/bin/bash"]
        uid, gid = int(user[2]), int(user[3])
        assert uid >= 1000
        assert entry(root / "etc/shadow", "ada")[1:3] == ["*", ""]  # no password fits, and none has to be changed
        groups = (root / "etc/group").read_text().splitlines()
        for group in ("sudo:x:27:ada", "video:x:44:ada", "gpio:x:999:ada"):
            assert group in groups
        assert (root / "home/ada/.ssh/authorized_keys").read_text() == key.read_text()
        assert mode_of(root / "home/ada") in [("0o755", uid, gid), ("0o750", uid, gid), ("0o700", uid, gid)]
        assert mode_of(root / "home/ada/.ssh") == ("0o700", uid, gid)
        assert mode_of(root / "home/ada/.ssh/authorized_keys") == ("0o600", uid, gid)
        assert (root / "etc/sudoers.d/90-nanoyolo").read_text() == "ada ALL=(ALL) NOPASSWD: ALL\n"
        assert mode_of(root / "etc/sudoers.d/90-nanoyolo") == ("0o440", 0, 0)
        assert [file.name for file in (root / "etc/sudoers.d").iterdir()] == ["90-nanoyolo"]
        assert mode_of(root / "etc/ssh/ssh_host_ed25519_key") == ("0o600", 0, 0)
        assert (root / "etc/hostname").read_text() == "nano1\n"
        assert (root / "etc/hosts").read_text() == "127.0.0.1 localhost\n127.0.1.1\tnano1\n"
        # It does not come again, and leaves no key where it was only on its way.
        assert not os.path.lexists(str(root / WANTED))
        assert not (root / OWN / "settings").exists()
        assert not (root / OWN / "authorized_keys").exists()
    assert before < 8 << 20
    assert root_size(prepared) >= 36 << 20
    # The unique id, by which a boot loader may look for it, the name and the start are as they were.
    after = command("sfdisk", "--dump", prepared.device)
    assert part(after, "p1") == part(table, "p1")
    assert re.findall(".*p2 :.*", after) == re.findall(".*p2 :.*", table)
    command("e2fsck", "-fn", prepared.device + "p1")


def test_twice_changes_nothing(prepared, tmp_path):
    assert boot(prepared, tmp_path / "m")[0] == 0
    with prepared.mounted("p1", tmp_path / "m") as root:
        before = snapshot(root)
    assert "nothing to do: the first boot is complete" in succeed(boot(prepared, tmp_path / "m"))
    # As after a power cut just before its end: the settings are still there, and everything is done once more.
    again = f"cd /{OWN}; mv settings.done settings; cp /home/ada/.ssh/authorized_keys .; {SCRIPT}"
    succeed(boot(prepared, tmp_path / "m", again))
    with prepared.mounted("p1", tmp_path / "m") as root:
        assert snapshot(root) == before
    command("e2fsck", "-fn", prepared.device + "p1")


def test_a_step_that_fails_is_tried_again_and_holds_up_no_other(prepared, tmp_path):
    visudo = "printf '#!/bin/sh\\nexit 1\\n' >/usr/local/sbin/visudo; chmod 755 /usr/local/sbin/visudo; "
    result = boot(prepared, tmp_path / "m", visudo + SCRIPT)
    refused(result, "failed: allow_sudo; they are retried at the next boot", code=1)
    with prepared.mounted("p1", tmp_path / "m") as root:
        assert list((root / "etc/sudoers.d").iterdir()) == []
        assert os.path.lexists(str(root / WANTED))
        assert (root / "home/ada/.ssh/authorized_keys").exists()
        assert (root / "etc/hostname").read_text() == "nano1\n"
    succeed(boot(prepared, tmp_path / "m", "rm /usr/local/sbin/visudo; " + SCRIPT))
    with prepared.mounted("p1", tmp_path / "m") as root:
        assert (root / "etc/sudoers.d/90-nanoyolo").exists()
        assert not os.path.lexists(str(root / WANTED))


def test_the_service_file_is_one_for_systemd(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    unit = JETSON / "first-boot" / "nanoyolo-first-boot.service"
    said = subprocess.run(["systemd-analyze", "verify", str(unit)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert unit.name not in said.stdout.decode()
    assert f"ExecStart=/bin/bash /{OWN}/first-boot.sh\n" in unit.read_text()


@pytest.mark.deploy
def test_the_first_boot_on_a_whole_system(key, tmp_path):
    root = tmp_path / "root"
    command("cp", "-a", "--one-file-system", debian(), root)
    (root / "etc/systemd/system").mkdir(parents=True, exist_ok=True)
    script = '. {}/first-boot/prepare.sh; first_boot=([user]=ada [hostname]=nano1 [ssh-key]=$1); write_first_boot "$2"'
    succeed(run("bash", "-c", script.format(JETSON), "bash", key, root))
    inside = 'mount --rbind /proc "$1/proc"; mount --rbind /dev "$1/dev"; chroot "$1" /bin/bash -c "$2"'
    check = SCRIPT + "; id ada; hostname; sudo -l -U ada; sshd -t && echo sshd is content"
    inside = "mkdir -p $1/run/sshd; " + inside
    said = succeed(run("unshare", "--mount", "--uts", "bash", "-c", inside, "bash", root, check))
    for part in ("(sudo)", "\nnano1\n", "(ALL) NOPASSWD: ALL", "sshd is content", "/ is not on a partition: it keeps"):
        assert part in said
