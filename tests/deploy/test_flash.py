"""flash.sh against loop devices: the right bytes, all that it refuses, and what it says when writing goes wrong."""

import fcntl
import gzip
import hashlib
import lzma
import os
import pathlib
import shutil
import signal
import subprocess
import time
import zipfile
import zlib

import pytest
from cards import FLASH, MB, SIGNALS, Run, command, flash, mounted, needs_cards, refused, run, succeed
from commands import JETSON, put_first

pytestmark = needs_cards
AGAIN = f"must be written again; type: {FLASH}"


def packed(image, folder, kind):
    """A copy of the image, as it is or in an archive, which is made once."""
    source = image.with_suffix("." + kind)
    if kind == "zip" and not source.exists():
        with zipfile.ZipFile(str(source), "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
            out.writestr("readme.txt", "nothing")
            out.writestr("__MACOSX/._sd [1].img", "nothing")
            out.write(str(image), "sd [1].img")
    elif kind == "xz" and not source.exists():
        source.write_bytes(lzma.compress(image.read_bytes(), preset=0))
    elif kind == "gz" and not source.exists():
        source.write_bytes(gzip.compress(image.read_bytes(), 1))
    return pathlib.Path(shutil.copy(str(source), str(folder / f"sd.img.{kind}")))


def throttle(folder):
    """An xz that unpacks 3 MB/s."""
    script = """
        [[ " $* " == *" --decompress "* ]] || exec {0} "$@"
        exec 8< <({0} "$@")
        for _ in {{1..13}}; do dd bs=1M count=1 iflag=fullblock status=none <&8 || exit; sleep 0.3; done
    """
    return put_first(folder / "slow", "xz", script.format(shutil.which("xz")))


@pytest.mark.parametrize("kind", ["img", "zip", "xz", "gz"])
def test_the_right_bytes_and_no_more(image, card, tmp_path, kind):
    card.file.write_bytes(b"\xa5" * (16 << 20))
    code, said = flash(packed(image, tmp_path, kind), card)
    expected = image.read_bytes()
    assert code == 0, said
    assert len(expected) % 512 == 489
    assert card.bytes()[: len(expected)] == expected
    assert set(card.bytes()[len(expected) + 512 :]) == {0xA5}
    assert f"verified: {len(expected)} bytes, SHA-256 {hashlib.sha256(expected).hexdigest()}" in said
    assert ("is known only at its end" in said) == (kind == "gz")


def test_it_is_never_unpacked_to_disk(image, card, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "small"))
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=256k", "tmpfs"):
        succeed(flash(packed(image, tmp_path, "zip"), card))


def test_a_card_of_exactly_the_images_size(image, card_of, tmp_path):
    size = -(-image.stat().st_size // 512) * 512
    succeed(flash(image, card_of(size)))


# What is refused: each with what must be said, and the card as it was.


@pytest.mark.parametrize(
    "device, message",
    [
        ("/dev/none-of-this", "no such device; lsblk lists them"),
        ("/tmp", "is not a device"),
        ("/dev/null", "is not a device"),
        (str(FLASH), "is not a device"),
    ],
)
def test_what_is_no_device(image, device, message):
    refused(run(FLASH, image, device, "--yes", os.path.basename(device), "--no-checksum"), message)


def test_a_reader_without_a_card(image, card):
    command("losetup", "--detach", card.device)
    try:
        refused(flash(image, card), "there is no card in " + card.device)
    finally:
        command("losetup", card.device, card.file)


def test_the_systems_disk(image, tmp_path):
    source = command("findmnt", "-nro", "SOURCE", "/").strip()
    if not source.startswith("/dev/") or not os.path.exists(source):
        pytest.skip("/ is on no disk here: " + source)
    disk = command("lsblk", "-nrpso", "NAME", source).split()[-1]
    # Were it not refused, it would still not get past the name, nor past a dd that writes nothing.
    first = put_first(tmp_path / "first", "dd", "exit 1\n")
    result = run(FLASH, image, disk, "--yes", "nothing", "--no-checksum", first=first)
    refused(result, disk + " is the disk that this system runs from")


@pytest.mark.parametrize("lsblk, accepted", [("0 0", False), ("1 0", True), ("0 1", True)])
def test_what_is_built_in(tmp_path, lsblk, accepted):
    first = put_first(tmp_path / "first", "lsblk", f"echo '{lsblk}'\n")
    code, _ = run(
        "bash", "-c", ". {}; is_removable /dev/sdx disk".format(JETSON / "flashing" / "device.sh"), first=first
    )
    assert (code == 0) == accepted


def test_a_partition(image, card):
    partition = card.lay_out("label: dos\nstart=2048\n")
    result = run(FLASH, image, partition, "--yes", card.name, "--no-checksum")
    refused(result, "is a partition; name the whole device: " + card.device)


@pytest.mark.parametrize("whole", [True, False])
def test_a_mounted_one(image, card, tmp_path, whole):
    place = card.device if whole else card.lay_out("label: dos\nstart=2048\n")
    command("mkfs.ext4", "-qF", place)
    with mounted(tmp_path / "m", place):
        result = flash(image, card)
    refused(result, "{0} is mounted at {1}; type: sudo umount {0}".format(place, tmp_path / "m"))


def test_one_that_another_mount_namespace_has_mounted(image, card, tmp_path):
    command("mkfs.ext4", "-qF", card.device)
    (tmp_path / "m").mkdir()
    script = 'mount "$0" "$1" && echo mounted && exec sleep 60'
    other = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, card.device, str(tmp_path / "m")], stdout=subprocess.PIPE
    )
    try:
        assert other.stdout.readline() == b"mounted\n"
        refused(flash(image, card), card.device + " is in use by another program")
    finally:
        other.kill()
        other.wait()
        other.stdout.close()


