"""Total internal partition sums, smooth in temperature."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.atmosphere.isotopologues import ISOTOPOLOGUES, TEMPERATURES

REFERENCE_TEMPERATURE = 296.0
"""At which line lists state intensities and widths [K]."""


@cache
def _coefficients(molecule: int, isotopologue: int) -> NDArray[np.float64]:
    """Of the polynomial ln Q(ln(T / 296 K)) through all tabulated temperatures, constant first."""
    x = np.log(np.array(TEMPERATURES) / REFERENCE_TEMPERATURE)
    sums = np.array(ISOTOPOLOGUES[molecule, isotopologue][2])
    return np.linalg.solve(np.vander(x, increasing=True), np.log(sums))


def log_partition_sum(temperature: Tensor, *, molecule: int, isotopologue: int) -> Tensor:
    """ln Q(T) of an isotopologue at `temperature` [K] of any shape, 100 to 400 K.

    The polynomial in ln T through the table is within 1e-4 of TIPS-2021 from 100 to 400 K.
    """
    x = torch.log(temperature / REFERENCE_TEMPERATURE)
    value = torch.zeros_like(x)
    for coefficient in _coefficients(molecule, isotopologue)[::-1]:
        value = value * x + float(coefficient)
    return value
