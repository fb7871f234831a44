"""The journal of a detector's training: see `tools.train.run_journal` for the files of a run."""

import os
from typing import Any

from app.files import remove_unfinished
from tools.train.curves import Panel, draw_curves
from tools.train.run_journal import RunJournal
from tools.train_detector.options import make_parser

PAGE = "predictions.png"
PRECISION = Panel("average precision", 1, {"ap50": "AP50", "ap": "AP (IoU 0.50 to 0.95)"})


class DetectorJournal(RunJournal):
    """Records every epoch of a run of `tools.train_detector`."""

    module = "tools.train_detector"

    @staticmethod
    def default_options() -> dict[str, Any]:
        return vars(make_parser().parse_args([]))

    def draw(self, path: str) -> None:
        name = os.path.splitext(os.path.basename(self.options.output))[0]
        draw_curves(self.epochs, path, name, PRECISION)

    def sweep(self) -> None:
        super().sweep()
        remove_unfinished(os.path.join(self.folder, PAGE))
