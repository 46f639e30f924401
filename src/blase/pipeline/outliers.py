"""Pixels that no model of the spectrum explains: cosmic rays, bad sky lines, hot pixels.

Beyond `THRESHOLD` standard deviations, the noise inflation of the order included, the error of a pixel is
enlarged by (r / threshold)^2, so that the farther off it is the less it pulls (a redescending M-estimator;
Huber & Ronchetti 2009, Robust Statistics, section 4.8). Everything closer keeps its full weight: with normal
errors one pixel in two million is touched.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

THRESHOLD = 5.0


def enlargement(deviations: FloatArray) -> FloatArray:
    """Factors (n,), at least 1, of the errors of pixels that are off by `deviations` (n,) in their units."""
    return np.maximum(1.0, (deviations / THRESHOLD) ** 2)


def weights(factors: FloatArray) -> FloatArray:
    """Weights (n,), 1 where nothing was changed, of pixels with the enlargement `factors` (n,)."""
    return factors**-2.0
