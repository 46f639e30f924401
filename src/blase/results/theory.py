"""What the theoretical template said of every line and sample of a fit: the side to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.table import QTable
from numpy.typing import NDArray

from blase.constants import SPEED_OF_LIGHT
from blase.containers.line_list import FLOOR_COLUMNS, LineList
from blase.fit.equivalent_width import equivalent_width
from blase.results.diagnostics import column

if TYPE_CHECKING:
    from blase.results.result import FitResult

FloatArray = NDArray[np.float64]
_SHAPE = ("centre", "strength", "sigma", "gamma")


def cloned_lines(lines: QTable, origin: str = "stellar") -> LineList:
    """The lines of one origin as they were cloned, those that the fit dropped among them."""
    values = {name: column(lines, f"{name}_cloned") for name in _SHAPE}
    known = np.isfinite(list(values.values())).all(axis=0) & (values["strength"] > 0)
    known &= np.asarray(lines["origin"]) == origin
    floors = {name: column(lines, f"{name}_cloned")[known] for name in FLOOR_COLUMNS}
    whole = np.isfinite(list(floors.values())).all(axis=0)
    floors = {name: np.where(whole, level, np.nan) for name, level in floors.items()}
    return LineList(**{name: value[known] for name, value in values.items()}, **floors)


def theoretical_template(result: FitResult) -> FloatArray:
    """The star as it was cloned, exp(-tau) of shape (n,), on the samples of `result.template`.

    At rest, vacuum, neither rotated nor blurred: what `normalised` was before the data were seen.
    """
    from blase.cloning.template_model import optical_depth_of

    wavelength = column(result.template, "wavelength")
    lines = cloned_lines(result.lines)
    if wavelength.size < 2 or not len(lines):
        return np.ones(wavelength.size)
    return np.asarray(np.exp(-optical_depth_of(lines, wavelength)))


def cloned_equivalent_width(lines: QTable) -> FloatArray:
    """Equivalent width (n_lines,) [Angstrom] of every line as it was cloned; NaN for added lines."""
    values = {name: column(lines, f"{name}_cloned") for name in _SHAPE}
    floors = {name: column(lines, f"{name}_cloned") for name in FLOOR_COLUMNS}
    known = np.isfinite(list(values.values())).all(axis=0) & (values["strength"] > 0)
    floored = known & np.isfinite(list(floors.values())).all(axis=0)
    out = np.full(len(lines), np.nan)
    for some, levels in ((known & ~floored, None), (floored, floors)):
        if some.any():
            per_velocity = values["centre"][some] / SPEED_OF_LIGHT
            out[some] = equivalent_width(
                values["strength"][some],
                sigma=values["sigma"][some] * per_velocity,
                gamma=values["gamma"][some] * per_velocity,
                floors=None if levels is None else {name: level[some] for name, level in levels.items()},
            )
    return out


def width_departure(lines: QTable) -> FloatArray:
    """(W - W_cloned) / error of W, shape (n_lines,): by how many errors theory and data disagree.

    The equivalent width is the combination of strength and widths that data measure well. NaN for added and
    dropped lines, and where the error is zero or unknown.
    """
    error = column(lines, "equivalent_width_error")
    moved = column(lines, "equivalent_width") - cloned_equivalent_width(lines)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(error > 0, moved / error, np.nan)
