"""What a sweep says, in sentences, each from its figures: which setting moves what, and what misleads."""

from typing import Any, Dict, List, Optional, Sequence

from tools.sweeping.agreement import compare
from tools.sweeping.effects import Effect, differences, effect, pairs, pixels, values_of

Json = Dict[str, Any]

REACHED = 0.98  # of the configured rate


def findings(rows: Sequence[Json]) -> List[str]:
    """Sentences for people, the most telling first. rows: of `summary.rows`."""
    return [
        sentence
        for finding in (_accuracy, _confidence, _backends, _rate_and_accuracy, _deadlines, _delays, _dropped)
        for sentence in finding(rows)
    ]


def _ap50(row: Json) -> Optional[float]:
    ap50: Optional[float] = row["accuracy"]["ap50"] if row["accuracy"] else None
    return ap50  # None too where no object is labelled


def _mean_confidence(row: Json) -> Optional[float]:
    return None if row["mean_confidence"] is None else float(row["mean_confidence"]["median"])


def _moves(found: Effect, figure: str) -> str:
    smallest, largest, before, after = found
    if found.stays:
        return "{} is {:.3f} at both {} and {}".format(figure, before, smallest, largest)
    how = "rises" if after > before else "falls"
    share = " ({:+.0%})".format(after / before - 1) if before else ""
    return "{} {} from {:.3f} to {:.3f}{} between {} and {}".format(
        figure, how, before, after, share, smallest, largest
    )


def _more(size: Effect, capture: Effect) -> float:
    """How much more the size moves a figure than the capture does; 0 where no difference is shown."""
    return round(abs(size.change) - abs(capture.change), 3)


def _accuracy(rows: Sequence[Json]) -> List[str]:
    size, capture = effect(rows, "size", _ap50), effect(rows, "capture", _ap50)
    if size is None or capture is None:
        return ["Against the labels, {}.".format(_moves(found, "AP50")) for found in (size, capture) if found]
    what = "the network's size and the capture resolution matter alike"
    if _more(size, capture) > 0:
        what = "the network's size matters more than the capture resolution"
    elif _more(size, capture) < 0:
        what = "the capture resolution matters more than the network's size"
    return ["Against the labels, {}: {}, and {}.".format(what, _moves(size, "AP50"), _moves(capture, "it"))]


def _confidence(rows: Sequence[Json]) -> List[str]:
    size, capture = effect(rows, "size", _mean_confidence), effect(rows, "capture", _mean_confidence)
    sentences = []
    if size and capture:
        what = "alike by the network's size and the capture resolution"
        if _more(size, capture):
            what = "most by the " + ("network's size" if _more(size, capture) > 0 else "capture resolution")
        sentences.append(
            "Mean confidence, which the original report called accuracy, is moved {}: {}, and {}.".format(
                what, _moves(size, "it"), _moves(capture, "it")
            )
        )
    else:
        sentences += ["{}.".format(_moves(found, "Mean confidence")) for found in (size, capture) if found]
    per_frame = effect(rows, "size", lambda row: row["detections_per_frame"]["median"])
    if size and per_frame:
        smallest, largest, fewer, more_found = per_frame
        sentences.append(
            "It is the mean over what was found, and says nothing of what was missed: at size {} there are {:.2f} "
            "detections in a picture, at {} there are {:.2f}.".format(smallest, fewer, largest, more_found)
        )
        sentences += _only_one_finds(rows, smallest, largest)
        sentences += _misled(rows, size)
    return sentences


def _only_one_finds(rows: Sequence[Json], smallest: str, largest: str) -> List[str]:
    """Why mean confidence misleads, from the detections themselves."""
    both = [(a, b) for a, b in pairs(rows, "size", smallest, largest) if a["shown"] and b["shown"]]
    if not both:
        return []
    one, other = max(both, key=lambda pair: pixels(pair[0]["words"]["capture"]))  # rates see the same
    found = compare(one["shown"], other["shown"])
    if found.both_first is None or found.both_second is None or found.only_second is None:
        return []
    return [
        "The objects that both sizes find score {:.3f} at {} and {:.3f} at {}; those that only {} finds, {:.0%} of all "
        "that it finds, score {:.3f}. {}".format(
            found.both_first,
            smallest,
            found.both_second,
            largest,
            largest,
            found.share,
            found.only_second,
            "So each further object that is found lowers the mean: that is how, in the original report, 160 could beat "
            "320 by mean confidence."
            if found.only_second < found.both_second
            else "Here the further objects do not lower the mean; where they do, as they must have in the original "
            "report, a size that finds less wins by mean confidence.",
        )  # fmt: skip
    ]


