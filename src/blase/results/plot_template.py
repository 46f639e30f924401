"""The star at full resolution: as fitted, with its error, against the theoretical template."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blase.errors import InputError
from blase.results.diagnostics import column
from blase.results.figure import Palette
from blase.results.result import FitResult
from blase.results.theory import theoretical_template

FITTED = "#9b3d7a"
"""Colour of the fitted template, that of the report."""


def plot_template(
    result: FitResult,
    axes: Axes | None = None,
    *,
    wavelength_range: tuple[float, float] | None = None,
    palette: Palette | None = None,
) -> Axes:
    """Draw the fitted star with a band of one standard error, and the theoretical one, at rest and unblurred.

    Parameters
    ----------
    axes : matplotlib axes to draw into; a new figure where None.
    wavelength_range : (low, high) at rest [vacuum Angstrom]; all of the template where None.

    Returns the axes. Raises `InputError` where no sample of the template lies in the range.
    """
    wavelength = column(result.template, "wavelength")
    low, high = wavelength_range or (-np.inf, np.inf)
    inside = (wavelength >= low) & (wavelength <= high)
    if not inside.any():
        covered = f"{wavelength[0]:.2f} to {wavelength[-1]:.2f}" if wavelength.size else "nothing"
        raise InputError(
            "the template has nothing in this range",
            value=f"{low:g} to {high:g} Angstrom",
            expected=f"a range that overlaps {covered} Angstrom, at rest",
            fix="choose another --wavelength",
        )
    colours = palette or Palette()
    if axes is None:
        axes = Figure(figsize=(10.0, 3.6), layout="constrained").subplots()
    fitted, error = column(result.template, "normalised"), column(result.template, "uncertainty")
    x, y, band = wavelength[inside], fitted[inside], error[inside]
    axes.fill_between(x, y - band, y + band, color=FITTED, alpha=0.25, lw=0, label="± 1σ")
    axes.plot(x, y, color=FITTED, lw=1.0, label="as fitted")
    theory = theoretical_template(result)[inside]
    axes.plot(x, theory, color=colours.ink, lw=0.9, ls=(0, (5, 2)), label="theory")
    axes.set_xlabel("vacuum wavelength at rest [Å]", color=colours.ink)
    axes.set_ylabel("flux / continuum", color=colours.ink)
    axes.set_xlim(x[0], x[-1])
    axes.ticklabel_format(axis="x", useOffset=False)
    axes.legend(frameon=False, fontsize=8, labelcolor=colours.ink, ncols=3, loc="lower right")
    return axes
