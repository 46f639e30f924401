"""What the user of a fit is told while it runs and after it."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass, field

from blase.errors import BlaseWarning
from blase.pipeline.attempt import Progress


@dataclass
class FitLog:
    """What the user should know, how long each stage took, and whom to tell."""

    progress: Progress | None
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def stage(self, name: str, message: str = "") -> None:
        """Tell whoever listens that the stage `name` begins."""
        if self.progress is not None:
            self.progress(
                {"stage": name, "iteration": 0, "total": None, "residual_rms": None, "message": message}
            )

    def done(self, name: str) -> None:
        """Book the time since the last stage ended under `name`."""
        now = time.perf_counter()
        self.stages[name] = self.stages.get(name, 0.0) + now - self._since
        self._since = now

    def warn(self, message: str) -> None:
        """Keep `message` for the result, and warn of it now."""
        self.warnings.append(message)
        warnings.warn(message, BlaseWarning, stacklevel=3)
