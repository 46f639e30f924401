"""How long a call takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def median_seconds(function: Callable[[], Any], *, repeats: int) -> float:
    """Median wall time [s] of `repeats` calls, after one that is not counted."""
    function()
    return statistics.median(_seconds(function) for _ in range(repeats))


def _seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
