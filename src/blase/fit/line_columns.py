"""Derivatives of the optical depth of single lines, and of all lines together, on the grid of one order.

Windows of single lines are narrower here than those of the model: the curvature of a fit may be approximate,
its gradient is not (it comes from autograd).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from blase.constants import SPEED_OF_LIGHT
from blase.fit.floor_columns import bend_slopes, floor_slopes, floor_tangents
from blase.functional.optical_depth import Sampling, near_half_width, optical_depth_tangents
from blase.functional.optical_depth_numba import window_derivatives
from blase.model.lines import VoigtLines

FINE_WINDOWS, COARSE_WINDOWS = 1e-4, 3e-4
"""Optical depth at which the derivative of a line is cut off in the curvature.

What a thousand lines lose at the edges of their windows adds up: with coarse windows, which cost half as
much, a fit of a cool star makes its first big steps well, and then stalls.
"""
LINE_PARAMETERS = ("centre_shift", "log_strength", "log_sigma", "log_gamma")
"""Free parameters of a line, in the order of its columns."""


@dataclass(frozen=True)
class LineSlopes:
    """Derivatives of the (effective) optical depth of single lines by centre, strength, sigma and gamma
    [Angstrom].

    Line `index[i]` is given on the samples lo[i] ... hi[i] - 1, in `values` (4, total) from window[i] on;
    times `factor` (n, 4) they are derivatives by `LINE_PARAMETERS`.
    """

    index: np.ndarray
    values: np.ndarray
    window: np.ndarray
    lo: np.ndarray
    hi: np.ndarray
    factor: np.ndarray

    def followed_by(self, other: LineSlopes) -> LineSlopes:
        """These lines and, after them, those of `other`, on the same samples."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("index", "lo", "hi", "factor"))
        index, lo, hi, factor = (np.concatenate(pair) for pair in pairs)
        window = np.concatenate([self.window, self.window[-1] + other.window[1:]])
        return LineSlopes(index, np.hstack([self.values, other.values]), window, lo, hi, factor)


def window_half_width(a: np.ndarray, s: np.ndarray, g: np.ndarray, tolerance: float) -> np.ndarray:
    """Distance [Angstrom] at which the optical depth of a line falls to `tolerance`."""
    lorentz = np.sqrt(a * g / (np.pi * tolerance))
    return np.maximum(near_half_width(a, s, g, soft=0.0, tolerance=tolerance), lorentz)


@torch.no_grad()
def line_slopes(
    wavelength: np.ndarray,
    lines: VoigtLines,
    velocity: Tensor | float,
    index: Tensor,
    *,
    windows: float = FINE_WINDOWS,
) -> LineSlopes:
    """Slopes of the lines `index` on the samples `wavelength` (n,), down to the optical depth `windows`."""
    seen = lines.observed(velocity, index)
    c, a, s, g = (seen[name].numpy() for name in ("centre", "strength", "sigma", "gamma"))
    half = window_half_width(a, s, g, windows)
    lo, hi = np.searchsorted(wavelength, c - half), np.searchsorted(wavelength, c + half)
    window = np.concatenate([[0], np.cumsum(hi - lo)])
    values = window_derivatives(wavelength, c, a, s, g, lo, hi, window)
    if lines.floors is not None:
        bend_slopes(values, window, seen, lines.floors, index)
    factor = np.stack([c / SPEED_OF_LIGHT, a, s, g], axis=1)
    return LineSlopes(index.numpy(), values, window, lo, hi, factor)


def slopes_by_floor(
    wavelength: np.ndarray,
    lines: VoigtLines,
    velocity: Tensor | float,
    index: Tensor,
    *,
    windows: float = FINE_WINDOWS,
) -> LineSlopes:
    """Slopes by the floors of the lines `index`, down to `windows`; `LineSlopes.index` counts floors.

    To the solvers a floor is another line, whose four columns are `FLOOR_PARAMETERS`.
    """
    assert lines.floors is not None
    with torch.no_grad():
        seen = lines.observed(velocity, index)
    which, values, lo, hi = floor_slopes(wavelength, seen, lines.floors, index, windows)
    window = np.concatenate([[0], np.cumsum(hi - lo)])
    return LineSlopes(which, values, window, lo, hi, np.ones((which.size, 4)))


@torch.no_grad()
def shared_tangents(grid: Sampling, lines: VoigtLines, velocity: Tensor, index: Tensor) -> np.ndarray:
    """d tau / d (velocity and the scales of strength, sigma and gamma shared by all lines), (n, 4).

    Where lines have species, one more column for the scale of each of them follows, (n, 4 + n_species).

    What single lines lose at the edges of their windows adds up over thousands of lines, so these are
    not sums of the columns but exact tangents. Centre, strength and widths all grow with the Doppler factor,
    whose logarithm has the slope 1 / (c (1 - v^2/c^2)).
    """
    if lines.species:
        parts = [
            _tangents_of(grid, lines, velocity, index[lines.species_index[index] == k])
            for k in range(len(lines.species))
        ]
        return np.hstack([np.sum(parts, axis=0), *(part[:, 1:2] for part in parts)])
    return _tangents_of(grid, lines, velocity, index)


def _tangents_of(grid: Sampling, lines: VoigtLines, velocity: Tensor, index: Tensor) -> np.ndarray:
    """The four columns (n, 4) of the lines `index`."""
    seen = lines.observed(velocity, index)
    slope = 1.0 / (SPEED_OF_LIGHT * (1.0 - (float(velocity) / SPEED_OF_LIGHT) ** 2))
    along = {name: value * slope for name, value in seen.items()}
    tangents = optical_depth_tangents(grid, seen, along)
    if lines.floors is not None:
        tangents += floor_tangents(grid.array, seen, along, lines.floors, index)
    return tangents
