"""How much memory this process has needed."""

import resource
import sys


def peak_memory() -> float:
    """The most memory that this process has held so far, in MB (10**6 bytes)."""
    try:
        with open("/proc/self/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return round(int(fields["VmHWM"].split()[0]) * 1024 / 1e6, 1)
    except (OSError, ValueError, KeyError):
        pass  # not Linux. There getrusage would also count what the process was before it became this program.
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)  # bytes there, KiB elsewhere
