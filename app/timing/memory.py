"""The peak memory of this process."""

import resource
import sys


def peak_memory() -> float:
    """Peak resident memory of this process so far, in MB (10**6 bytes)."""
    try:
        with open("/proc/self/status") as status:
            fields = dict(line.split(":", 1) for line in status)
        return round(int(fields["VmHWM"].split()[0]) * 1024 / 1e6, 1)
    except (OSError, ValueError, KeyError):
        pass  # not Linux, where getrusage would also count the program that started this one
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)  # bytes there, KiB elsewhere
