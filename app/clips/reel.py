"""Where a camera's pictures go: from one file of an archive into the next, with a line for those that are lost."""

from typing import Dict, Optional

from app.clips.archive import Archive, NotWrittenError, Recording
from app.clips.losses import Losses
from app.clips.ring import Shot

QUEUE = 32  # frames that may wait for the disk: two seconds, as SD cards stand still now and then


class Reel:
    """recording: the file that is being written, None between two. began_at: when its first frame was captured.

    files, frames: how many were written so far.
    """

    def __init__(self, archive: Archive, camera: str, fps: Optional[float] = None) -> None:
        """fps: of a constant rate, at which the frames play one after the other; None: they play at their times."""
        self.recording: Optional[Recording] = None
        self.began_at = 0.0
        self.files = self.frames = 0
        self._archive = archive
        self._camera = camera
        self._fps = fps
        self._losses = Losses(archive.monotonic)
        self._closed = False

    def write(self, shot: Shot, age: float = 0.0) -> bool:
        """Append a shot, to the next file if it does not fit into the present one; whether that was possible.

        age: seconds since it was captured.
        """
        recording = self.recording
        if recording is not None and (recording.is_full or recording.size != shot.size):
            self.end()
        try:
            if self.recording is None:
                self.recording = self._archive.create(self._camera, shot.size, self._fps, age)
            recording = self.recording
            if not recording.frames:
                self.began_at = shot.seconds
            seconds = shot.seconds - self.began_at if self._fps is None else recording.frames / self._fps
            recording.write(shot.jpeg, seconds)
        except NotWrittenError as error:
            self._losses.add(str(error))
            return False
        self.files += recording.frames == 1
        self.frames += 1
        self._losses.over(self._camera)
        return True

    def end(self) -> None:
        """Finish the present file."""
        recording, self.recording = self.recording, None
        if recording is not None:
            recording.close()

    def figures(self) -> Dict[str, int]:
        """What has happened so far, for people: bytes and deleted files are those of all cameras of the archive."""
        archive = self._archive
        return {
            "files": self.files,
            "frames": self.frames,
            "left_out": self._losses.count,
            "deleted": archive.deleted,
            "bytes": archive.taken,
        }

    def close(self) -> None:
        """Finish, and say what was lost. Closing twice is allowed."""
        if self._closed:
            return
        self._closed = True
        try:
            self.end()
        finally:
            self._losses.close(self._camera)
            self._archive.release()
