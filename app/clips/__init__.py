"""Clips of events, continuous recordings and time-lapses, on a disk that never fills up.

    ring      the last seconds of a camera, as JPEGs
    clips     a film of each event
    segments  everything, in files of ten minutes; timelapse: one picture in so many
    reel      from one file into the next; losses: what could not be written
    archive   a folder that keeps to its limits; folder, manifest: which files are its own; retention: which go
    replay    the pictures of a recording; convert: for phones and browsers

Each is a sink of one camera; what a camera wants is in its options, see `arguments`.
"""

import argparse
import os
from typing import TYPE_CHECKING, Callable, Dict, List, Sequence, Tuple

from app.errors import UsageError

if TYPE_CHECKING:
    from app.clips.archive import Archive
    from app.clips.clips import ClipSink
    from app.clips.figures import Recorder

CLIPS, RECORDINGS, TIME_LAPSE = "clips", "recordings", "time-lapse"  # folders of a store


def open_clips(
    options: argparse.Namespace,
    store_dir: str,
    camera: str,
    announce: "Callable[[str, str], None]" = lambda event, path: None,
    removed: "Callable[[str], None]" = lambda path: None,
) -> "ClipSink":
    """What films the events of a camera; its `listen` is to be told of their changes.

    announce: called with the id of an event and the path of its clip, relative to the store. removed: called with that
    of one which was deleted, because of the limits. Both in a thread of the sink's own. Raises OutputError where the
    folder cannot be written.
    """
    from app.clips.clips import ClipSink

    archive = _archive(options, os.path.join(store_dir, CLIPS), options.keep_clips, 2)
    return ClipSink(
        archive,
        camera,
        options.pre_roll,
        options.post_roll,
        lambda event, path: announce(event, f"{CLIPS}/{path}"),
        lambda path: removed(f"{CLIPS}/{path}"),
    )


def open_recorders(options: argparse.Namespace, store_dir: str, camera: str) -> "List[Recorder]":
    """What records a camera all the time, or as a time-lapse. Raises OutputError where a folder cannot be written."""
    from app.clips.arguments import read_factor
    from app.command import duration

    sinks: "List[Recorder]" = []
    if options.record is not None:
        from app.clips.segments import SegmentSink

        folder = options.record or os.path.join(store_dir, RECORDINGS)
        sinks.append(SegmentSink(_archive(options, folder, options.keep, 0), camera, duration(options.segment)))
    if options.time_lapse is not None:
        from app.clips.timelapse import TimeLapseSink

        try:
            archive = _archive(options, os.path.join(store_dir, TIME_LAPSE), options.keep_time_lapse, 1)
        except BaseException:
            for sink in sinks:
                sink.close()
            raise
        sinks.append(TimeLapseSink(archive, camera, read_factor(options.time_lapse)))
    return sinks


def check_limits(cameras: Sequence[argparse.Namespace]) -> None:
    """Raise UsageError if cameras that record into one folder do not agree on what it may take."""
    seen: Dict[Tuple[str, str], Tuple[str, Sequence[object]]] = {}
    for camera in cameras:
        for key, folder, is_wanted in (
            ("keep_clips", CLIPS, camera.clips),
            ("keep_time_lapse", TIME_LAPSE, camera.time_lapse is not None),
            ("keep", camera.record or RECORDINGS, camera.record is not None),
        ):
            if is_wanted:
                keys = (key, "keep_days", "keep_free")
                values = [getattr(camera, one) for one in keys]
                name, other = seen.setdefault((key, folder), (camera.name, values))
                if values != other:
                    raise UsageError(
                        f"{name} and {camera.name} share the folder {folder}, but give it different limits; set "
                        f"{', '.join(keys)} for all cameras"
                    )


def _archive(options: argparse.Namespace, folder: str, most: str, rank: int) -> "Archive":
    from app.clips.archive import open_archive
    from app.clips.arguments import read_free
    from app.clips.retention import Limits
    from app.command import byte_count

    return open_archive(folder, Limits(byte_count(most), options.keep_days, read_free(options.keep_free)), rank)
