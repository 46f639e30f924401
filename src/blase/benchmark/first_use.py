"""What the first use of blasé costs: compilation, which is kept for all runs that follow."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from blase.benchmark.case import Case

_TINY = "from blase.benchmark.order import fit_tiny_order; fit_tiny_order()"


def measure_first_use(case: Case) -> dict[str, Any]:
    """Seconds of a process that clones and fits something tiny: the first time, and once all is compiled."""
    with tempfile.TemporaryDirectory(dir=case.folder) as cache:
        first, again = (_seconds(Path(cache)) for _ in range(2))
    return {"first_seconds": first, "again_seconds": again, "seconds": first - again}


def _seconds(cache: Path) -> float:
    """Seconds of one process, whose compiled code is kept in the folder `cache`."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _TINY],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        check=True,
    )
    return time.perf_counter() - begun
