"""Jacobian of the standard forward model: sparse columns of the lines, dense columns of everything else.

A line moves only the pixels near it, so its columns are a product of sparse matrices: detector and line spread, times
rotation, times minus the transmitted light, times the derivatives of one Voigt profile inside a window. Windows here
are narrower than those of the model: the curvature of a fit may be approximate, its gradient is not (it comes
from autograd).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csc_matrix, csr_matrix, diags, hstack, vstack
from torch import Tensor
from torch.func import functional_call, jvp

from blase.constants import SPEED_OF_LIGHT
from blase.fit.objective import Data
from blase.fit.parameters import ParameterSpace
from blase.functional.line_spread import line_spread_profile, velocity_sigma
from blase.functional.optical_depth import near_half_width
from blase.functional.optical_depth_numba import window_derivatives
from blase.functional.pixels import PixelWeights
from blase.functional.rotation import rotation_stencil
from blase.model.forward import OrderModel, SpectrumModel
from blase.model.lines import VoigtLines

WINDOW_TOLERANCE = 3e-4
"""Optical depth at which the derivative of a line is cut off in the curvature."""
BROAD = 80.0
"""Lines whose window reaches farther than this [km/s] join the dense columns, so that the band stays narrow."""
LINE_PARAMETERS = ("centre_shift", "log_strength", "log_sigma", "log_gamma")


@dataclass(frozen=True)
class Jacobian:
    """d(model / sigma) / dz: `local` (n_pixels, n_local) sparse, `dense` (n_pixels, n_dense).

    `local_index` and `dense_index` say which entries of z the columns belong to; local columns run in order of
    wavelength. The few very broad lines count as dense.
    """

    local: csr_matrix
    dense: np.ndarray
    local_index: np.ndarray
    dense_index: np.ndarray

    def along(self, step: np.ndarray) -> np.ndarray:
        """Change of model / sigma (n_pixels,) for a change `step` of z, to first order."""
        return np.asarray(self.local @ step[self.local_index] + self.dense @ step[self.dense_index])


def line_derivatives(wavelength: np.ndarray, lines: VoigtLines, velocity: Tensor | float, index: Tensor) -> csc_matrix:
    """d tau / d (centre_shift, log_strength, log_sigma, log_gamma), shape (n, 4 n_lines), four columns a line."""
    with torch.no_grad():
        seen = {k: v.numpy() for k, v in lines.observed(velocity, index).items()}
    c, a, s, g = seen["centre"], seen["strength"], seen["sigma"], seen["gamma"]
    half = window_half_width(a, s, g)
    lo, hi = np.searchsorted(wavelength, c - half), np.searchsorted(wavelength, c + half)
    start = np.concatenate([[0], np.cumsum(hi - lo)])
    values = window_derivatives(wavelength, c, a, s, g, lo, hi, start)
    per_unit = np.stack([c / SPEED_OF_LIGHT, a, s, g])  # chain rule to km/s and logarithms
    values *= np.repeat(per_unit, hi - lo, axis=1)
    return _interleave(values, lo, hi, start, wavelength.size)


def window_half_width(a: np.ndarray, s: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Distance [Angstrom] at which the optical depth of a line falls to the tolerance of the curvature."""
    lorentz = np.sqrt(a * g / (np.pi * WINDOW_TOLERANCE))
    return np.maximum(near_half_width(a, s, g, soft=0.0, tolerance=WINDOW_TOLERANCE), lorentz)


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
    return csr_matrix((weights.weight.numpy().ravel(), weights.index.numpy().ravel(), pointers), shape=(rows, n))


