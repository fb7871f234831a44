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


def wants_pictures(options: argparse.Namespace) -> bool:
    """Whether JPEGs of a camera's frames will be needed, which are to be shared."""
    return bool(options.clips or options.record is not None or options.time_lapse is not None)


def check_limits(cameras: Sequence[argparse.Namespace]) -> None:
    """Raise UsageError if cameras that record into one folder do not agree on what it may take."""
    seen: Dict[str, Tuple[str, Sequence[object]]] = {}
    for camera in cameras:
        wanted = {
            CLIPS: ("keep_clips",) if camera.clips else (),
            TIME_LAPSE: ("keep_time_lapse",) if camera.time_lapse is not None else (),
            camera.record or RECORDINGS: ("keep",) if camera.record is not None else (),
        }
        for folder, keys in wanted.items():
            if keys:
                values = [getattr(camera, key) for key in (*keys, "keep_days", "keep_free")]
                name, other = seen.setdefault(folder, (camera.name, values))
                if values != other:
                    limits = ", ".join((*keys, "keep_days", "keep_free"))
                    raise UsageError(
                        f"{name} and {camera.name} share the folder {folder}, but give it different limits; set "
                        f"{limits} for all cameras"
                    )


def _archive(options: argparse.Namespace, folder: str, most: str, rank: int) -> "Archive":
    from app.clips.archive import open_archive
    from app.clips.arguments import read_free
    from app.clips.retention import Limits
    from app.command import byte_count

    return open_archive(folder, Limits(byte_count(most), options.keep_days, read_free(options.keep_free)), rank)
