"""What a soak measured, beside what it had to reach."""

from typing import NamedTuple


class Figure(NamedTuple):
    """One line of a soak's result."""

    what: str
    measured: str
    asked: str
    reached: bool

    def line(self) -> str:
        """For people."""
        verdict = "reached" if self.reached else "NOT REACHED"
        return f"{self.what:<44} {self.measured:<40} asked: {self.asked:<34} {verdict}"
