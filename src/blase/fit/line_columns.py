"""How the flux of one order answers to its lines: sparse columns, a few hundred samples wide at most.

A line moves only the pixels near it, so its columns are a product of sparse matrices: detector and line
spread, times rotation, times minus the transmitted light, times the derivatives of one Voigt profile inside a
window. Windows here are narrower than those of the model: the curvature of a fit may be approximate, its
gradient is not (it comes from autograd).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csc_matrix, csr_matrix, diags
from torch import Tensor, nn
from torch.func import functional_call, jvp

from blase.constants import SPEED_OF_LIGHT
from blase.functional.line_spread import line_spread_profile, velocity_sigma
from blase.functional.optical_depth import near_half_width, optical_depth_tangent
from blase.functional.optical_depth_numba import window_derivatives
from blase.functional.pixels import PixelWeights
from blase.functional.rotation import rotation_stencil
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.lines import VoigtLines

WINDOW_TOLERANCE = 3e-4
"""Optical depth at which the derivative of a line is cut off in the curvature."""
LINE_PARAMETERS = ("centre_shift", "log_strength", "log_sigma", "log_gamma")
"""Free parameters of a line, in the order of its columns."""


@dataclass(frozen=True)
class LineColumns:
    """Answer of one order's pixels to one absorber.

    `columns` (n_pixels, 4 n_lines): derivatives by the four parameters of each line; `together` (n_pixels,
    4): by a common change of each parameter in all lines.
    """

    columns: csr_matrix
    together: np.ndarray


def window_half_width(a: np.ndarray, s: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Distance [Angstrom] at which the optical depth of a line falls to the tolerance of the curvature."""
    lorentz = np.sqrt(a * g / (np.pi * WINDOW_TOLERANCE))
    return np.maximum(near_half_width(a, s, g, soft=0.0, tolerance=WINDOW_TOLERANCE), lorentz)


def line_derivatives(
    wavelength: np.ndarray, lines: VoigtLines, velocity: Tensor | float, index: Tensor
) -> csc_matrix:
    """d tau / d (centre_shift, log_strength, log_sigma, log_gamma), (n, 4 n_lines), four columns a line."""
    seen = {k: v.detach().numpy() for k, v in lines.observed(velocity, index).items()}
    c, a, s, g = seen["centre"], seen["strength"], seen["sigma"], seen["gamma"]
    half = window_half_width(a, s, g)
    lo, hi = np.searchsorted(wavelength, c - half), np.searchsorted(wavelength, c + half)
    start = np.concatenate([[0], np.cumsum(hi - lo)])
    values = window_derivatives(wavelength, c, a, s, g, lo, hi, start)
    per_unit = np.stack([c / SPEED_OF_LIGHT, a, s, g])  # chain rule to km/s and logarithms
    values *= np.repeat(per_unit, hi - lo, axis=1)
    return _interleave(values, lo, hi, start, wavelength.size)


def _interleave(values: np.ndarray, lo: np.ndarray, hi: np.ndarray, start: np.ndarray, n: int) -> csc_matrix:
    """Sparse (n, 4 n_lines) from the four blocks of window values, columns grouped by line."""
    length = hi - lo
    within = np.arange(start[-1]) - np.repeat(start[:-1], length)
    rows = np.repeat(lo, length) + within
    offset = 4 * np.repeat(start[:-1], length) + within
    data, indices = np.empty(4 * start[-1]), np.empty(4 * start[-1], dtype=np.int64)
    for k in range(4):
        place = offset + k * np.repeat(length, length)
        data[place], indices[place] = values[k], rows
    pointers = np.concatenate([[0], np.cumsum(np.repeat(length, 4))])
    return csc_matrix((data, indices, pointers), shape=(n, 4 * length.size))


def _toeplitz(kernel: np.ndarray, n: int) -> csr_matrix:
    half = kernel.size // 2
    return diags(list(kernel), list(range(-half, half + 1)), shape=(n, n), format="csr")


def _pixel_matrix(weights: PixelWeights, n: int) -> csr_matrix:
    rows, taps = weights.index.shape
    pointers = np.arange(0, rows * taps + 1, taps)
    return csr_matrix(
        (weights.weight.numpy().ravel(), weights.index.numpy().ravel(), pointers), shape=(rows, n)
    )


