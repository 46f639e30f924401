"""Wall time from the start of the process, compilation and imports included, split into named stages."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_IMPORTED = time.monotonic()


def process_age() -> float:
    """Seconds since this process was started, from /proc where there is one, else since this import.

    /proc/self/stat, field 22: the start in clock ticks since boot (proc(5)).
    """
    try:
        after_name = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        started = int(after_name.split()[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, ValueError, IndexError, AttributeError):
        return time.monotonic() - _IMPORTED


class StageClock:
    """Splits the age of the process into stages; a stage lasts until the next one begins.

    `age` is the clock [s]; the first stage, `start`, is what passed before the clock was made. A stage
    that comes back adds to its own time, so that the stages always sum to the total.
    """

    def __init__(self, age: Callable[[], float] = process_age) -> None:
        self._age = age
        self._current, self._since = "start", 0.0
        self._stages: dict[str, float] = {}

    def enter(self, stage: str) -> None:
        """End the current stage and begin another; nothing happens where it is the current one."""
        if stage != self._current:
            self._close(stage)

    def event(self, event: Mapping[str, Any]) -> None:
        """Take the stage from a progress event."""
        self.enter(str(event["stage"]))

    def summary(self) -> dict[str, Any]:
        """Return `wall_seconds` until now and `stages` [s]."""
        self._close(self._current)
        return {
            "wall_seconds": round(self._since, 3),
            "stages": {k: round(v, 3) for k, v in self._stages.items()},
        }

    def _close(self, following: str) -> None:
        now = self._age()
        self._stages[self._current] = self._stages.get(self._current, 0.0) + now - self._since
        self._current, self._since = following, now
