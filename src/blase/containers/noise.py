"""Noise of a spectrum that came without errors, from the spectrum itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_NORMALISATION = 1.482602 / np.sqrt(6.0)
"""Median absolute value to standard deviation for a Gaussian (1.482602), over the norm of (-1, 2, -1)."""


def der_snr_noise(flux: NDArray[np.float64]) -> float:
    """Standard deviation of the noise of `flux` (n,), assumed white over three pixels and constant, or NaN.

    sigma = 1.482602 / sqrt(6) * median_i |2 f_i - f_{i-2} - f_{i+2}|: the second difference over every other
    pixel removes a linear trend and does not see the correlation of adjacent pixels (Stoehr et al. 2008, ASPC
    394, 505). Where lines are dense and resolved it overestimates the noise; resampled spectra are correlated
    farther than two pixels, and there it underestimates it. Non-finite pixels are left out; under five finite
    pixels give NaN.
    """
    good = flux[np.isfinite(flux)]
    if good.size < 5:
        return float("nan")
    return float(_NORMALISATION * np.median(np.abs(2.0 * good[2:-2] - good[:-4] - good[4:])))