def _detector(model: SpectrumModel, order: OrderModel) -> csr_matrix:
    """Line spread, pixels and continuum as one sparse matrix (n_pixels, n_grid)."""
    n = order.grid.wavelength.numel()
    if order.pixels is None:
        matrix: csr_matrix = diags(np.ones(n), format="csr")
    else:
        matrix = _pixel_matrix(order.pixels, n)
    if model.line_spread is not None:
        resolving_power = float(torch.exp(model.line_spread.log_resolving_power))
        half = int(np.ceil(4.5 * velocity_sigma(resolving_power) / order.step))
        offsets = torch.arange(-half, half + 1, dtype=torch.float64) * order.step
        kernel = line_spread_profile(offsets, resolving_power=resolving_power).numpy()
        matrix = matrix @ _toeplitz(kernel / kernel.sum(), n)
    scale = order.scale()
    return diags(scale.numpy()) @ matrix if isinstance(scale, Tensor) else matrix


def _rotation(model: SpectrumModel, order: OrderModel) -> csr_matrix | None:
    star = model.star
    if star is None or not star.rotates:
        return None
    vsini = float(star.vsini_squared.clamp(min=0)) ** 0.5
    kernel = rotation_stencil(order.step, vsini=vsini, limb_darkening=float(star.limb_darkening))
    return _toeplitz(kernel, order.grid.wavelength.numel())


def _order_lines(model: SpectrumModel, order: OrderModel) -> tuple[csr_matrix | None, csr_matrix | None]:
    """Derivatives (n_pixels, 4 n_lines) of one order's flux by its stellar and by its telluric lines."""
    grid = order.grid.array
    detector = _detector(model, order)
    rotated, transmission = (t.numpy() for t in order.absorption(model.star, model.atmosphere))
    stellar = telluric = None
    if model.star is not None:
        path = detector @ diags(transmission)
        rotation = _rotation(model, order)
        path = path if rotation is None else path @ rotation
        intrinsic = model.star.intrinsic(order.grid, order.stellar).numpy()
        slopes = line_derivatives(grid, model.star.lines, model.star.radial_velocity, order.stellar)
        stellar = (path @ diags(-intrinsic)) @ slopes
    if model.atmosphere is not None:
        slopes = line_derivatives(grid, model.atmosphere.lines, model.atmosphere.wind_velocity, order.telluric)
        telluric = (detector @ diags(-rotated * transmission)) @ slopes
    return stellar, telluric


def _columns_of(space: ParameterSpace, prefix: str, count: int) -> np.ndarray:
    """Entry of z for every (line, kind), shape (n_lines, 4); -1 where frozen."""
    columns = np.full((count, 4), -1, dtype=np.int64)
    for k, kind in enumerate(LINE_PARAMETERS):
        where = space.slices.get(f"{prefix}.lines.{kind}")
        if where is not None:
            columns[:, k] = np.arange(where.start, where.stop)
    return columns


def _widths(space: ParameterSpace) -> np.ndarray:
    widths = np.empty(space.size)
    for name, prior in space.priors.items():
        widths[space.slices[name]] = prior.width.reshape(-1).numpy()
    return widths


@dataclass(frozen=True)
class _LineBlock:
    """Columns of the free line parameters: derivatives, entries of z, wavelengths, and which lines are broad."""

    columns: csc_matrix
    entries: np.ndarray
    position: np.ndarray
    broad: np.ndarray


def _line_block(model: SpectrumModel, space: ParameterSpace) -> _LineBlock:
    """All orders and both absorbers together; a line seen in two orders is one set of columns."""
    pieces = [_order_lines(model, order) for order in model.orders]
    rows = sum(piece.shape[0] for pair in pieces for piece in [next(p for p in pair if p is not None)])
    blocks, entries, position, broad = [csc_matrix((rows, 0))], [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, bool)]
    if model.star is not None:
        part = _absorber(space, "star", model.star.lines, model.star.radial_velocity)
        index = [order.stellar for order in model.orders]
        blocks.append(_stack([pair[0] for pair in pieces], index, part.free))
        entries.append(part.entries), position.append(part.position), broad.append(part.broad)
    if model.atmosphere is not None:
        part = _absorber(space, "atmosphere", model.atmosphere.lines, model.atmosphere.wind_velocity)
        index = [order.telluric for order in model.orders]
        blocks.append(_stack([pair[1] for pair in pieces], index, part.free))
        entries.append(part.entries), position.append(part.position), broad.append(part.broad)
    return _LineBlock(
        hstack(blocks, format="csc"), np.concatenate(entries), np.concatenate(position), np.concatenate(broad)
    )


