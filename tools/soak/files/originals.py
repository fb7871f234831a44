"""Whole files of every kind, from which damaged ones are made: small, so that the damage often hits a header."""

import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from typing import Dict, List, Tuple

import cv2
import numpy as np

from app.errors import NanoyoloError
from app.sources.shapes import synthesise

WIDTH, HEIGHT, FRAMES, FPS = 160, 120, 40, 25
PICTURES = ("jpeg", "png", "webp", "tiff")
FILMS = ("mp4", "mkv", "avi")
STREAM = "http"  # Motion JPEG over HTTP
KINDS = (*PICTURES, *FILMS, STREAM)
BOUNDARY = b"frame"

# With B-frames, so that frames are stored in another order than they are shown in; once without the times of showing.
H264 = "-c:v libx264 -preset veryfast -bf 2 -g 12 -pix_fmt yuv420p".split()
BY_FFMPEG: Dict[str, List[List[str]]] = {
    "mp4": [H264, [*H264, "-movflags", "+faststart"], [*H264, "-movflags", "+frag_keyframe+empty_moov"]],
    "mkv": [H264, "-c:v libvpx -b:v 300k -g 12".split(), [*H264, "-bsf:v", "setts=pts=DTS"]],
    "avi": ["-c:v mpeg4 -bf 2 -g 12 -q:v 5".split(), H264],
}
BY_OPENCV = {"mp4": ("mp4v",), "mkv": ("MJPG", "mp4v"), "avi": ("MJPG", "XVID")}


def make_originals(kind: str) -> List[bytes]:
    """Some whole files of a kind, each made differently; always the same ones on the same machine."""
    if kind in PICTURES:
        return _pictures(kind)
    if kind == STREAM:
        return [_stream(with_lengths=True), _stream(with_lengths=False)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "film." + kind)
        films = [_by_opencv(path, code) for code in BY_OPENCV[kind]]
        if shutil.which("ffmpeg"):
            films += [_by_ffmpeg(path, options) for options in BY_FFMPEG[kind]]
        return films


def _pictures(kind: str) -> List[bytes]:
    plain = next(synthesise(WIDTH, HEIGHT, 1))
    plain[::2, ::2] += np.random.RandomState(0).randint(0, 30, plain[::2, ::2].shape, np.uint8)  # some detail
    grey, deep = plain[:, :, 1], plain.astype(np.uint16) * 257
    alpha = np.dstack([plain, grey])
    flag = cv2.IMWRITE_TIFF_COMPRESSION
    ways: Dict[str, Tuple[str, List[Tuple[np.ndarray, List[int]]]]] = {
        "jpeg": (
            ".jpg",
            [
                (plain, []),
                (grey, []),
                (plain, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]),
                (plain, [cv2.IMWRITE_JPEG_RST_INTERVAL, 4]),
            ],
        ),
        "png": (".png", [(plain, []), (grey, []), (alpha, []), (deep, [])]),
        "webp": (".webp", [(plain, [cv2.IMWRITE_WEBP_QUALITY, 80]), (plain, [cv2.IMWRITE_WEBP_QUALITY, 101])]),
        "tiff": (".tif", [(plain, [flag, 1]), (plain, [flag, 5]), (deep, [flag, 8]), (grey, [flag, 32773])]),
    }
    ways["webp"][1].append((alpha, [cv2.IMWRITE_WEBP_QUALITY, 80]))
    suffix, images = ways[kind]
    files = [bytes(cv2.imencode(suffix, image, options)[1].tobytes()) for image, options in images]
    return [*files, *map(_with_notes, files[:1])] if kind in ("jpeg", "png") else files


def _with_notes(data: bytes) -> bytes:
    """A JPEG or PNG with EXIF and a comment, damage of which does not touch the picture."""
    exif = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)  # orientation 6 (TIFF 6.0)
    comment = bytes(range(32, 127)) * 4
    if data.startswith(b"\xff\xd8"):
        notes = [(b"\xff\xe1", b"Exif\0\0" + exif), (b"\xff\xfe", comment)]
        return (
            data[:2] + b"".join(marker + struct.pack(">H", 2 + len(note)) + note for marker, note in notes) + data[2:]
        )
    chunks = [(b"eXIf", exif), (b"tEXt", b"Comment\0" + comment)]
    packed = [
        struct.pack(">I", len(chunk)) + name + chunk + struct.pack(">I", zlib.crc32(name + chunk))
        for name, chunk in chunks
    ]
    return data[:33] + b"".join(packed) + data[33:]  # behind the signature and IHDR


def _stream(with_lengths: bool) -> bytes:
    """What a camera sends after the head of its answer."""
    parts = []
    for image in synthesise(WIDTH, HEIGHT, FRAMES):
        jpeg = bytes(cv2.imencode(".jpg", image)[1].tobytes())
        length = b"Content-Length: %d\r\n" % len(jpeg) if with_lengths else b""
        parts.append(b"--" + BOUNDARY + b"\r\nContent-Type: image/jpeg\r\n" + length + b"\r\n" + jpeg + b"\r\n")
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


def _by_opencv(path: str, code: str) -> bytes:
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*code), FPS, (WIDTH, HEIGHT))
    if not writer.isOpened():
        raise NanoyoloError(f"this OpenCV cannot write {code} into {path}; install opencv-python from PyPI")
    for image in synthesise(WIDTH, HEIGHT, FRAMES):
        writer.write(image)
    writer.release()
    return _content(path)


def _by_ffmpeg(path: str, options: List[str]) -> bytes:
    raw = f"-f rawvideo -pix_fmt bgr24 -s {WIDTH}x{HEIGHT} -r {FPS} -i -".split()
    images = b"".join(image.tobytes() for image in synthesise(WIDTH, HEIGHT, FRAMES))
    command = ["ffmpeg", "-v", "error", "-y", *raw, *options, "-bitexact", path]
    done = subprocess.run(command, input=images, stderr=subprocess.PIPE)
    if done.returncode:
        raise NanoyoloError(f"ffmpeg cannot make {path}: {done.stderr.decode(errors='replace').strip()}")
    return _content(path)


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


SUFFIXES = {"jpeg": ".jpg", "tiff": ".tif", STREAM: ""}


def file_name(kind: str, seed: int) -> str:
    """The name of a damaged file; without an ending where a stream is served by that name."""
    return f"{kind}-{seed}" + SUFFIXES.get(kind, "." + kind)
