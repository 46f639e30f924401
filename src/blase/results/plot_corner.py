"""Global parameters against each other: the Gaussian that the fit reports, as ellipses and curves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from blase.errors import InputError
from blase.results.figure import Palette
from blase.results.result import FitResult

FloatArray = NDArray[np.float64]
LEVELS = (0.6827, 0.9545)
"""Probability inside each ellipse."""
_TITLES = {
    "radial_velocity": "radial velocity",
    "vsini": "$v\\,\\sin i$",
    "resolving_power": "resolving power",
    "stellar_sigma_scale": "scale of $\\sigma$",
}


def global_covariance(summary: Mapping[str, Any]) -> tuple[list[str], FloatArray, FloatArray]:
    """Names, values (n,) and covariance (n, n) of the global parameters with an error and a correlation.

    Parameters without an error (held, or known by an upper limit only) are left out.
    """
    correlation = summary.get("correlation") or {}
    names = correlation.get("names") or []
    kept = [k for k, name in enumerate(names) if (summary.get(name) or {}).get("error")]
    values = np.array([summary[names[k]]["value"] for k in kept], dtype=np.float64)
    errors = np.array([summary[names[k]]["error"] for k in kept], dtype=np.float64)
    matrix = np.asarray(correlation.get("matrix") or np.empty((0, 0)), dtype=np.float64)
    among = matrix[np.ix_(kept, kept)] if kept else np.empty((0, 0))
    return [names[k] for k in kept], values, among * np.outer(errors, errors)


def ellipse(centre: FloatArray, covariance: FloatArray, probability: float, n: int = 181) -> FloatArray:
    """Points (2, n) of the ellipse about `centre` (2,) that holds `probability` of a normal distribution.

    In two dimensions the squared Mahalanobis distance that holds p is -2 ln(1 - p).
    """
    angle = np.linspace(0, 2 * np.pi, n)
    circle = np.sqrt(-2 * np.log1p(-probability)) * np.array([np.cos(angle), np.sin(angle)])
    return np.asarray(centre[:, None] + np.linalg.cholesky(covariance) @ circle)


def plot_corner(
    result: FitResult, axes: NDArray[Any] | None = None, *, palette: Palette | None = None
) -> NDArray[Any]:
    """Draw every pair of global parameters as ellipses of 68 and 95 %, and each alone as a curve.

    Parameters
    ----------
    axes : matplotlib axes of shape (n, n), n the number of parameters; a new figure where None.

    Returns the axes (n, n). Raises `InputError` where fewer than two parameters have errors, or where the
    axes have another shape.
    """
    names, values, covariance = global_covariance(result.summary)
    if len(names) < 2:
        raise InputError(
            "a corner plot needs two parameters with errors",
            value=", ".join(names) or "none",
            expected="radial velocity, rotation, resolving power or line widths free",
            fix="fit without --fix, or read summary.json for what was held",
        )
    colours, count = palette or Palette(), len(names)
    if axes is None:
        figure = Figure(figsize=(2.1 * count + 0.6, 2.1 * count + 0.6), layout="constrained")
        axes = figure.subplots(count, count)
    grid = np.asarray(axes)
    if grid.shape != (count, count):
        raise InputError(
            "the axes of a corner plot have the wrong shape",
            value=str(grid.shape),
            expected=f"({count}, {count}), for {', '.join(names)}",
            fix="give that many, or none",
        )
    deviation = np.sqrt(np.diag(covariance))
    for row in range(count):
        for column in range(count):
            panel = grid[row, column]
            if column > row:
                panel.set_axis_off()
                continue
            panel.set_xlim(values[column] - 3.5 * deviation[column], values[column] + 3.5 * deviation[column])
            if row == column:
                _draw_curve(panel, values[row], deviation[row], colours)
                panel.set_title(_value_text(names[row], result.summary), fontsize=9, color=colours.ink)
            else:
                _draw_ellipses(panel, values, covariance, row, column, colours)
            _label(panel, names, row, column, count, colours)
    return grid


def _draw_curve(panel: Axes, value: float, deviation: float, colours: Palette) -> None:
    x = np.linspace(-3.5, 3.5, 201)
    panel.plot(value + deviation * x, np.exp(-0.5 * x**2), color=colours.star, lw=1.4)
    for side in (-1, 1):
        panel.axvline(value + side * deviation, color=colours.ink, lw=0.8, ls="--")
    panel.set_yticks([])


def _draw_ellipses(
    panel: Axes, values: FloatArray, covariance: FloatArray, row: int, column: int, colours: Palette
) -> None:
    pair = np.ix_([column, row], [column, row])
    centre = values[[column, row]]
    for probability, alpha in zip(LEVELS[::-1], (0.18, 0.35), strict=True):
        x, y = ellipse(centre, covariance[pair], probability)
        panel.fill(x, y, color=colours.star, alpha=alpha, lw=0)
        panel.plot(x, y, color=colours.star, lw=1.0)
    panel.plot(*centre, marker="+", color=colours.model, ms=8)
    height = 3.5 * float(np.sqrt(covariance[row, row]))
    panel.set_ylim(values[row] - height, values[row] + height)


def _label(panel: Axes, names: list[str], row: int, column: int, count: int, colours: Palette) -> None:
    panel.tick_params(colors=colours.ink, labelsize=7)
    panel.ticklabel_format(useOffset=False, style="plain", axis="x")
    panel.locator_params(nbins=3, axis="x")
    if row != column:
        panel.ticklabel_format(useOffset=False, style="plain", axis="y")
        panel.locator_params(nbins=3, axis="y")
    if row == count - 1:
        panel.set_xlabel(_TITLES.get(names[column], names[column]), fontsize=9, color=colours.ink)
    else:
        panel.set_xticklabels([])
    if column == 0 and row > 0:
        panel.set_ylabel(_TITLES.get(names[row], names[row]), fontsize=9, color=colours.ink)
    elif row != column:
        panel.set_yticklabels([])


def _value_text(name: str, summary: Mapping[str, Any]) -> str:
    entry = summary[name]
    decimals = max(0, 1 - int(np.floor(np.log10(entry["error"]))))
    unit = f" {entry['unit']}" if entry.get("unit") else ""
    return f"{entry['value']:.{decimals}f} ± {entry['error']:.{decimals}f}{unit}"