@dataclass(frozen=True)
class _Absorber:
    free: np.ndarray  # (4 n_lines,) bool
    entries: np.ndarray
    position: np.ndarray
    broad: np.ndarray


def _absorber(space: ParameterSpace, prefix: str, lines: VoigtLines, velocity: Tensor) -> _Absorber:
    columns = _columns_of(space, prefix, len(lines)).reshape(-1)
    seen = {k: v.numpy() for k, v in lines.observed(velocity, torch.arange(len(lines))).items()}
    half = window_half_width(seen["strength"], seen["sigma"], seen["gamma"])
    broad = half / seen["centre"] * SPEED_OF_LIGHT > BROAD
    free = columns >= 0
    return _Absorber(free, columns[free], np.repeat(seen["centre"], 4)[free], np.repeat(broad, 4)[free])


def _stack(pieces: list[csr_matrix], index: list[Tensor], free: np.ndarray) -> csc_matrix:
    count = free.size // 4
    scattered = [_scatter(piece, lines, count) for piece, lines in zip(pieces, index, strict=True)]
    return vstack(scattered, format="csc")[:, free]


def _scatter(piece: csr_matrix, index: Tensor, count: int) -> csr_matrix:
    """Spread the columns of the lines `index` over the columns of all `count` lines."""
    if index.numel() == count:
        return piece
    columns = (4 * index.numpy()[:, None] + np.arange(4)).reshape(-1)
    entries = piece.tocoo()
    return csr_matrix((entries.data, (entries.row, columns[entries.col])), shape=(piece.shape[0], 4 * count))


def _dense_block(model: SpectrumModel, space: ParameterSpace, entries: np.ndarray) -> np.ndarray:
    """Columns of the other parameters by forward-mode autodiff; a continuum touches only its own order."""
    named = {k: v.detach() for k, v in model.named_parameters()}
    columns = []
    for name, where in space.slices.items():
        for k in range(where.stop - where.start):
            if where.start + k not in entries:
                continue
            direction = torch.zeros_like(named[name]).reshape(-1)
            direction[k] = 1.0
            direction = direction.reshape(named[name].shape)
            columns.append(_tangent(model, named, name, direction))
    return np.stack(columns, axis=1) if columns else np.zeros((0, 0))


def _tangent(model: SpectrumModel, named: dict[str, Tensor], name: str, direction: Tensor) -> np.ndarray:
    def along(value: Tensor) -> Tensor:
        return functional_call(model, {**named, name: value}, ())

    return jvp(along, (named[name],), (direction,))[1].detach().numpy()


def jacobian(model: SpectrumModel, data: Data, space: ParameterSpace) -> Jacobian:
    """Jacobian of `model` / sigma at its current parameters, rows of unused pixels zero."""
    with torch.no_grad():
        lines = _line_block(model, space)
    others = np.setdiff1d(np.arange(space.size), lines.entries)
    columns = _dense_block(model, space, others)
    widths = _widths(space)
    weight = np.where(data.used.numpy(), 1 / data.sigma.numpy(), 0.0)
    scaled = (diags(weight) @ lines.columns @ diags(widths[lines.entries])).tocsc()
    narrow = np.flatnonzero(~lines.broad)
    narrow = narrow[np.argsort(lines.position[narrow], kind="stable")]
    broad = np.flatnonzero(lines.broad)
    dense = [scaled[:, broad].toarray()]
    if others.size:
        dense.append(weight[:, None] * columns * widths[others])
    return Jacobian(
        scaled[:, narrow].tocsr(),
        np.hstack(dense),
        lines.entries[narrow],
        np.concatenate([lines.entries[broad], others]),
    )
