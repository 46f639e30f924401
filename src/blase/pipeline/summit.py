"""Where on the way of a fit the evidence was largest.

The fixed point of MacKay's updates takes the determinant of the posterior for one that does not change as the
most probable parameters move with the widths of their priors. Where a template is wrong it does change, and
the updates go on past the largest evidence, to wider priors: the evidence itself says when to stop.
"""

from __future__ import annotations

import math

from blase.pipeline.state import Start

PATIENCE = 2
"""Passes with a clearly smaller evidence after which the largest is behind."""
CLEARLY = 3.0
"""Difference of ln(evidence) an order that counts: a factor of twenty."""


class Summit:
    """The state with the largest evidence so far, of a fit of `n_orders`."""

    def __init__(self, n_orders: int) -> None:
        self.state: Start | None = None
        self._largest, self._clearly = -math.inf, CLEARLY * n_orders
        self._rise, self._down = math.inf, 0

    def consider(self, evidence: float, state: Start) -> None:
        """Take note of one more `state`, which must know its z, and its `evidence`."""
        self._rise = evidence - self._largest
        self._down = self._down + 1 if self._rise < -self._clearly else 0
        if self._rise > 0:
            self._largest, self.state = evidence, state

    @property
    def is_behind(self) -> bool:
        """Whether the way has led down for `PATIENCE` passes."""
        return self._down >= PATIENCE

    @property
    def has_fallen(self) -> bool:
        """Whether the last evidence was clearly below the largest."""
        return self._down > 0

    @property
    def is_level(self) -> bool:
        """Whether the last pass did not lead clearly up."""
        return self._rise < self._clearly
