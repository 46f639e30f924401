"""The local interpolant on a uniform grid: the polynomial of degree 9 through the ten nearest samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STENCIL = 10
"""Samples of the interpolant: degree 9 keeps a line of R = 100,000 on a 0.25 km/s grid below 1e-7."""

BEFORE = STENCIL // 2 - 1
"""Samples of the stencil before the cell [i, i + 1] it is centred on: it starts at i - BEFORE."""

_CENTRE = 0.5 * (STENCIL - 1)


def local_coordinate(x: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions x [grid units] relative to the stencil that begins at sample ``start``: it spans [-1, 1]."""
    return (x - start - _CENTRE) / _CENTRE


def _coefficients() -> NDArray[np.float64]:
    samples = np.linspace(-1.0, 1.0, STENCIL)
    return np.asarray(np.linalg.inv(np.vander(samples, increasing=True)), dtype=np.float64)


BASIS = _coefficients()
"""(power, sample): monomial coefficients, in the local coordinate, of the Lagrange basis functions."""


def interpolating_weights(offset: NDArray[np.float64], mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights of samples that give the sum of mass_cn f(offset_cn) for the polynomial f through the samples.

    `offset` (2 m, nodes) [grid units] has in row c its nodes in the cell [c - m, c - m + 1]; `mass` is of the
    same shape. Returns (2 m + STENCIL - 1,), an odd number, at offsets about 0.
    """
    whole = len(offset) // 2
    cells = np.arange(-whole, whole, dtype=np.float64)[:, None]
    local = local_coordinate(offset, cells - BEFORE)
    moments = np.stack([(mass * local**power).sum(axis=1) for power in range(STENCIL)], axis=1)
    sample = np.arange(2 * whole)[:, None] + np.arange(STENCIL)  # counted from the first of all
    return np.asarray(np.bincount(sample.ravel(), (moments @ BASIS).ravel()), dtype=np.float64)