def test_one_with_swap_on_it(image, card):
    partition = card.lay_out("label: dos\nstart=2048\n")
    command("mkswap", partition)
    if subprocess.run(["swapon", partition], capture_output=True).returncode:
        pytest.skip("no swap here")
    try:
        result = flash(image, card)
    finally:
        command("swapoff", partition)
    refused(result, f"{partition} is in use as swap; type: sudo swapoff {partition}")


def test_one_that_is_part_of_an_lvm_volume(image, card):
    label = b"\x20\0\0\0LVM2 001" + b"x" * 32 + bytes(512 - 20 - 12 - 32)
    crc = zlib.crc32(label, 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
    header = b"LABELONE" + (1).to_bytes(8, "little") + crc.to_bytes(4, "little") + label
    with open(card.device, "r+b") as out:
        out.seek(512)
        out.write(header)
    refused(flash(image, card), "is part of a volume (LVM2_member)")


def test_one_that_device_mapper_uses(image, card, tmp_path):
    real = shutil.which("lsblk")
    script = f'{real} "$@"\n[ "$2" != NAME,TYPE ] || echo "/dev/mapper/secret crypt"\n'
    refused(
        flash(image, card, first=put_first(tmp_path / "first", "lsblk", script)), "in use by /dev/mapper/secret (crypt)"
    )


def test_one_that_is_being_written_already(image, card):
    with open(card.device) as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        refused(flash(image, card), card.device + " is being written by another program", card)


def test_one_that_is_write_protected(image, card):
    command("blockdev", "--setro", card.device)
    try:
        refused(flash(image, card), "write-protected", card)
    finally:  # it outlives the loop device
        command("blockdev", "--setrw", card.device)


@pytest.mark.parametrize("kind", ["img", "zip", "xz"])
def test_one_that_is_too_small(image, card_of, tmp_path, kind):
    small = card_of(12 << 20)  # by 1001 bytes
    refused(flash(packed(image, tmp_path, kind), small), "is too small: it has 12.6 MB, the image needs 12.6 MB", small)


@pytest.mark.parametrize("typed", ["", "\n", "sda\n", "loop\n"])
def test_a_wrong_name(image, card, typed):
    for options in ([], ["--yes", typed.strip() or "sda"]):
        result = run(FLASH, image, card.device, "--no-checksum", *options, typed=typed)
        refused(result, f'is not "{card.name}"', card)


def test_the_name_is_asked_for_after_the_card_was_shown(image, card):
    said = succeed(run(FLASH, image, card.device, "--no-checksum", typed=card.name + "\n"))
    assert said.index("16M") < said.index("verified")


# Images that are none.


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "is broken or incomplete"),
        (b"<html>404</html>", "does not start with a partition table"),
        (bytes(4096), "does not start with a partition table"),
        (b"PK\x03\x04 and so on", "is broken or incomplete; download it again"),
        (b"\xfd7zXZ\0 and so on", "is broken or incomplete; download it again"),
        (b"\x1f\x8b and so on", "or it is damaged"),
    ],
)
def test_a_file_that_is_no_image(card, tmp_path, content, message):
    file = tmp_path / "sd.img"
    file.write_bytes(content)
    refused(flash(file, card), message, card)


