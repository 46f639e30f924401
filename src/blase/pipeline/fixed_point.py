"""Faster convergence of a fixed point that is approached step by step from one side."""

from __future__ import annotations

import numpy as np

from blase.pipeline.state import FloatArray

_LEAST, _MOST = 0.5, 1.5
"""Bounds of the relaxation: what has lately gone on may not go on for long."""


class Relaxation:
    """Relaxed steps towards x = g(x) of positive numbers, each by itself, in their logarithms.

    With r_k = ln g(x_k) - ln x_k the step is omega_k r_k, where
    omega_k = omega_(k-1) r_(k-1) / (r_(k-1) - r_k) is the secant through the last two of them (Aitken's rule;
    Irons & Tuck 1969, Int. J. Numer. Methods Eng. 1, 275), within bounds; omega_0 = 1.
    """

    def __init__(self) -> None:
        self._omega: FloatArray | None = None
        self._before: FloatArray | None = None

    def step(self, now: FloatArray, wanted: FloatArray) -> FloatArray:
        """What follows `now` (n,), of which the fixed point asks to be `wanted` (n,); both positive."""
        change = np.log(wanted / now)
        if self._omega is None or self._before is None:
            omega = np.ones_like(change)
        else:
            turn = self._before - change
            secant = np.divide(self._before, turn, out=np.full_like(change, np.inf), where=turn != 0)
            omega = np.clip(np.where(secant > 0, self._omega * secant, _MOST), _LEAST, _MOST)
            omega = np.where(change == 0, 1.0, omega)
        self._omega, self._before = omega, change
        return np.asarray(now * np.exp(omega * change))
