"""Starting radial velocity by weighted cross-correlation, with the continuum solved exactly at every trial.

The shift that minimises chi-square over a linear continuum is the maximum of the cross-correlation in the
sense of Zucker (2003, MNRAS 342, 1291): its peak counts every pixel by its error and no continuum has to be
guessed first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from blase.functional.continuum import legendre_basis, normalised_coordinate
from blase.functional.convolution import apply_transfer
from blase.functional.pixels import PixelWeights, integrate_pixels

_BATCH = 64


@dataclass(frozen=True)
class SearchOrder:
    """One order prepared for the search.

    `star` and `telluric` (n,) lie on one grid uniform in ln(wavelength), which is wider than the order by the
    largest trial velocity; `pixels` integrate it; `flux` (m,) has the blaze divided out; `weight` (m,) is
    1/sigma^2, zero where unused.
    """

    star: Tensor
    telluric: Tensor
    pixels: PixelWeights
    wavelength: Tensor
    flux: Tensor
    weight: Tensor


def _chi_square(order: SearchOrder, trials: Tensor, transfer: Tensor, degree: int) -> Tensor:
    """Smallest chi-square over the continuum for every trial spectrum (k, n)."""
    seen = integrate_pixels(apply_transfer(trials, transfer), order.pixels)
    basis = legendre_basis(normalised_coordinate(order.wavelength), degree)
    pairs = (basis[:, :, None] * basis[:, None, :] * order.weight[:, None, None]).flatten(1)
    normal = (seen**2 @ pairs).unflatten(1, (degree + 1, degree + 1))
    right = (seen * (order.weight * order.flux)) @ basis
    scale = normal.diagonal(dim1=1, dim2=2).mean(1, keepdim=True)
    ridge = 1e-12 * scale + torch.finfo(scale.dtype).tiny  # also where no pixel is used
    solution = torch.linalg.solve(normal + torch.diag_embed(ridge.expand_as(right)), right)
    return (order.weight * order.flux**2).sum() - (right * solution).sum(1)


def shifted_chi_square(
    orders: list[SearchOrder], shifts: np.ndarray, transfers: list[Tensor], degree: int
) -> np.ndarray:
    """Chi-square (k,) of all orders together when the star is moved by whole samples `shifts` (k,)."""
    total = np.zeros(shifts.size)
    for order, transfer in zip(orders, transfers, strict=True):
        for start in range(0, shifts.size, _BATCH):
            moved = torch.stack([torch.roll(order.star, int(k)) for k in shifts[start : start + _BATCH]])
            total[start : start + _BATCH] += _chi_square(
                order, moved * order.telluric, transfer, degree
            ).numpy()
    return total


def parabola_minimum(x: np.ndarray, y: np.ndarray) -> float:
    """Minimum of the parabola through the lowest of evenly spaced samples and its two neighbours."""
    k = int(np.clip(np.argmin(y), 1, y.size - 2))
    below, here, above = y[k - 1 : k + 2]
    curvature = below - 2 * here + above
    return float(x[k] + (0.5 * (below - above) / curvature if curvature > 0 else 0.0) * (x[1] - x[0]))
