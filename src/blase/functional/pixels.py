"""Integration of the model over detector pixels, as a sparse linear map built once per order.

A pixel reads the mean flux over its wavelength range, (1 / (l2 - l1)) * integral of F dl. On the model grid
x = ln(lambda) / step, and dl = lambda step dx. F is the local Lagrange polynomial of degree 9 through the ten
samples around each grid cell; seven-point Gauss-Legendre quadrature, exact to degree 13, integrates
it and the Jacobian to rounding error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blase.errors import InputError
from blase.functional.lagrange import BASIS, BEFORE, STENCIL, local_coordinate

Array = NDArray[np.float64]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(7)  # exact to degree 13


@dataclass(frozen=True)
class PixelWeights:
    """Pixel p reads sum over t of weight[p, t] * flux[index[p, t]].

    index : (m, t) int64 positions on the model grid.
    weight : (m, t) float64, rows sum to 1; rows shorter than t are padded with zero weight.
    """

    index: Tensor
    weight: Tensor

    def to(self, device: torch.device | str) -> PixelWeights:
        """The same weights on another device."""
        return PixelWeights(self.index.to(device), self.weight.to(device))


def integrate_pixels(flux: Tensor, weights: PixelWeights) -> Tensor:
    """Mean flux over each pixel: (..., n) on the model grid to (..., m)."""
    return (flux[..., weights.index] * weights.weight).sum(-1)


def pixel_weights(wavelength: Tensor | Array, edges: Tensor | Array) -> PixelWeights:
    """Weights of `integrate_pixels`.

    Parameters
    ----------
    wavelength : (n,) model grid [Angstrom], uniform in ln(lambda), n >= 10.
    edges : (m + 1,) increasing pixel edges [Angstrom], or (m, 2) lower and upper edge of each pixel.

    Raises
    ------
    InputError : if the grid is not uniform in ln(lambda), a pixel is empty, or a pixel leaves the grid.
    """
    grid, pixels = _as_numpy(wavelength), _as_pairs(_as_numpy(edges))
    _check_grid(grid)
    _check_pixels(grid, pixels)
    n = len(grid)
    spacing = np.log(grid[-1] / grid[0]) / (n - 1)
    # log1p keeps the position within the grid accurate to 1e-10 of a cell
    lower, upper = np.clip(np.log1p((pixels - grid[0]) / grid[0]).T / spacing, 0.0, n - 1.0)

    first = np.minimum(np.floor(lower), n - 2.0)
    cells = first[:, None] + np.arange(int(np.max(np.ceil(upper) - first)))  # (m, cells)
    left = np.clip(lower[:, None], cells, cells + 1.0)
    right = np.maximum(np.clip(upper[:, None], cells, cells + 1.0), left)
    start = np.clip(cells - BEFORE, 0, n - STENCIL)  # first sample of each cell's stencil
    return _gather(_cell_weights(left, right, start, spacing), start.astype(np.int64), n)


def _cell_weights(left: Array, right: Array, start: Array, spacing: float) -> Array:
    """Integral of each Lagrange basis function times lambda over [left, right] in grid units.

    All arguments (m, cells); returns (m, cells, STENCIL). lambda is taken relative to the pixel's first
    stencil sample, since a common factor falls out when rows are normalised.
    """
    half = 0.5 * (right - left)[..., None]
    x = 0.5 * (right + left)[..., None] + half * _NODES  # (m, cells, nodes)
    measure = half * _WEIGHTS * np.exp(spacing * (x - start[:, :1, None]))
    local = local_coordinate(x, start[..., None])
    moments = np.empty((*left.shape, STENCIL))
    for power in range(STENCIL):
        moments[..., power] = measure.sum(-1)
        measure *= local
    return moments @ BASIS


def _gather(cell_weights: Array, start: NDArray[np.int64], n: int) -> PixelWeights:
    """Sum the cells (m, cells, STENCIL) of each pixel sample by sample and normalise the rows."""
    m = len(start)
    offset = start - start[:, :1]
    taps = int(offset[:, -1].max()) + STENCIL
    column = offset[..., None] + np.arange(STENCIL) + taps * np.arange(m)[:, None, None]
    weight = np.bincount(column.ravel(), cell_weights.ravel(), minlength=m * taps).reshape(m, taps)
    weight = weight / weight.sum(axis=1, keepdims=True)
    index = np.minimum(start[:, :1] + np.arange(taps), n - 1)
    return PixelWeights(torch.from_numpy(index), torch.from_numpy(weight))


def _as_numpy(values: Tensor | Array) -> Array:
    if isinstance(values, Tensor):
        values = values.detach().cpu().numpy()
    return np.asarray(values, dtype=np.float64)


def _as_pairs(edges: Array) -> Array:
    if edges.ndim == 1 and len(edges) >= 2:
        return np.stack([edges[:-1], edges[1:]], axis=1)
    if edges.ndim == 2 and len(edges) >= 1 and edges.shape[1] == 2:
        return edges
    raise InputError("the pixel edges have a wrong shape", value=edges.shape, expected="(m + 1,) or (m, 2)")


def _check_grid(grid: Array) -> None:
    if grid.ndim != 1 or len(grid) < STENCIL:
        raise InputError("the model grid is too short", value=grid.shape, expected=f"(n,), n >= {STENCIL}")
    steps = np.diff(np.log(grid))
    if not (steps[0] > 0.0 and np.allclose(steps, steps.mean(), rtol=1e-6, atol=1e-14)):
        raise InputError(
            "the model grid is not uniform in ln(lambda)",
            value=f"steps from {steps.min():.6g} to {steps.max():.6g}",
            fix="build it with log_grid",
        )


def _check_pixels(grid: Array, pixels: Array) -> None:
    if not np.all(pixels[:, 1] > pixels[:, 0]):
        row = int(np.argmin(pixels[:, 1] > pixels[:, 0]))
        raise InputError(
            "a pixel is empty or its edges are not increasing",
            value=f"pixel {row}: {pixels[row, 0]} to {pixels[row, 1]} Angstrom",
            fix="sort the pixels by wavelength",
        )
    if pixels.min() < grid[0] or pixels.max() > grid[-1]:
        raise InputError(
            "the pixels reach beyond the model grid",
            value=f"{pixels.min():.4f} to {pixels.max():.4f} Angstrom",
            expected=f"{grid[0]:.4f} to {grid[-1]:.4f} Angstrom",
            fix="extend the model grid or crop the data",
        )