def _detector(model: SpectrumModel, order: OrderModel) -> csr_matrix:
    """Line spread, pixels and continuum as one sparse matrix (n_pixels, n_grid)."""
    n = order.grid.wavelength.numel()
    matrix: csr_matrix = (
        diags(np.ones(n), format="csr") if order.pixels is None else _pixel_matrix(order.pixels, n)
    )
    if model.line_spread is not None:
        spread = model.line_spread
        resolving_power = float(torch.exp(spread.log_resolving_power))
        half = int(np.ceil(4.5 * velocity_sigma(resolving_power) / order.step))
        velocity = torch.arange(half, -half - 1, -1, dtype=torch.float64) * order.step  # row less column
        kernel = line_spread_profile(
            velocity, resolving_power=resolving_power, h3=spread.h3, h4=spread.h4
        ).numpy()
        matrix = matrix @ _toeplitz(kernel / kernel.sum(), n)
    scale = order.scale()
    return diags(scale.detach().numpy()) @ matrix if isinstance(scale, Tensor) else matrix


def _rotate(path: csr_matrix, model: SpectrumModel, order: OrderModel) -> csr_matrix:
    star = model.star
    if star is None or not star.rotates:
        return path
    vsini = float(star.vsini_squared.detach().clamp(min=0)) ** 0.5
    kernel = rotation_stencil(order.step, vsini=vsini, limb_darkening=float(star.limb_darkening.detach()))
    return path @ _toeplitz(kernel, order.grid.wavelength.numel())


def _shared_derivatives(order: OrderModel, lines: VoigtLines, velocity: Tensor, index: Tensor) -> np.ndarray:
    """d tau / d (velocity and the three scales shared by all lines), (n, 4), wings and all.

    What single lines lose at the edges of their windows adds up over thousands of lines, so these are not
    sums of the columns but exact tangents.
    """
    scales = {f"{kind}_scale": getattr(lines, f"{kind}_scale").detach() for kind in LINE_PARAMETERS[1:]}
    point = {"velocity": velocity.detach()} | scales

    def observed(values: dict[str, Tensor]) -> dict[str, Tensor]:
        named = {name: value for name, value in values.items() if name != "velocity"}
        return functional_call(
            _Observed(lines), {f"lines.{n}": v for n, v in named.items()}, (values["velocity"], index)
        )

    columns = []
    for name in point:
        direction = {n: torch.ones_like(v) if n == name else torch.zeros_like(v) for n, v in point.items()}
        seen, change = jvp(observed, (point,), (direction,), has_aux=False)[:2]
        columns.append(optical_depth_tangent(order.grid, seen, change).numpy())
    return np.stack(columns, axis=1)


class _Observed(nn.Module):
    """`VoigtLines.observed` as the call of a module, so that its parameters can be exchanged."""

    def __init__(self, lines: VoigtLines) -> None:
        super().__init__()
        self.lines = lines

    def forward(self, velocity: Tensor, index: Tensor) -> dict[str, Tensor]:
        return self.lines.observed(velocity, index)


def _columns(path: csr_matrix, slopes: csc_matrix, shared: np.ndarray) -> LineColumns:
    return LineColumns((path @ slopes).tocsr(), np.asarray(path @ shared))


@dataclass(frozen=True)
class OrderSpectra:
    """Spectra of one order on its grid, each (n,), computed once for all columns of a Jacobian."""

    intrinsic: Tensor
    rotated: Tensor
    transmission: Tensor


@torch.no_grad()
def order_spectra(model: SpectrumModel, order: OrderModel) -> OrderSpectra:
    """Unrotated star, rotated star and transmission; ones where the model has none."""
    ones = torch.ones_like(order.grid.wavelength)
    intrinsic = ones if model.star is None else model.star.intrinsic(order.grid, order.stellar)
    rotated = ones if model.star is None else model.star.rotate(intrinsic, order.step)
    transmission = ones if model.atmosphere is None else model.atmosphere(order.grid, order.telluric)
    return OrderSpectra(intrinsic, rotated, transmission)


@torch.no_grad()
def order_line_columns(
    model: SpectrumModel, order: OrderModel, spectra: OrderSpectra
) -> dict[str, LineColumns]:
    """Answers of one order to the lines of the star (`"star"`) and of the atmosphere (`"atmosphere"`)."""
    detector = _detector(model, order)
    rotated, transmission = spectra.rotated.numpy(), spectra.transmission.numpy()
    out = {}
    if model.star is not None:
        path = _rotate(detector @ diags(transmission), model, order) @ diags(-spectra.intrinsic.numpy())
        slopes = line_derivatives(
            order.grid.array, model.star.lines, model.star.radial_velocity, order.stellar
        )
        shared = _shared_derivatives(order, model.star.lines, model.star.radial_velocity, order.stellar)
        out["star"] = _columns(path, slopes, shared)
    if model.atmosphere is not None:
        path, wind = detector @ diags(-rotated * transmission), model.atmosphere.wind_velocity
        slopes = line_derivatives(order.grid.array, model.atmosphere.lines, wind, order.telluric)
        shared = _shared_derivatives(order, model.atmosphere.lines, wind, order.telluric)
        out["atmosphere"] = _columns(path, slopes, shared)
    return out
