"""The model's wavelength grid: uniform in ln(lambda), so that one step is one velocity everywhere."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor

from blase.constants import SPEED_OF_LIGHT
from blase.errors import InputError
from blase.functional import first_calls  # noqa: F401


def log_grid(lower: float, upper: float, *, step: float) -> Tensor:
    """Wavelengths lambda_i = lower exp(i step / c) that cover [lower, upper].

    Parameters
    ----------
    lower, upper : range to cover [Angstrom], 0 < lower < upper.
    step : grid step [km/s]; d ln(lambda) = step / c exactly.

    Returns
    -------
    (n,) float64, increasing. It starts at ``lower`` and ends at or beyond ``upper``: n is rounded up to
    a length whose real FFT is fast.

    Raises
    ------
    InputError : if the range is empty or not positive, or the step is not positive.
    """
    if not (0.0 < lower < upper < math.inf):
        raise InputError(
            "the wavelength range is empty or not positive",
            value=f"{lower} to {upper} Angstrom",
            expected="0 < lower < upper",
            fix="give the lower wavelength first, in Angstrom",
        )
    _require_positive_step(step)
    spacing = step / SPEED_OF_LIGHT
    n = next_fast_len(math.ceil(math.log(upper / lower) / spacing) + 1, real=True)
    return lower * torch.exp(spacing * torch.arange(n, dtype=torch.float64))


def velocity_step(wavelength: Tensor | NDArray[np.float64]) -> float:
    """Step [km/s] of a grid (n,) that is uniform in ln(lambda), from its first and last samples.

    Raises
    ------
    InputError : for fewer than two samples.
    """
    n = len(wavelength)
    if n < 2:
        raise InputError("a grid needs at least two samples", value=n, fix="widen the wavelength range")
    return SPEED_OF_LIGHT * math.log(float(wavelength[-1]) / float(wavelength[0])) / (n - 1)


def angular_frequency(n: int, step: float) -> Tensor:
    """Angular frequencies k_m = 2 pi m / (n step) [rad / (km/s)] of a real FFT, m = 0 .. n // 2.

    Parameters
    ----------
    n : number of grid samples.
    step : grid step [km/s].

    Returns
    -------
    (n // 2 + 1,) float64 on the CPU.
    """
    _require_positive_step(step)
    return 2.0 * math.pi * torch.fft.rfftfreq(n, d=step, dtype=torch.float64)


def _require_positive_step(step: float) -> None:
    if not (0.0 < step < math.inf):
        raise InputError(
            "the grid step is not positive",
            value=f"{step} km/s",
            expected="a finite step above zero",
            fix="choose a step finer than the narrowest line, for example 0.25 km/s",
        )