def _misled(rows: Sequence[Json], size: Effect) -> List[str]:
    """Whether mean confidence would have chosen the size that labels, where there are any, show to be the worse."""
    smallest, largest = size[:2]
    if size.stays:
        return []
    against = effect(rows, "size", _ap50)
    by_confidence = smallest if size.change < 0 else largest
    if against is None:
        return [
            "By mean confidence {} is the better size; whether it is, only labels can tell: an object that is found "
            "in addition with a low score lowers the mean, one that is lost raises it.".format(by_confidence)
        ]
    if against.stays:
        return []
    by_labels = smallest if against.change < 0 else largest
    lost = effect(rows, "size", _share_found)
    of_objects = ""
    if lost:
        of_objects = ": of the labelled objects the program shows {:.0%} at {} and {:.0%} at {}".format(
            lost[2], smallest, lost[3], largest
        )
    if by_confidence == by_labels:
        return ["Here mean confidence and labels prefer the same size, {}{}.".format(by_labels, of_objects)]
    return [
        "So mean confidence says that {} beats {}, as it did in the original report, and the labels say the "
        "opposite{}.".format(by_confidence, by_labels, of_objects)
    ]


def _share_found(row: Json) -> Optional[float]:
    if row["accuracy"] is None:
        return None
    shown = row["accuracy"]["mistakes"]
    objects = shown["found"] + sum(shown["lost"].values())
    return shown["found"] / objects if objects else None


def _backends(rows: Sequence[Json]) -> List[str]:
    apart = differences(rows, "backend", _ap50)
    if not apart:
        return []
    return ["Between backends AP50 differs by {:.4f} at most, all else being the same.".format(max(apart))]


def _rate_and_accuracy(rows: Sequence[Json]) -> List[str]:
    rates = values_of(rows, "fps")
    most = {}
    for name, figure in (("AP50", _ap50), ("mean confidence", _mean_confidence)):
        apart = differences(rows, "fps", figure)
        if apart:
            most[name] = max(apart)
    if not most:
        return []
    if max(most.values()) < 0.00005:
        same = "{} {} the same to four decimals".format(" and ".join(most), "are" if len(most) > 1 else "is")
        found = "does not matter at all for accuracy: at {} {}".format(", ".join(rates), same)
    else:
        differ = ", ".join("{} differs by up to {:.4f}".format(name, value) for name, value in most.items())
        found = "should not matter for accuracy: between {} {}".format(", ".join(rates), differ)
    return [
        "The configured FPS {}, all else being the same. It decides when a picture is looked at, not what is seen in "
        "it.".format(found)
    ]


def _deadlines(rows: Sequence[Json]) -> List[str]:
    paced = [row for row in rows if row["combination"].fps and row["combination"].pacing == "deadline"]
    if not paced:
        return []
    late = [row for row in paced if row["fps"]["median"] < REACHED * row["combination"].fps]
    if not late:
        return ["Kept by deadlines, every configured rate is the real one (within 2 %)."]
    worst = min(late, key=lambda row: row["fps"]["median"] / row["combination"].fps)
    return [
        "Kept by deadlines, the configured rate is the real one in {} of {} combinations; furthest from it is {}: "
        "{:.1f} of {:g} FPS, where a frame takes {:.1f} ms of work.".format(
            len(paced) - len(late),
            len(paced),
            " ".join(worst["words"].values()),
            worst["fps"]["median"],
            worst["combination"].fps,
            worst["work_ms"]["median"],
        )  # fmt: skip
    ]


def _delays(rows: Sequence[Json]) -> List[str]:
    delayed = [row for row in rows if row["predicted_fps"]]
    if not delayed:
        return []
    errors = [row["fps"]["median"] / row["predicted_fps"] - 1 for row in delayed]
    shares = [row["fps"]["median"] / row["combination"].fps for row in delayed]
    return [
        "With a delay after each frame's work the real rate is {:.0%} to {:.0%} of the configured one; the report's "
        "formula 1 / (work + delay) predicts it within {:.1%}.".format(
            min(shares), max(shares), max(abs(error) for error in errors)
        )
    ]


def _dropped(rows: Sequence[Json]) -> List[str]:
    dropping = [row for row in rows if row["dropped"]["most"] > 0]
    if not dropping:
        return []
    worst = max(dropping, key=lambda row: row["dropped"]["most"])
    return [
        "Of a live source's pictures up to {:.0%} are dropped (at {}), so that what is shown is the newest.".format(
            worst["dropped"]["most"], " ".join(worst["words"].values())
        )
    ]
