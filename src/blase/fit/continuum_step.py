"""The continuum that fits best once everything else has moved.

The faint wings that a Jacobian leaves out are too weak to matter line by line, but thousands of lines that
move alike lift or lower whole orders by them, which is what a continuum does. It is linear, so that its best
coefficients follow at once (variable projection, Golub & Pereyra 1973, SIAM J. Numer. Anal. 10, 413).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blase.fit.jacobian import Jacobian
from blase.fit.parameters import ParameterSpace

FloatArray = NDArray[np.float64]


def continuum_step(
    derivative: Jacobian, space: ParameterSpace, z: FloatArray, residuals: FloatArray
) -> tuple[FloatArray, float]:
    """Change (size,) of `z` (size,) in the continuum alone that lowers the objective most, and that gain.

    `residuals` (n_pixels,) of the data are those at `z`; the columns of the `derivative` may be those of a
    point nearby. Orders are independent of each other.
    """
    is_continuum = np.zeros(space.size, dtype=bool)
    for name, where in space.slices.items():
        is_continuum[where] = name.endswith("continuum.coefficients")
    step, gain = np.zeros(space.size), 0.0
    by_wavelength = np.empty_like(residuals)
    by_wavelength[derivative.rank] = residuals
    for tile in derivative.tiles:
        entry = derivative.dense_index[tile.place]
        own = is_continuum[entry]
        columns, entry = tile.columns[:, own], entry[own]
        downhill = columns.T @ by_wavelength[tile.rank] - z[entry]
        step[entry] = np.linalg.solve(columns.T @ columns + np.eye(entry.size), downhill)
        gain += 0.5 * float(downhill @ step[entry])
    return step, gain
