"""The spectrograph's line-spread function: a Gaussian in velocity, with optional Gauss-Hermite terms.

R = lambda / FWHM of the Gaussian part, before integration over the pixel. With y = v / sigma and the standard
normal density alpha(y),

    L(v) = alpha(y) / sigma [1 + h3 H3(y) + h4 H4(y)] / (1 + h4 sqrt(6) / 4)
    H3(y) = (2 y^3 - 3 y) / sqrt(3),    H4(y) = (4 y^4 - 12 y^2 + 3) / sqrt(24)

(van der Marel & Franx 1993, ApJ 407, 525, doi:10.1086/172534, eqs. 7-9; the denominator makes the area one).
Sign: h3 > 0 puts the longer tail at positive velocity, which is the red side. The mean of L is then
sqrt(3) h3 sigma / (1 + h4 sqrt(6) / 4) and not zero.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
from torch import Tensor

from blase.constants import SPEED_OF_LIGHT
from blase.functional.convolution import apply_transfer
from blase.functional.grid import angular_frequency

Real = TypeVar("Real", float, Tensor, float | Tensor)

_SIGMA_PER_FWHM = 1.0 / math.sqrt(8.0 * math.log(2.0))


def velocity_sigma(resolving_power: Real) -> Real:
    """Standard deviation sigma = c / (R sqrt(8 ln 2)) [km/s] of a Gaussian whose FWHM is c / R."""
    return SPEED_OF_LIGHT * _SIGMA_PER_FWHM / resolving_power


def line_spread_transfer(
    k: Tensor, *, resolving_power: float | Tensor, h3: float | Tensor = 0.0, h4: float | Tensor = 0.0
) -> Tensor:
    """Fourier transform of L(v), 1 at k = 0: with x = k sigma,

    exp(-x^2/2) [1 + i h3 (2 x^3 - 3 x)/sqrt(3) + h4 (4 x^4 - 12 x^2 + 3)/sqrt(24)] / (1 + h4 sqrt(6)/4).

    Parameters
    ----------
    k : (...,) angular frequency [rad / (km/s)].
    resolving_power : R, above zero; broadcasts against k, as do h3 and h4.
    h3, h4 : Gauss-Hermite coefficients, zero for a Gaussian.

    Returns
    -------
    (...,) real where h3 is the number 0, else complex.
    """
    x = k * velocity_sigma(resolving_power)
    gaussian = torch.exp(-0.5 * x**2) / _area(h4)
    even = gaussian * (1.0 + h4 * (4.0 * x**4 - 12.0 * x**2 + 3.0) / math.sqrt(24.0))
    if not isinstance(h3, Tensor) and h3 == 0.0:
        return even
    odd = gaussian * h3 * (2.0 * x**3 - 3.0 * x) / math.sqrt(3.0)
    return torch.complex(*torch.broadcast_tensors(even, odd))


def line_spread_profile(
    v: Tensor, *, resolving_power: float | Tensor, h3: float | Tensor = 0.0, h4: float | Tensor = 0.0
) -> Tensor:
    """L(v) [1 / (km/s)] of unit area at velocities v (...,) [km/s]; parameters as `line_spread_transfer`."""
    sigma = velocity_sigma(resolving_power)
    y = v / sigma
    alpha = torch.exp(-0.5 * y**2) / (math.sqrt(2.0 * math.pi) * sigma)
    third = (2.0 * y**3 - 3.0 * y) / math.sqrt(3.0)
    fourth = (4.0 * y**4 - 12.0 * y**2 + 3.0) / math.sqrt(24.0)
    return alpha * (1.0 + h3 * third + h4 * fourth) / _area(h4)


def line_spread_broadening(
    flux: Tensor,
    *,
    step: float,
    resolving_power: float | Tensor,
    h3: float | Tensor = 0.0,
    h4: float | Tensor = 0.0,
) -> Tensor:
    """Flux (..., n) on a grid of ``step`` [km/s], convolved with L(v).

    The convolution is circular: the caller pads by about 6 sigma. Parameters as `line_spread_transfer`.
    """
    k = angular_frequency(flux.shape[-1], step).to(flux.device)
    return apply_transfer(flux, line_spread_transfer(k, resolving_power=resolving_power, h3=h3, h4=h4))


def _area(h4: Real) -> Real:
    """Area of the Gauss-Hermite series before normalisation; H3 contributes nothing."""
    return 1.0 + h4 * (math.sqrt(6.0) / 4.0)
