"""What a sweep says of mean confidence, which the original report called accuracy, and how it misleads."""

import itertools
from typing import Any, Dict, List, Sequence, Tuple

from tools.sweep.agreement import Agreement, compare, mean
from tools.sweep.chance import margin
from tools.sweep.effects import Levels, best, disagreements, extent, levels, pairs, pixels
from tools.sweep.figures import ap50, mean_confidence, per_frame, share_found
from tools.sweep.wording import at_each, moves, settings

Json = Dict[str, Any]

# Detections that both sizes, or only one, must make before their means are compared. Scores spread by about 0.2, so
# that the mean of 30 is known to 0.04, which is as much as sizes differ by.
ENOUGH = 30


def confidence(rows: Sequence[Json]) -> List[str]:
    """What moves it, what it leaves out, and whether it would have chosen the size that the labels choose."""
    size, capture = levels(rows, "size", mean_confidence), levels(rows, "capture", mean_confidence)
    sentences = []
    if size and capture:
        more = round(extent(size) - extent(capture), 3)
        what = "alike by the network's size and the capture resolution"
        if more:
            what = "most by the " + ("network's size" if more > 0 else "capture resolution")
        sentences.append(
            "Mean confidence, which the original report called accuracy, is moved {}: {}, and {}.".format(
                what, moves(size, "it"), moves(capture, "it")
            )
        )
    else:
        sentences += ["{}.".format(moves(found, "Mean confidence")) for found in (size, capture) if found]
    if not size:
        return sentences
    pictures = levels(rows, "size", per_frame)
    if pictures:
        sentences.append(
            "It is the mean over what was found, and says nothing of what was missed: by size, detections in a picture "
            "are {}.".format(at_each(pictures, "{:.2f}"))
        )
    return sentences + _additional(rows, *_telling(rows, size)) + _misled(rows, size)


def _telling(rows: Sequence[Json], size: Levels) -> Tuple[str, str]:
    """The two sizes that show best how a mean misleads, the smaller first: where it falls most; else the extremes."""
    falls = [pair for pair in itertools.combinations(size, 2) if round(size[pair[1]] - size[pair[0]], 3) < 0]
    against_labels = [pair for pair in disagreements(*_both(rows)) if pair in falls]
    by_fall = sorted(falls, key=lambda pair: size[pair[1]] - size[pair[0]])
    return (against_labels + by_fall + [(list(size)[0], list(size)[-1])])[0]


def _both(rows: Sequence[Json]) -> Tuple[Levels, Levels]:
    """Mean confidence and AP50 by size, over rows of which both are known."""
    known = [row for row in rows if mean_confidence(row) is not None and ap50(row) is not None]
    return levels(known, "size", mean_confidence), levels(known, "size", ap50)


def _additional(rows: Sequence[Json], small: str, large: str) -> List[str]:
    """What the detections that only the larger size makes do to the mean, from the detections themselves."""
    both = [(a, b) for a, b in pairs(rows, "size", small, large) if a["shown"] and b["shown"]]
    if not both:
        return []
    one, other = max(both, key=lambda pair: pixels(pair[0]["words"]["capture"]))  # rates see the same
    found = compare(one["shown"], other["shown"])
    if not found.additional:
        return []
    where = settings(other, rows, ("size", "fps", "pacing"))
    counted = "Of the {} detections at size {}{}, {} are made at {} too, and {} are additional".format(
        len(other["shown"]), large, where and " ({})".format(where), found.pairs, small, found.additional
    )
    if min(found.pairs, found.additional) < ENOUGH:
        return [counted + ": too few of one kind to say what they do to the mean (fewer than {}).".format(ENOUGH)]
    return [
        "{}. The former score {:.3f} at {} and {:.3f} at {}, the additional ones {:.3f}. {}".format(
            counted,
            found.both_first or 0.0,
            small,
            found.both_second or 0.0,
            large,
            found.only_second or 0.0,
            _conclusion(found, small, large, _scores(one), _scores(other)),
        )
    ]


def _scores(row: Json) -> List[float]:
    return [found["score"] for found in row["shown"]]


def _conclusion(found: Agreement, small: str, large: str, at_small: List[float], at_large: List[float]) -> str:
    """at_small, at_large: scores of all detections at the two sizes."""
    before, after = round(mean(at_small) or 0.0, 3), round(mean(at_large) or 0.0, 3)
    former, without, additional = (round(x or 0.0, 3) for x in (found.both_first, found.both_second, found.only_second))
    from_to = "from {:.3f} at {} to {:.3f} at {}".format(before, small, after, large)
    unless = "without them it would be {:.3f}".format(without)
    more = "the size that finds more looks worse, as 320 did beside 160 in the original report."
    if after >= before:
        rises = "The mean rises " + from_to if after > before else "The mean is {:.3f} at both".format(after)
        if additional >= without:
            return rises + ", and the additional detections do not lower it."
        return "{}, though the additional detections hold it down: {}. Where they outweigh the others, {}".format(
            rises, unless, more
        )
    falls = "The mean falls " + from_to
    # What both sizes find says how the scores change; only what the mean falls beyond that is due to the others.
    if former - without >= before - after:
        return falls + ", because those that both make score lower there, not because of the additional detections."
    if additional >= without:
        return falls + ", but not because of the additional detections."
    if without < max(before, former):
        return "{}, in part because the additional detections score low: {}.".format(falls, unless)
    because = "{}, because the additional detections score low: {}.".format(falls, unless)
    return because + (" So " + more if len(at_large) > len(at_small) else "")


def _misled(rows: Sequence[Json], size: Levels) -> List[str]:
    """Whether mean confidence would have chosen the size that labels, where there are any, show to be the better."""
    if round(extent(size), 3) == 0:
        return []
    by_confidence, by_labels = _both(rows)
    if not by_labels:
        return [
            "By mean confidence {} is the best size; whether it is, only labels can tell: a detection that is made in "
            "addition with a score below the mean lowers it, and one that is lost with such a score raises "
            "it.".format(best(size))
        ]
    if round(extent(by_labels), 3) == 0 or round(extent(by_confidence), 3) == 0:
        return []
    share = levels(rows, "size", share_found)
    of_objects = " Of the labelled objects the program shows {}.".format(at_each(share, "{:.0%}")) if share else ""
    apart = disagreements(by_confidence, by_labels)
    chosen, right = best(by_confidence), best(by_labels)
    if chosen == right:
        said = "Here mean confidence and labels prefer the same size, {}".format(right)
        said += ", but not in every pair of sizes." if apart else "."
    else:
        said = "Mean confidence prefers size {}, the labels prefer {}.".format(chosen, right)
    for first, second in apart:
        winner, loser = (first, second) if by_confidence[first] > by_confidence[second] else (second, first)
        chance = ", which may be chance" if abs(by_labels[first] - by_labels[second]) < margin(rows) else ""
        said += (
            " By mean confidence {} beats {} ({:.3f} and {:.3f}), by the labels it is the other way round "
            "(AP50 {:.3f} and {:.3f}{}).".format(
                *(winner, loser, by_confidence[winner], by_confidence[loser], by_labels[winner], by_labels[loser]),
                chance
            )
        )  # fmt: skip
    return [said + of_objects]
