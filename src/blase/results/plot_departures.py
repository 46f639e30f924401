"""Measured equivalent widths against those of theory."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from blase.errors import InputError
from blase.results.diagnostics import column
from blase.results.figure import Palette
from blase.results.result import FitResult
from blase.results.theory import cloned_equivalent_width

DETECTED = 5.0
"""Width over its error from which a line is drawn."""


def plot_departures(
    result: FitResult,
    axes: Axes | None = None,
    *,
    detection: float = DETECTED,
    palette: Palette | None = None,
) -> Axes:
    """Draw the equivalent width of every well measured line against that of the theoretical template.

    Parameters
    ----------
    axes : matplotlib axes to draw into; a new figure where None.
    detection : smallest width over its error of the lines that are drawn.

    Returns the axes. Raises `InputError` where no line is measured so well.
    """
    width, error = column(result.lines, "equivalent_width"), column(result.lines, "equivalent_width_error")
    theory = cloned_equivalent_width(result.lines)
    with np.errstate(divide="ignore", invalid="ignore"):
        shown = np.isfinite(theory) & (width / error >= detection)
    if not shown.any():
        raise InputError(
            "no line is measured well enough to be drawn",
            value=f"{len(width)} lines, none of {detection:g} errors and more",
            expected="equivalent widths with errors",
            fix="give a smaller --detection",
        )
    colours = palette or Palette()
    if axes is None:
        axes = Figure(figsize=(5.2, 5.0), layout="constrained").subplots()
    origin = np.asarray(result.lines["origin"])
    for name, colour, marker in (("stellar", colours.star, "o"), ("telluric", colours.telluric, "^")):
        some = shown & (origin == name)
        if some.any():
            x, y, bar = (1e3 * values[some] for values in (theory, width, error))
            axes.errorbar(x, y, bar, fmt=marker, ms=3.5, lw=0.7, color=colour, label=name)
    ends = 1e3 * np.array(
        [min(theory[shown].min(), width[shown].min()), max(theory[shown].max(), width[shown].max())]
    )
    axes.plot(ends, ends, color=colours.ink, lw=0.8, ls="--", label="equal")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("equivalent width in theory [mÅ]", color=colours.ink)
    axes.set_ylabel("equivalent width as fitted [mÅ]", color=colours.ink)
    axes.legend(frameon=False, fontsize=8, labelcolor=colours.ink)
    return axes
