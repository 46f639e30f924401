"""How long a whole fit will still take, from how long its parts took so far.

A fit is followed by the search for lines, by held-out folds and by the regularisation curve, each of which
takes about a known multiple of the time of the fit itself. The fit goes through an approach, some ten
passes and a last descent. Until its first iteration nothing is known, and nothing is said.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blase.cli.progress import Listener

APPROACH, DESCENT = 0.12, 0.4
"""Shares of the fit that the approach and the last descent take."""
PASSES = 10
"""Passes that a fit usually takes; it is unknown before the last one."""
SEARCH, FOLD, CURVE, CURVE_WITH_FOLDS = 0.5, 0.5, 0.8, 1.6
"""Times of the other parts in units of the fit: medians of fits of one to 21 orders."""
LEAST = 0.1
"""A part that outlasts what was expected of it is taken to need this share of it still."""


@dataclass(frozen=True)
class Plan:
    """What a fit does besides fitting: the number of held-out `folds`, whether a `curve`, a `search`."""

    folds: int = 5
    curve: bool = True
    search: bool = True

    def parts(self) -> dict[str, float]:
        """The parts in their order, with their times in units of that of the fit."""
        along = CURVE_WITH_FOLDS if self.folds else CURVE
        return {
            "fit": 1.0,
            **({"lines": SEARCH} if self.search else {}),
            **{f"held-out fold {k}": FOLD for k in range(1, self.folds + 1)},
            **({"regularisation curve": along} if self.curve else {}),
        }


class TimeLeft:
    """Estimates the seconds that a fit of a known plan still takes; call it with every event of progress."""

    def __init__(self, plan: Plan, clock: Callable[[], float] = time.monotonic) -> None:
        self._parts, self._clock = plan.parts(), clock
        self._since: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._current: str | None = None
        self._before: float | None = None

    def __call__(self, event: dict[str, Any]) -> float | None:
        """Seconds left once `event` has happened; None while nothing is known."""
        now, part = self._clock(), self._part(str(event["stage"]))
        if part != self._current:
            # Where a part is first heard of at the end of an iteration, it began with the event before.
            turn = self._before if event.get("iteration") and self._before is not None else now
            self._close(turn)
            self._current = part
            if part is not None:
                self._since[part] = turn
        self._before = now
        return self._left(now, event)

    def _part(self, stage: str) -> str | None:
        """The part that a stage belongs to; None before the fit and after the last part."""
        name = re.sub(r" of \d+$", "", stage.split(",")[0])
        return name if name in self._parts else None

    def _close(self, now: float) -> None:
        if self._current is not None:
            self._took[self._current] = now - self._since[self._current]

    def _left(self, now: float, event: dict[str, Any]) -> float | None:
        unit = self._unit(now, event)
        if unit is None or (self._current is None and not self._took):
            return None
        left = 0.0
        if self._current is not None:
            spent, whole = now - self._since[self._current], self._expected(self._current, unit)
            left = max(whole - spent, LEAST * whole)
        begun = {*self._took, self._current}
        return left + sum(self._expected(name, unit) for name in self._parts if name not in begun)

    def _unit(self, now: float, event: dict[str, Any]) -> float | None:
        """Seconds of the fit itself, measured or, while it runs, foreseen."""
        if "fit" in self._took:
            return self._took["fit"]
        if self._current != "fit" or not event.get("iteration"):
            return None
        return (now - self._since["fit"]) / _share_of_fit(event)

    def _expected(self, name: str, unit: float) -> float:
        """Seconds of a part; folds are like those that are done."""
        done = [took for other, took in self._took.items() if other.startswith("held-out")]
        if name.startswith("held-out") and done:
            return sum(done) / len(done)
        return self._parts[name] * unit


def _share_of_fit(event: dict[str, Any]) -> float:
    """Which share of a fit is done at an event of it."""
    within = min(1.0, event["iteration"] / event["total"]) if event.get("total") else 0.5
    stage = str(event["stage"])
    if stage.endswith("approach"):
        return APPROACH * within
    number = re.search(r"pass (\d+)$", stage)
    if number is None:
        return 1 - DESCENT * (1 - within)
    done = min(int(number[1]) - 1 + within, PASSES - 0.5)
    return APPROACH + (1 - APPROACH - DESCENT) * done / PASSES


def with_time_left(plan: Plan, listener: Listener, clock: Callable[[], float] = time.monotonic) -> Listener:
    """A listener that adds `seconds_left` (None while nothing is known) to every event for `listener`."""
    left = TimeLeft(plan, clock)
    return lambda event: listener({**event, "seconds_left": left(event)})
