"""Which lines matter on a piece of spectrum."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FloatArray = NDArray[np.float64]

LEAST_OPTICAL_DEPTH = 1e-6
"""A line whose optical depth at the nearest edge of a piece is below this does not matter there."""


def reaching(
    wavelength: FloatArray, *, centre: FloatArray, strength: FloatArray, sigma: FloatArray, gamma: FloatArray
) -> Tensor:
    """Indices of the lines that reach the increasing `wavelength` (n,); all in Angstrom.

    Those near it, and those whose wing A gamma / (pi x^2) is above `LEAST_OPTICAL_DEPTH` at its nearest end.
    """
    distance = np.maximum(np.maximum(wavelength[0] - centre, centre - wavelength[-1]), 0.0)
    wing = strength * gamma / np.pi / np.maximum(distance, 1e-9) ** 2
    near = distance < 10 * (sigma + gamma)
    return torch.from_numpy(np.flatnonzero(near | (wing > LEAST_OPTICAL_DEPTH)))
