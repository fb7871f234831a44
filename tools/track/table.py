"""The figures of a run as a table."""

import json
from typing import Any, Dict, List

from tools.track.scoring import FIGURES


def table(report: Dict[str, Any]) -> List[str]:
    """A report as lines of text."""
    text = ["{frames} frames, {tracks} tracks".format(**report)]
    if "mota" in report:
        rows = [*report.get("sequences", {}).items(), ("all", report)]
        text += ["", "{:22}".format("") + "".join(f"{key:>11}" for key in FIGURES)]
        for name, row in rows:
            cells = ["-" if row[key] is None else f"{row[key]:.3f}".replace(".000", "") for key in FIGURES]
            cells = [str(row[key]) if isinstance(row[key], int) else cell for key, cell in zip(FIGURES, cells)]
            text.append(f"{name:22.22}" + "".join(f"{cell:>11}" for cell in cells))
    if "less" in report:
        text += ["", "inferred {inferred} frames, {saved:.1%} of the inferences saved".format(**report["less"])]
        if report["less"].get("ap50"):
            text.append(
                "AP50 in the others {shown:.3f}, of {detected:.3f} if detected".format(**report["less"]["ap50"])
            )
        if "longest_lost_s" in report["less"]:
            text.append("longest loss {longest_lost_s:.2f} s".format(**report["less"]))
    if "lines" in report:
        text += ["", json.dumps(report["lines"])]
    return text
