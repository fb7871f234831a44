"""Why a file is no film, as far as that can be told: the true reason, and what to do."""

import os
from shlex import quote
from typing import Optional

from app.address import scheme
from app.sources.container import Track
from app.sources.pictures.header import read_header

# What every build of FFmpeg decodes: where such a film does not open, something else is wrong.
COMMON = ("h264", "mpeg4", "mjpeg", "vp8", "vp9", "mpeg2video", "hevc")
PLAYLISTS = (".m3u", ".m3u8", ".pls", ".xspf")
LISTS = (b"#EXTM3U", b"[playlist]", b"ffconcat version")
SNIFFED = 1024  # bytes


def why_no_film(path: str, track: Optional[Track] = None) -> str:
    """One line about a file of which OpenCV decodes no frame. track: what its container says, if it says anything."""
    if scheme(path):
        return f"{path}: cannot be read from its server, which may send no parts of a file; download it, and name that"
    if track is None or not os.path.isfile(path):
        return f"{path}: truncated or damaged, or not a video that OpenCV can read"
    if track.codec in COMMON:
        return f"{path}: no frame can be decoded; truncated or damaged"
    stem, suffix = os.path.splitext(path)
    converted = f"{stem}-h264{suffix if suffix.lower() in ('.mp4', '.mov', '.mkv') else '.mp4'}"
    return (
        f"{path}: this OpenCV has no decoder for its codec {track.codec}; convert it: "
        f"ffmpeg -i {quote(path)} -c:v libx264 {quote(converted)}"
    )


def why_no_pipe(name: str) -> str:
    """The same for a pipe, of which only that much is known."""
    return (
        f"{name}: not a video or image that can be read through a pipe; an MP4 needs its index at its start "
        "(ffmpeg -movflags +faststart), or name the file itself"
    )


def why_no_source(path: str) -> Optional[str]:
    """Why a file is not even tried: a list of other files, plain text, half a GIF. None where it may be a film.

    FFmpeg would follow a playlist to wherever it points, and decodes half an image without a word.
    """
    with open(path, "rb") as file:
        start = file.read(SNIFFED)
        header = read_header(start + file.read()) if start.startswith(b"GIF8") else None
    if header is not None and header.damage is not None:
        return f"{path}: damaged: {header.damage}"
    advice = "put the videos, or links to them, into a folder and name that, or use a glob: --cam 'clips/*.mp4'"
    if path.lower().endswith(PLAYLISTS) or start.startswith(LISTS):
        return f"{path}: a playlist, which is not supported; {advice}"
    if start and _is_text(start):
        return f"{path}: a text file, not a video; a list of files is not supported: {advice}"
    return None


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3:  # else a character that the limit has cut
            return False
        text = data[: error.start].decode("utf-8")
    return not text.startswith("YUV4MPEG2") and all(char.isprintable() or char in "\t\r\n\f" for char in text)
