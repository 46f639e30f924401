"""The cut of water lines 25 cm^-1 from their centres that a water continuum presupposes.

The continua of the MT_CKD family contain everything farther than 25 cm^-1 from a line and, within, a pedestal
as high as the line is there (Clough et al. 1989, Atmos. Res. 23, 229; Mlawer et al. 2012, Phil. Trans. R.
Soc. A 370, 2520, doi:10.1098/rsta.2011.0295). So of a line that has been summed with its whole wings
there remains

    V(x) - (gamma/pi) min(1/x^2, 1/25^2),

the wing gone beyond 25 cm^-1, the pedestal gone within. What is subtracted is smooth on the scale of the cut:
all lines are put on a coarse grid and convolved with it at once.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

CUT = 25.0
"""Distance [cm^-1] from the centre."""
_SPACING = 0.1  # of the coarse grid [cm^-1]


def pedestal(wavenumber: Tensor, *, centre: Tensor, weight: Tensor) -> Tensor:
    """sum_j w_j min(1/x^2, 1/25^2) with w = A gamma / pi, (n,), at increasing `wavenumber` (n,) [cm^-1].

    `centre` [cm^-1] and `weight` [cm^-1], both (m,), may be of any lines; those outside the range count too.
    """
    if centre.numel() == 0:
        return torch.zeros_like(wavenumber)
    low = min(float(wavenumber[0]), float(centre.detach().min())) - 2 * _SPACING
    high = max(float(wavenumber[-1]), float(centre.detach().max())) + 2 * _SPACING
    n = math.ceil((high - low) / _SPACING) + 1
    distance = _SPACING * torch.arange(-(n - 1), n, dtype=torch.float64)
    kernel = 1 / torch.clamp(distance**2, min=CUT**2)
    size = 3 * n - 2
    spread = torch.fft.irfft(
        torch.fft.rfft(_spread(centre - low, weight, n), size) * torch.fft.rfft(kernel, size), size
    )
    return _between(spread[n - 1 : 2 * n - 1], (wavenumber - low) / _SPACING)


def _spread(offset: Tensor, weight: Tensor, n: int) -> Tensor:
    """The weights on the coarse grid (n,), each shared by its two neighbours."""
    position = offset / _SPACING
    first = position.detach().floor().long()
    share = position - first
    grid = torch.zeros(n, dtype=weight.dtype)
    return grid.index_add(0, first, weight * (1 - share)).index_add(0, first + 1, weight * share)


def _between(values: Tensor, position: Tensor) -> Tensor:
    """Linear interpolation of `values` at fractional indices."""
    first = position.floor().long().clamp(0, values.numel() - 2)
    share = position - first
    return values[first] * (1 - share) + values[first + 1] * share
