"""The results of an evaluation: speed, the comparison with the model's card, and the summary."""

from typing import Any, Dict, List, Optional, Tuple

from app.classification.card import Accuracy
from app.timing.histogram import Histogram

LARGEST_DIFFERENCE = 0.1  # percentage points; rounding explains no more than that


def speed(images: int, batch: int, batches: Histogram) -> Dict[str, Any]:
    """The report's speed fields, of inference with its preprocessing; None without images.

    batches: the seconds of each batch of `batch` images; where there are fewer in all, a single one of these.
    """
    mean = batches.total / images if images else None
    size = min(batch, images)
    median, slow = batches.percentile(50), batches.percentile(95)
    times = {"mean": mean, "p50": median and median / size, "p95": slow and slow / size}
    return {
        "ms_per_image": {key: value and round(1000 * value, 4) for key, value in times.items()},
        "images_per_s": mean and round(1 / mean, 1),
    }


def compare(fields: Dict[str, Any], accuracy: Optional[Accuracy]) -> Tuple[Optional[Dict[str, Any]], str]:
    """The report's `card`, None if the two cannot be compared, and the verdict or the reason in one line.

    fields: the report's `models`, `views`, `split`, `images`, `complete`, `top1` and `top5`.
    """
    if len(fields["models"]) > 1:
        return None, "not compared with the cards, whose figures are for single models"
    if accuracy is None:
        return None, "not compared with the card, which states no accuracy"
    if fields["views"] > 1:
        return None, "not compared with the card, whose figures are for one view of each image"
    if not fields["complete"]:
        return None, "not compared with the card: stopped early"
    if fields["split"] != "test":
        return None, "not compared with the card, whose figures are for the test set"
    if fields["images"] != accuracy.images:
        return None, f"not compared with the card, whose figures are for {accuracy.images} images"
    pairs = [("top-1", fields["top1"], accuracy.top1), ("top-5", fields["top5"], accuracy.top5)]
    # Rounded, since 0.621 - 0.620 is slightly more than 0.001 in floating point.
    differences = [round(abs(100 * (here - there)), 6) for _, here, there in pairs]
    off = [pair for pair, difference in zip(pairs, differences) if difference > LARGEST_DIFFERENCE]
    outcome = {
        "top1": accuracy.top1,
        "top5": accuracy.top5,
        "difference_points": max(differences),
        "agrees": not off,
    }
    shown = ", ".join(f"{name} {percent(here)} here, {percent(there)} on the card" for name, here, there in off)
    if off:
        return outcome, f"the accuracy differs from the card: {shown}"
    return outcome, f"agrees with the card: {percent(accuracy.top1)} top-1, {percent(accuracy.top5)} top-5"


def percent(fraction: float) -> str:
    """A fraction from 0 to 1 as a percentage with two decimals."""
    return f"{100 * fraction:.2f} %"


def summary(fields: Dict[str, Any], verdict: str) -> List[str]:
    """The report in lines. verdict: of the comparison with the card."""
    what = "{} on {}".format(fields["model"], fields["backend"])
    if not fields["images"]:
        return [what, "stopped before the first image"]
    images = "{} image{} of the {} set".format(fields["images"], "s" if fields["images"] > 1 else "", fields["split"])
    if not fields["complete"]:
        images += " (incomplete: stopped early)"
    times = fields["ms_per_image"]
    worst = ", ".join("{} {:.0f} %".format(c["label"], 100 * c["accuracy"]) for c in fields["worst_classes"])
    confused = ", ".join("{} as {} {}".format(c["true"], c["predicted"], c["images"]) for c in fields["most_confused"])
    # Said beside every figure, since it is not to be compared with those of a single view.
    views = " with {} views".format(fields["views"]) if fields["views"] > 1 else ""
    rows = [
        ("images", images),
        ("top-1", percent(fields["top1"]) + views),
        ("top-5", percent(fields["top5"]) + views),
    ]
    if len(fields["models"]) > 1:
        rows += [("alone", "{}: {} top-1".format(m["model"], percent(m["top1"]) + views)) for m in fields["models"]]
    if "superclass_top1" in fields:
        rows.append(("superclass", percent(fields["superclass_top1"]) + views))
    rows += [
        ("loss", "{:.4f}".format(fields["loss"])),
        ("worst", worst),
        ("confused", confused or "none"),
        ("speed", "{:.1f} images/s at batch {}".format(fields["images_per_s"], fields["batch"])),
        ("ms/image", "mean {mean:.3f}, p50 {p50:.3f}, p95 {p95:.3f}".format(**times)),
        ("time", "{:.1f} s, after {:.1f} s of warm-up".format(fields["time_s"], fields["warm_up_s"])),
        ("memory", "{:.0f} MB at most".format(fields["peak_memory_mb"])),
        ("card", verdict),
    ]
    return [what] + [f"  {name:<11}{value}" for name, value in rows]
