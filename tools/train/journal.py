"""The journal of a classifier's training: see `tools.train.run_journal` for the files of a run."""

from typing import Any

from tools.train.curves import draw_curves
from tools.train.options import make_parser
from tools.train.run_journal import RunJournal
from tools.train.snapshots import outputs, snapshot_names


class Journal(RunJournal):
    """Records every epoch of a run of `tools.train`."""

    module = "tools.train"
    required = ("model", "output", "command")

    @staticmethod
    def default_options() -> dict[str, Any]:
        return vars(make_parser().parse_args([]))

    def snapshot_names(self, epochs: int) -> list[str]:
        return snapshot_names(self.options, epochs)

    def outputs(self) -> list[str]:
        return outputs(self.options)

    def draw(self, path: str) -> None:
        draw_curves(self.epochs, path, self.options.model)
