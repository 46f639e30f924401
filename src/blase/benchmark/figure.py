"""The scalings as a picture, drawn with matplotlib's objects only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator, StrMethodFormatter

_JOBS = {"gradient": ("value + gradient", "#0072b2", "o"), "step": ("structured step", "#d55e00", "s")}
_TITLES = {"lines": "lines, on all samples", "samples": "samples, at constant density of lines"}


def plot_scaling(scaling: Mapping[str, Any]) -> Figure:
    """Time against number of lines (left) and of samples (right), with the fitted exponents."""
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    for axes, (size, title) in zip(figure.subplots(1, 2, sharey=True), _TITLES.items(), strict=True):
        _draw(axes, scaling[size], size)
        axes.set_xlabel(f"number of {title}")
    figure.axes[0].set_ylabel("time [ms]")
    return figure


def _draw(axes: Axes, series: Mapping[str, Any], size: str) -> None:
    x = [point[f"n_{size}"] for point in series["points"]]
    for job, (name, colour, marker) in _JOBS.items():
        y = [1e3 * point[f"{job}_seconds"] for point in series["points"]]
        label = f"{name}: n^{series['exponent'][job]:.2f}"
        axes.plot(x, y, color=colour, marker=marker, lw=1.2, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(x, [f"{value:,}" for value in x])
    axes.xaxis.set_minor_locator(NullLocator())
    for which in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        which(StrMethodFormatter("{x:g}"))
    axes.grid(alpha=0.3, lw=0.5)
    axes.legend(frameon=False, fontsize=9)
