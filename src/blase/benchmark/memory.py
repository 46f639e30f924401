"""The most memory that this process has held at once."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak_memory() -> float:
    """Largest resident size of this process so far [MB of 1e6 bytes].

    Linux: VmHWM of /proc/self/status (proc(5)), which belongs to this program alone; ru_maxrss of
    getrusage(2) would start at the size of the process that started it. Elsewhere ru_maxrss.
    """
    if _STATUS.is_file():
        found = re.search(r"^VmHWM:\s*(\d+) kB", _STATUS.read_text(encoding="ascii", errors="replace"), re.M)
        if found:
            return int(found[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
