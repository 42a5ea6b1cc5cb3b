"""The most memory that a process has held."""

from __future__ import annotations

import re
import resource
from pathlib import Path


def peak_mb() -> float:
    """Of this process since its program began.

    What `getrusage` tells counts what the process that started it held, until this one holds more.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    peak = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024