def test_a_missing_file_and_a_folder(card, tmp_path):
    refused(flash(tmp_path / "none.img", card), "none.img: no such file", card)
    refused(flash(tmp_path, card), "is not an image file", card)


@pytest.mark.parametrize("names", [["a.img", "b.img"], ["a.txt"]])
def test_a_zip_without_exactly_one_image(card, tmp_path, names):
    with zipfile.ZipFile(str(tmp_path / "a.zip"), "w") as out:
        for name in names:
            out.writestr(name, "nothing")
    count = sum(name.endswith(".img") for name in names)
    refused(flash(tmp_path / "a.zip", card), f"has {count} .img files inside, and must have one", card)


def test_an_encrypted_zip(image, card, tmp_path):
    command("zip", "-q", "-j", "-1", "-P", "secret", tmp_path / "a.zip", image)
    refused(flash(tmp_path / "a.zip", card), "or it is damaged", card)


@pytest.mark.parametrize("kind", ["zip", "xz"])
def test_a_download_that_stopped_halfway(image, card, tmp_path, kind):
    file = packed(image, tmp_path, kind)
    os.truncate(str(file), file.stat().st_size // 2)
    refused(flash(file, card), "is broken or incomplete; download it again", card)


# Checksums: before anything is written.


def test_an_image_whose_checksum_is_not_known(image, card):
    result = run(FLASH, image, card.device, "--yes", card.name)
    refused(result, "--sha256 HEX or --md5 HEX as published, or --no-checksum", card)


@pytest.mark.parametrize("kind", ["sha256", "md5"])
def test_a_checksum(image, card, kind):
    digest = hashlib.new(kind, image.read_bytes()).hexdigest()
    wrong = digest.translate(str.maketrans("0123456789abcdef", "123456789abcdef0"))
    start = [FLASH, image, card.device, "--yes", card.name, "--" + kind]
    refused(run(*start, wrong), f"the {kind} of {image} is {digest} and should be {wrong}", card)
    refused(run(*start, digest[:-1]), "hexadecimal digits", card)
    succeed(run(*start, digest.upper()))


@pytest.mark.parametrize("line", ["{0}", "{0}  sd.img.img", "0000  other.img\n{0} *sd.img.img"])
def test_a_checksum_file_beside_it(image, card, tmp_path, line):
    file = packed(image, tmp_path, "img")
    beside = tmp_path / "sd.img.img.sha256"
    beside.write_text(line.format("0" * 64) + "\n")
    refused(run(FLASH, file, card.device, "--yes", card.name), "and should be 0000", card)
    beside.write_text(line.format(hashlib.sha256(file.read_bytes()).hexdigest()) + "\n")
    succeed(run(FLASH, file, card.device, "--yes", card.name))
    beside.write_text("nothing\n")
    refused(run(FLASH, file, card.device, "--yes", card.name), "has no SHA-256 of sd.img.img")


# What goes wrong while writing.


def incomplete(result, message):
    """Assert that writing failed with this message, and that it says how to write the card again: all that it says."""
    refused(result, message, code=1)
    assert AGAIN in result[1]
    return result[1]


@pytest.mark.parametrize("kind, at", [("zip", MB), ("xz", MB), ("gz", -6), ("gz", MB)])
def test_an_archive_that_is_broken_inside(image, card, tmp_path, kind, at):
    file = packed(image, tmp_path, kind)
    data = bytearray(file.read_bytes())
    data[at] ^= 0xFF
    file.write_bytes(bytes(data))
    said = incomplete(flash(file, card), f"{file} is broken")
    assert "verified" not in said


def test_a_card_that_keeps_something_else(image, card, tmp_path):
    # Between writing and reading back: the cache has the right byte, the card (the file) another one.
    script = """
        {} "$@"
        dd if={} of=/dev/null bs=1M status=none
        printf X | dd of={} bs=1 seek=11000000 conv=notrunc status=none
    """.format(shutil.which("sync"), card.device, card.file)
    result = flash(image, card, first=put_first(tmp_path / "first", "sync", script))
    incomplete(result, "is not what was written; the card or the reader is faulty")


@pytest.mark.parametrize(
    "number, everyone",
    [(signal.SIGINT, True), (signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGHUP, False)],
    ids=["Ctrl-C", "SIGINT to the script only", "SIGTERM", "SIGHUP"],
)
def test_an_interruption(image, card, tmp_path, number, everyone):
    slow = throttle(tmp_path)
    file = packed(image, tmp_path, "xz")
    script = Run(FLASH, file, card.device, "--yes", card.name, "--no-checksum", first=slow)
    script.wait_for(card.touched)
    assert any("dd of=" + card.device in line for line in script.alive())
    began = time.monotonic()
    script.signal(number, everyone)
    code, said = script.end()
    assert time.monotonic() - began < 3
    assert code == SIGNALS[number], said
    assert "interrupted: the card is incomplete and " + AGAIN in said
    assert "verified" not in said


def test_an_interruption_before_anything_was_written(image, card, tmp_path):
    slow = put_first(tmp_path / "first", "sha256sum", "exec sleep 30\n")
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    script = Run(FLASH, image, card.device, "--yes", card.name, "--sha256", digest, first=slow)
    script.wait_for(lambda: any("sleep 30" in line for line in script.alive()))
    script.signal(signal.SIGINT)
    refused(script.end(), "interrupted: nothing was written", card, code=130)


def test_progress_says_how_far_and_how_long(image, card, tmp_path):
    said = succeed(flash(packed(image, tmp_path, "xz"), card, first=throttle(tmp_path)))
    line = next(line for line in said.splitlines() if line.startswith("written: "))
    assert " MB of 12.6, " in line
    assert " %, " in line
    assert " MB/s, 0:" in line
    assert line.endswith(" left")


def test_a_card_that_proves_too_small(image, card_of, tmp_path):
    result = flash(packed(image, tmp_path, "gz"), card_of(10 << 20))
    incomplete(result, "failed: the card is too small for the image")


def test_a_card_that_fails_while_it_is_written(image, card_of, tmp_path):
    # The device is large enough, but what is behind it is not: the kernel reports an error that is not about the size.
    with mounted(tmp_path / "tiny", "-t", "tmpfs", "-o", "size=6m", "tmpfs"):
        card = card_of(16 << 20, tmp_path / "tiny" / "card")
        incomplete(flash(image, card), "on device; is the card worn out, or the reader loose?")


def test_a_card_that_is_pulled_out(image, card, tmp_path):
    slow = throttle(tmp_path)
    script = Run(FLASH, packed(image, tmp_path, "xz"), card.device, "--yes", card.name, "--no-checksum", first=slow)
    script.wait_for(card.touched)
    os.truncate(str(card.file), 0)
    command("losetup", "--set-capacity", card.device)
    incomplete(script.end(), "the card is gone; was it pulled out?")


# The command line.


def test_help():
    said = succeed(run(FLASH, "--help"))
    assert all(option in said for option in ("--sha256", "--wifi-password-file", "--yes", "examples"))


@pytest.mark.parametrize("arguments", [[], ["a.img"], ["a.img", "b", "c"], ["--force", "a", "b"], ["a", "b", "--yes"]])
def test_a_wrong_command_line(arguments):
    refused(run(FLASH, *arguments), "--help")


def test_who_is_not_root_is_made_root(tmp_path):
    first = put_first(tmp_path / "first", "id", "echo 1000\n")
    put_first(first, "sudo", 'echo "fake sudo: $*"\n')
    code, said = run(FLASH, "a b.img", "/dev/sdx", first=first)
    assert "this needs root: asking sudo\n" in said
    assert "fake sudo: -- /" in said
    assert said.strip().endswith("flash.sh a b.img /dev/sdx")
    assert code == 0
