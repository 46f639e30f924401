"""One damped Gauss-Newton step of a small, dense problem: what fits of a few hundred parameters share.

Levenberg (1944), Marquardt (1963): the diagonal of the normal matrix is multiplied by 1 + damping until the
cost does not rise. The structured path (`levenberg_marquardt`) is for whole spectra.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FIRST_DAMPING = 1e-3
_LEAST_DAMPING, _LEAST_GROWN = 1e-9, 1e-4
_FACTOR = 10.0
_TRIALS = 8
_SLACK = 0.01  # of chi-square, below which a step counts as no worse


class Place(Protocol):
    """A place among the parameters, and how good it is."""

    @property
    def x(self) -> FloatArray:
        """The parameters (k,)."""

    @property
    def cost(self) -> float:
        """Chi-square, priors included."""

    @property
    def normal(self) -> FloatArray:
        """Half the Gauss-Newton matrix of second derivatives of the cost (k, k); its inverse is the
        covariance.
        """

    @property
    def gradient(self) -> FloatArray:
        """Minus half the slope of the cost (k,): normal^-1 gradient is the full step."""


AnyPlace = TypeVar("AnyPlace", bound=Place)


def damped_step(
    here: AnyPlace,
    evaluate: Callable[[FloatArray], AnyPlace],
    *,
    longest: FloatArray,
    damping: float,
    free: NDArray[np.bool_] | None = None,
) -> tuple[FloatArray, AnyPlace, float]:
    """The step that was taken (k,), zero where none lowers the cost; the place it leads to; the next damping.

    Parameters
    ----------
    here : where the step starts.
    evaluate : makes the place of other parameters, its cost comparable with that of `here`.
    longest : how far every parameter may go at once (k,).
    damping : to begin with, `FIRST_DAMPING` or what the step before returned.
    free : parameters that may move (k,); None for all.
    """
    free = np.ones(here.x.size, dtype=bool) if free is None else free
    part = np.ix_(free, free)
    scale = np.diag(np.diag(here.normal))
    for _ in range(_TRIALS):
        step = np.zeros_like(here.x)
        step[free] = np.linalg.solve((here.normal + damping * scale)[part], here.gradient[free])
        step = np.clip(step, -longest, longest)
        there = evaluate(here.x + step)
        if there.cost <= here.cost + _SLACK:
            return step, there, max(damping / _FACTOR, _LEAST_DAMPING)
        damping = max(damping * _FACTOR, _LEAST_GROWN)
    return np.zeros_like(here.x), here, damping
