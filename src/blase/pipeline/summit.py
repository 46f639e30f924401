"""Where on the way of a fit the evidence was largest.

The fixed point of MacKay's updates takes the determinant of the posterior for one that does not change as the
most probable parameters move with the widths of their priors. Where a template is wrong it does change, and
the updates go on past the largest evidence, to wider priors: the evidence itself says when to stop.
"""

from __future__ import annotations

import math

from blase.pipeline.state import Start

PATIENCE = 3
"""Passes without a clearly larger evidence after which there will be none."""
CLEARLY = 0.5
"""By how much ln(evidence) an order has to grow to be clearly larger: errors change by less than 1 %."""


class Summit:
    """The state with the largest evidence so far, of a fit of `n_orders`."""

    def __init__(self, n_orders: int) -> None:
        self.state: Start | None = None
        self._evidence, self._base, self._clearly = -math.inf, -math.inf, CLEARLY * n_orders
        self._since = 0

    def consider(self, evidence: float, state: Start) -> None:
        """Take note of one more `state`, which must know its z, and its `evidence`."""
        self._since += 1
        if evidence > self._base + self._clearly:
            self._base, self._since = evidence, 0
        if evidence > self._evidence:
            self._evidence, self.state = evidence, state

    @property
    def is_behind(self) -> bool:
        """Whether the way has not led up for `PATIENCE` passes."""
        return self._since >= PATIENCE

    @property
    def is_level(self) -> bool:
        """Whether the last pass did not lead up."""
        return self._since > 0
